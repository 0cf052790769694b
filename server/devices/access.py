"""Who calls, and what they may do.

A caller sees the documents of its audiences (table Audience): those for everyone enrolled, its own, those of
the virtual DERs it is in, and for an aggregator those of the devices it manages. It writes only what belongs
to it or to a device it manages. What is not for it does not exist as far as it is told. """
from __future__ import annotations

from typing import NamedTuple

import peewee

from server.errors import Refused
from server.models import Device, db
from server.resources import hooks, sql
from server.resources.table import Match

OPEN_TO_STRANGERS = frozenset({"DeviceCapability", "Time", "EndDeviceList"})
# Lists that stand under no device and to which each enrolled device adds its own.
SHARED_LISTS = frozenset({"EndDeviceList", "MirrorUsagePointList", "ResponseList", "NotificationList"})
SAFE = frozenset({"GET", "HEAD"})
NOT_THERE = "there is no such resource for you"


class Caller(NamedTuple):
    """Who is at the door. `number` is its place in /edev, 0 for a stranger; `state` that of its Device row or
    ""; `edition` the one it shows to speak."""
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
    request is found out, and a new one tried. """
    question = "SELECT id, state, kind FROM device WHERE lfdi = ?"
    try:
        row = sql.row(question, lfdi)
    except (peewee.OperationalError, peewee.InterfaceError):
        db.dispose()
        row = sql.row(question, lfdi)
    return Caller(lfdi, sfdi, *row) if row else Caller(lfdi, sfdi)


def admit(who: Caller, method: str, match: Match) -> None:
    """Refuse who may not do this here at all, whatever stands here (403), and methods that a row does not
    take (405)."""
    if who.state == Device.SUSPENDED:
        raise Refused(403, "this device is suspended")
    if not who.enrolled and match.row.name not in OPEN_TO_STRANGERS:
        raise Refused(403, "this certificate is not enrolled")
    if not match.row.allows(method):
        raise Refused(405, f"{method} is not for {match.row.name}", Allow=match.row.allow)
    if method not in SAFE and (match.row.mode(method) == "D" or _computed(match.row.name, method)):
        raise Refused(403, f"{match.row.name} is kept by the utility")


def _computed(name: str, method: str) -> bool:
    """Whether a resource is what others make it, so that it cannot be written itself."""
    return hooks.instead_of("GET", name) is not None and hooks.instead_of(method, name) is None


def writable(who: Caller, audience: str) -> bool:
    """Whether a caller may write what belongs to this audience: itself, or a device that it manages."""
    if audience == who.lfdi:
        return True
    return sql.row("SELECT 1 FROM device WHERE lfdi = ? AND manager = ?", audience, who.lfdi) is not None
