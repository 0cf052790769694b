"""The LogEvents of the server itself, in the list of its SelfDevice (IEEE 2030.5-2018, 6.10, 8.4.4, 9.6).

Who is refused tries again and again: of a device, each kind of refusal is logged once in QUIET_S, and no more
than MOST of a kind in that time by a process; extendedData says how many of its kind were left out before.
They are for operators (`device log`), since no device needs to know of others; that the time was adjusted is
for every device, and what could not be scheduled for the one that asked. The list is as long as any device's.

The standard has no code for a request that is refused for its content (400), so that is in no LogEvent.
"""
from __future__ import annotations

import threading
from time import monotonic
from typing import Any, NamedTuple

from server import clock
from server.devices import access
from server.devices.identity import Peer
from server.devices.requestcontext import ListPage, RequestContext
from server.errors import Refused
from server.models import EVERYONE, NOBODY
from server.resources import numbering, retrieve, store, table
from server.resources.codes.devices import LogFunctionSet, LogProfile
from server.resources.codes.logevents import PEN_2030_5, FlowReservationEvent, SecurityEvent, TimeEvent
from server.resources.hooks import instead
from server.units import Href, Lfdi

LIST = table.rows["SelfLogEventList"].path
QUIET_S = 3600
MOST = 20  # events of one kind in QUIET_S
_DETAILS = 32  # characters of LogEvent/details
_IDS = 1 << 16  # of logEventID


class SelfLogKind(NamedTuple):
    """What a LogEvent says: its function set and code, and the logEventID where that has a meaning."""
    function_set: int
    code: int
    event_id: int | None = None


_lock = threading.Lock()
_logged: dict[tuple[SelfLogKind, str], float] = {}
_left_out: dict[tuple[int, int], int] = {}  # by function set and code, since the last one that was added


@instead("COUNT", "SelfLogEventList")
def _counts(hrefs: list[str]) -> dict[str, int]:
    """Return no number, since devices see fewer than operators."""
    return {}


@instead("GET", "SelfLogEventList")
def _list(context: RequestContext) -> ListPage:
    """Return the events that the caller sees: none, where it is not enrolled."""
    return ListPage("LogEventList", context.page(retrieve.Selection(LIST, mixed=True)))


def time_adjusted() -> None:
    """Note that the time of this server was adjusted. Joins a transaction if there is one."""
    _add(SelfLogKind(LogFunctionSet.TIME, TimeEvent.ADJUSTED), "", EVERYONE)


def not_scheduled(request: Href, lfdi: Lfdi) -> None:
    """Note that a FlowReservationRequest of a device is granted nothing (10.9.4). Joins a transaction."""
    kind = SelfLogKind(LogFunctionSet.FLOW_RESERVATION, FlowReservationEvent.SCHEDULING_ERROR)
    if (left_out := _due(kind, request)) is not None:
        _add(kind, request, lfdi, left_out)


def tls_alert(address: str, alert: int) -> None:
    """Note a fatal alert that was sent to a client, or came from it (6.10, table 13)."""
    _add_refusal(SelfLogKind(LogFunctionSet.SECURITY, SecurityEvent.TLS_ALERT, alert), address)


def access_failed(who: str) -> None:
    """Note that `who` (an SFDI or an address) was refused for its certificate, outside of TLS."""
    _add_refusal(SelfLogKind(*access.ACCESS_FAILED), who)


def refused(refusal: Refused, href: Href, peer: Peer) -> None:
    """Note a refusal of a request, where it has a LogEvent."""
    event = refusal.log_event or access.log_event(refusal, href, peer.lfdi)
    if event is not None:
        _add_refusal(SelfLogKind(*event), str(peer.sfdi))


def _add_refusal(kind: SelfLogKind, who: str) -> None:
    """Add the LogEvent of a refusal, unless as many as may be have been."""
    if (left_out := _due(kind, who)) is not None:
        _add(kind, who, NOBODY, left_out)


def _due(kind: SelfLogKind, who: str) -> int | None:
    """Return how many events of a kind were left out since the last one of it; None where this one is to be
    left out, too."""
    now = monotonic()
    with _lock:
        for old in [old for old, at in _logged.items() if now - at >= QUIET_S]:
            del _logged[old]
        of_kind = kind[:2]
        if (kind, who) in _logged or sum(other[:2] == of_kind for other, _ in _logged) >= MOST:
            _left_out[of_kind] = _left_out.get(of_kind, 0) + 1
            return None
        _logged[kind, who] = now
        return _left_out.pop(of_kind, 0)


def _add(kind: SelfLogKind, details: str, audience: str, left_out: int = 0) -> None:
    """Add a LogEvent of the standard's own. An ID without a meaning tells those of one second apart."""
    with store.transaction(LIST):
        event_id = kind.event_id if kind.event_id is not None else numbering.next_number(f"{LIST} ID") % _IDS
        data: dict[str, Any] = {
            "createdDateTime": clock.now(), "functionSet": int(kind.function_set),
            "logEventCode": int(kind.code), "logEventID": event_id, "logEventPEN": PEN_2030_5,
            "profileID": int(LogProfile.IEEE_2030_5)}
        if details:
            data["details"] = details[:_DETAILS]
        if left_out:
            data["extendedData"] = left_out
        store.add("LogEvent", LIST, data, audience)


def forget() -> None:
    """Forget what was logged."""
    with _lock:
        _logged.clear()
        _left_out.clear()
