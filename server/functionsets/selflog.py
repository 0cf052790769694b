"""The LogEvents of the server itself, in the list of its SelfDevice (IEEE 2030.5-2018, 6.10, 8.4.4, 9.6).

Who is refused tries again and again: of a device, each kind of refusal is logged once in QUIET_S, and no more
than MOST in that time of all of them by a process. They are for operators (`device log`), since no device
needs to know of others; that the time was adjusted is for every device. The list is as long as any device's.
"""
from __future__ import annotations

import logging
import threading
from time import monotonic

from server import clock
from server.devices.requestcontext import ListPage, RequestContext
from server.models import EVERYONE, NOBODY
from server.models.unavailable import DATABASE_ERRORS
from server.resources import numbering, retrieve, store, table
from server.resources.codes.devices import LogFunctionSet, LogProfile
from server.resources.codes.logevents import PEN_2030_5, TimeEvent
from server.resources.hooks import instead

log = logging.getLogger(__name__)
LIST = table.rows["SelfLogEventList"].path
QUIET_S = 3600
MOST = 20  # events of refusals in QUIET_S
_IDS = 1 << 16  # of logEventID
_lock = threading.Lock()
_logged: dict[tuple[int, int, str], float] = {}


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
    _add(LogFunctionSet.TIME, TimeEvent.ADJUSTED, "", EVERYONE)


def _add(function_set: int, code: int, details: str, audience: str) -> None:
    """Add a LogEvent of the standard's own. Its ID tells those of one second apart."""
    with store.transaction(LIST):
        data = {"createdDateTime": clock.now(), "functionSet": int(function_set), "logEventCode": int(code),
                "logEventID": numbering.next_number(f"{LIST} ID") % _IDS, "logEventPEN": PEN_2030_5,
                "profileID": int(LogProfile.IEEE_2030_5)}
        store.add("LogEvent", LIST, data | ({"details": details} if details else {}), audience)


def refused(function_set: int, code: int, who: str) -> None:
    """Add the LogEvent of a refusal of `who` (an SFDI), unless that was just logged.

    A database that takes none is said in the log of the process.
    """
    key, now = (int(function_set), int(code), who), monotonic()
    with _lock:
        for old in [old for old, at in _logged.items() if now - at >= QUIET_S]:
            del _logged[old]
        if key in _logged or len(_logged) >= MOST:
            return
        _logged[key] = now
    try:
        _add(function_set, code, who, NOBODY)
    except DATABASE_ERRORS as error:
        log.warning("the LogEvent of a refusal was not stored: %s", error)


def forget() -> None:
    """Forget what was logged."""
    with _lock:
        _logged.clear()
