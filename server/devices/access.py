"""The caller of a request, and what it may read and write.

A caller sees the documents of its audiences (table Audience): those for everyone enrolled, its own, those of
the virtual DERs that it is in, and for an aggregator those of the devices that it manages, unless these are
suspended. It writes only what belongs to it or to a device that it manages. Everything else is answered as if
it did not exist.

A certificate that is not enrolled reads DeviceCapability and Time. Where devices may register themselves, it
also reads the lists to which DeviceCapability links, which are empty for it. With `strict_access` (IEEE
2030.5-2018, 6.8, table 12) it reads DeviceCapability alone. Links to other resources are left out.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from server.config import settings
from server.errors import Refused
from server.models import EVERYONE, NOBODY, Device, first_statement, vder_of_audience
from server.resources import hooks, retrieve, sql, table
from server.resources.codes.devices import LogFunctionSet
from server.resources.codes.logevents import SecurityEvent, SelfDeviceEvent
from server.resources.quotas import OverQuota
from server.resources.table import METHODS, Match
from server.resources.variants import PLAIN, Variant
from server.units import Href, Lfdi

# Lists to which DeviceCapability links even if they are empty: a device posts to them, or waits for items.
ROOT_LISTS = frozenset(
    {"EndDeviceList", "MirrorUsagePointList", "DERProgramList", "ResponseSetList", "UsagePointList"})
_OPEN_STRICT = frozenset({"DeviceCapability"})
_OPEN = _OPEN_STRICT | {"Time"}
_OPEN_TO_REGISTER = _OPEN | ROOT_LISTS | {
    "SelfDevice", "SelfDeviceInformation", "SelfDeviceStatus", "SelfLogEventList"}
# Lists below no device, to which each enrolled device adds items of its own.
SHARED_LISTS = frozenset({"EndDeviceList", "MirrorUsagePointList", "ResponseList", "NotificationList"})
SAFE = frozenset({"GET", "HEAD"})
# Resources that are computed, and that find nothing for a caller that is not enrolled.
SHOWS_ENROLMENT = frozenset({"DeviceCapability"})
AGGREGATOR = "aggregator"  # the kind of a device that acts for others
SELF = "/sdev"
# The LogEvents of refusals (IEEE 2030.5-2018, 6.10, table 13, and 8.4.4, table 20).
NOT_REGISTERED = (LogFunctionSet.SECURITY, SecurityEvent.REGISTRATION_MISS)
ACCESS_FAILED = (LogFunctionSet.SECURITY, SecurityEvent.ACCESS_FAILED)
_INVALID_WRITE = (LogFunctionSet.SELF_DEVICE, SelfDeviceEvent.INVALID_WRITE)
_DEEPEST = 16  # steps of a path that are looked at
NOT_THERE = "there is no such resource for you"


class Caller(NamedTuple):
    """The caller of a request.

    `number` is the one in the href of its EndDevice, 0 if it is not enrolled. `state` is that of its Device
    row or "", `variant` the one in which it is answered. Of a write, `address` is
    its IP address ("" behind a proxy), and `base` is how it addresses this server (https://host).
    """
    lfdi: Lfdi
    sfdi: int
    number: int = 0
    state: str = ""
    kind: str = ""
    variant: Variant = PLAIN
    address: str = ""
    base: str = ""

    @property
    def enrolled(self) -> bool:
        """Whether it is enrolled and not suspended."""
        return self.state == Device.ENROLLED

    def edition_of(self, data: Mapping[str, Any]) -> int:
        """Return the edition of what it submits: a document of 2023 has a schemaVer, whatever edition its
        sender accepts."""
        return 2023 if "@schemaVer" in data else self.variant.edition

    @property
    def presumed(self) -> bool:
        """Whether nobody has looked it up (see `presumed`)."""
        return self.enrolled and not self.number


def caller(lfdi: Lfdi, sfdi: int) -> Caller:
    """Return the caller with this certificate's identity."""
    row = first_statement(lambda: sql.row("SELECT id, state, kind FROM device WHERE lfdi = ?", lfdi))
    return Caller(lfdi, sfdi, *row) if row else Caller(lfdi, sfdi)


def presumed(lfdi: Lfdi, sfdi: int) -> Caller:
    """Return the caller as one that is enrolled, which nobody has looked up: for what shows that it is."""
    return Caller(lfdi, sfdi, state=Device.ENROLLED)


def admit(caller: Caller, method: str, match: Match | None) -> None:
    """Refuse what a caller may not do with any resource of this kind (403, 404, 405, 501).

    `match` is None where the table has no such resource.
    """
    if caller.state == Device.SUSPENDED:
        raise Refused(403, "this device is suspended")
    if method not in METHODS:
        raise Refused(501, f"{method} is no method of IEEE 2030.5")
    if match is None:
        raise Refused(404, NOT_THERE)
    if not caller.enrolled and not _open(method, match.row.name):
        raise logged(Refused(404, NOT_THERE), NOT_REGISTERED)
    if not match.row.allows(method):
        raise Refused(405, f"{method} is not for {match.row.name}", Allow=match.row.allow)
    if method not in SAFE and (match.row.mode(method) == "D" or _computed(match.row.name, method)):
        refusal = Refused(403, f"{match.row.name} is kept by the utility")
        raise logged(refusal, _INVALID_WRITE) if match.row.path.startswith(SELF) else refusal
    if method not in SAFE and not caller.enrolled and match.row.name != "EndDeviceList":
        raise logged(Refused(403, "this certificate is not enrolled"), NOT_REGISTERED)


def logged(refusal: Refused, log_event: tuple[int, int]) -> Refused:
    """Return a refusal of which the server notes a LogEvent."""
    refusal.log_event = log_event
    return refusal


def log_event(refusal: Refused, href: Href, lfdi: Lfdi) -> tuple[int, int] | None:
    """Return function set and code of the LogEvent of a refusal that names none: that access failed, by a
    403, or a 404 of what belongs to another device. A quota has an alarm instead."""
    if refusal.status == 404:  # no href has a NUL, which PostgreSQL takes in no text
        return ACCESS_FAILED if "\0" not in href and _is_anothers(href, lfdi) else None
    return ACCESS_FAILED if refusal.status == 403 and not isinstance(refusal, OverQuota) else None


def _is_anothers(href: Href, lfdi: Lfdi) -> bool:
    """Return whether a resource is at or below a document of a device, which this caller does not see."""
    at_or_above: list[Href] = []
    while href and len(at_or_above) < _DEEPEST:
        at_or_above.append(href)
        href = table.parent(href)
    audience_of = dict(sql.among("SELECT href, audience FROM document WHERE href IN ({})", at_or_above))
    owned = next((href for href in at_or_above if href in audience_of), "")
    audience = audience_of.get(owned, EVERYONE)
    return (audience not in (EVERYONE, NOBODY, lfdi) and not vder_of_audience(audience)
            and not retrieve.visible(owned, lfdi))


def open_to_unknown() -> frozenset[str]:
    """Return the resources that a certificate reads which is not enrolled."""
    if settings.strict_access:
        return _OPEN_STRICT
    return _OPEN_TO_REGISTER if settings.registration else _OPEN


def _open(method: str, name: str) -> bool:
    """Return whether a resource exists for a certificate that is not enrolled.

    A POST to EndDeviceList is not answered as if that did not exist, so that a device which may not register
    learns so (CSIP 6.1.2).
    """
    registers = method == "POST" and name == "EndDeviceList" and not settings.strict_access
    return registers or name in open_to_unknown()


def _computed(name: str, method: str) -> bool:
    """Return whether a resource is computed, so that it cannot be written."""
    return hooks.instead_of("GET", name) is not None and hooks.instead_of(method, name) is None


def writable(caller: Caller, audience: str) -> bool:
    """Return whether a caller may write what belongs to this audience: itself, or a device it manages."""
    if audience == caller.lfdi:
        return True
    if caller.kind != AGGREGATOR:
        return False
    return sql.row("SELECT 1 FROM device WHERE lfdi = ? AND manager = ? AND state = ?", audience, caller.lfdi,
                   Device.ENROLLED) is not None
