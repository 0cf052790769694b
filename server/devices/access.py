"""Who calls, and what they may do.

A caller sees the documents of its audiences (table Audience): those for everyone enrolled, its own, those of
the virtual DERs it is in, and for an aggregator those of the devices it manages. It writes only what belongs
to it or to a device it manages. What is not for it does not exist as far as it is told.

A certificate that is not enrolled reads, where devices may register themselves, DeviceCapability as an
enrolled device does, and what that links: lists, which are empty. Elsewhere it reads DeviceCapability and
Time, under `strict_access` (IEEE 2030.5-2018, 6.8, table 12) DeviceCapability alone. Links to anything else
are left out.
"""
from __future__ import annotations

from typing import NamedTuple

import peewee

from server.config import settings
from server.errors import Refused
from server.models import Device, db
from server.resources import hooks, sql
from server.resources.table import Match

# Lists that DeviceCapability names even while they are empty: a device posts to them, or waits for something
# to appear in them.
ROOT_LISTS = frozenset(
    {"EndDeviceList", "MirrorUsagePointList", "DERProgramList", "ResponseSetList", "UsagePointList"})
_OPEN_STRICT = frozenset({"DeviceCapability"})
_OPEN = _OPEN_STRICT | {"Time"}
_OPEN_TO_REGISTER = _OPEN | ROOT_LISTS | {"SelfDevice"}
# Lists that stand under no device and to which each enrolled device adds its own.
SHARED_LISTS = frozenset({"EndDeviceList", "MirrorUsagePointList", "ResponseList", "NotificationList"})
SAFE = frozenset({"GET", "HEAD"})
NOT_THERE = "there is no such resource for you"


class Caller(NamedTuple):
    """Who calls. `number` is its place in /edev, 0 for one that is not enrolled; `state` that of its Device
    row or ""; `edition` the one it shows to speak."""
    lfdi: str
    sfdi: int
    number: int = 0
    state: str = ""
    kind: str = ""
    edition: int = 2018

    @property
    def enrolled(self) -> bool:
        return self.state == Device.ENROLLED


def caller(lfdi: str, sfdi: int) -> Caller:
    """The caller with this certificate's identity.

    This is the first that a request asks of the database, so here a connection that has died since the last
    request is found out, and a new one tried.
    """
    question = "SELECT id, state, kind FROM device WHERE lfdi = ?"
    try:
        row = sql.row(question, lfdi)
    except (peewee.OperationalError, peewee.InterfaceError):
        db.dispose()
        row = sql.row(question, lfdi)
    return Caller(lfdi, sfdi, *row) if row else Caller(lfdi, sfdi)


def admit(who: Caller, method: str, match: Match | None) -> None:
    """Refuse who may not do this here at all, whatever stands here (403, 404), and methods that a row does
    not take (405). `match` is None where the table has no such resource."""
    if who.state == Device.SUSPENDED:
        raise Refused(403, "this device is suspended")
    if match is None or not who.enrolled and not _open(method, match.row.name):
        raise Refused(404, NOT_THERE)
    if not match.row.allows(method):
        raise Refused(405, f"{method} is not for {match.row.name}", Allow=match.row.allow)
    if method not in SAFE and (match.row.mode(method) == "D" or _computed(match.row.name, method)):
        raise Refused(403, f"{match.row.name} is kept by the utility")
    if method not in SAFE and not who.enrolled and match.row.name != "EndDeviceList":
        raise Refused(403, "this certificate is not enrolled")


def open_to_unknown() -> frozenset[str]:
    """The resources that a certificate reads which is not enrolled."""
    if settings.strict_access:
        return _OPEN_STRICT
    return _OPEN_TO_REGISTER if settings.registration else _OPEN


def _open(method: str, name: str) -> bool:
    """Whether a certificate that is not enrolled is told that there is this resource. One that registers
    where devices may not is told so (CSIP 6.1.2)."""
    registers = method == "POST" and name == "EndDeviceList" and not settings.strict_access
    return registers or name in open_to_unknown()


def _computed(name: str, method: str) -> bool:
    """Whether a resource is what others make it, so that it cannot be written itself."""
    return hooks.instead_of("GET", name) is not None and hooks.instead_of(method, name) is None


def writable(who: Caller, audience: str) -> bool:
    """Whether a caller may write what belongs to this audience: itself, or a device that it manages."""
    if audience == who.lfdi:
        return True
    return sql.row("SELECT 1 FROM device WHERE lfdi = ? AND manager = ?", audience, who.lfdi) is not None
