"""The access matrix: every resource by every method for every kind of caller, and what the table expects.

What is expected follows from a row of the table of resources, who calls, and whose the resource is. None of
it asks the code that answers.
"""
from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from server.devices import enrolment
from server.models import EVERYONE, Device, Document
from server.resources import store, table
from server.resources.table import METHODS, OPERATOR, Row
from tests import peers
from tests.standard import every_resource

OTHER, AGENT, STRANGE_AGENT, REMOVED, SUSPENDED, UNKNOWN = (peers.lfdi(number) for number in range(71, 77))
OPEN = frozenset({"DeviceCapability", "Time"})
"""What an unknown certificate reads where the utility enrols."""
TO_REGISTER = OPEN | {"SelfDevice", "SelfDeviceInformation", "SelfDeviceStatus", "SelfLogEventList",
                      "EndDeviceList", "MirrorUsagePointList", "DERProgramList", "ResponseSetList",
                      "UsagePointList"}
"""And where it may register itself."""
SHARED = frozenset({"DeviceCapability", "Time", "SelfDevice"})
"""What is of no list and computed for whoever asks."""
COMPUTED = frozenset({"AssociatedUsagePoint", "CurrentDERProgram",  # other documents, at other hrefs
                      "ReadingSetList", "ReadingSet", "ReadingList", "Reading"})
"""What is made of what is stored elsewhere."""
FOR_ANOTHER = frozenset({"MirrorUsagePointList", "ResponseList"})
"""Lists for everyone, whose items say for which device they are."""


class Kind(NamedTuple):
    """A kind of certificate. Its rights are those of the owner, of another enrolled device, of nobody, or
    none since it is suspended; `acts` is set for an aggregator."""
    lfdi: str
    rights: str
    acts: bool = False


KINDS = {
    "the owner": Kind(every_resource.LFDI, "owner"), "its aggregator": Kind(AGENT, "owner", True),
    "another device": Kind(OTHER, "other"), "another's aggregator": Kind(STRANGE_AGENT, "other", True),
    "a removed device": Kind(REMOVED, "nobody"), "an unknown certificate of the CA": Kind(UNKNOWN, "nobody"),
    "a suspended device": Kind(SUSPENDED, "suspended")}


class Policy(NamedTuple):
    """The settings that matter, and whether the owner is managed by the aggregator."""
    registration: bool = False
    strict_access: bool = False
    managed: bool = True


UTILITY_ENROLS = Policy()


def prepare(kinds: Mapping[str, Kind] = KINDS) -> None:
    """Enrol the certificates, in the order of KINDS; the first is the owner of everything."""
    owner, agent, other, strange_agent, removed, _, suspended = (kind.lfdi for kind in kinds.values())
    enrolment.enrol(agent, name="its agent", kind=enrolment.AGGREGATOR)
    enrolment.enrol(strange_agent, name="strange agent", kind=enrolment.AGGREGATOR)
    for lfdi, name in ((other, "other"), (removed, "removed"), (suspended, "suspended")):
        enrolment.enrol(lfdi, name=name)
    enrolment.enrol(peers.lfdi(79), name="managed by strange agent", manager=strange_agent)
    enrolment.remove(enrolment.find("removed"))
    enrolment.suspend(enrolment.find("suspended"))
    Device.update(lfdi=owner, manager=agent).where(Device.lfdi == every_resource.LFDI).execute()
    Document.update(audience=owner).where(Document.audience == every_resource.LFDI).execute()
    store.reindex()  # who sees what is derived of that


def writable(row: Row, method: str) -> bool:
    """Return whether a device writes resources of this row, where they are its own."""
    item = table.item(row.name) if method == "POST" and row.is_list else row
    assert item is not None, row
    utility_s = OPERATOR in (row.writer, item.writer) or row.path.startswith("/upt")  # mirrors fill that
    return row.mode(method) in "MO" and not utility_s and row.of is None and row.name not in COMPUTED


def expected(row: Row, method: str, kind: Kind, visible: bool,
             policy: Policy = UTILITY_ENROLS) -> set[int]:
    """Return the statuses that are right. `visible` says whether everybody enrolled may read it."""
    if kind.rights == "suspended":
        return {403}
    if kind.rights == "nobody":
        return _for_nobody(row, method, policy)
    if row.mode(method) == "E":
        return {405}
    owner = kind.rights == "owner"
    if row.name in every_resource.NOT_HERE:
        return {404}
    if method in ("GET", "HEAD"):
        return {200} if owner or visible else {404}
    if (own := _of_its_own(row, method, kind, policy)) is not None:
        return own
    if owner and writable(row, method):
        return {201, 204}
    if row.mode(method) == "D" or row.of or row.name in COMPUTED:
        return {403}  # whosever it is
    return {403} if owner or visible or row.name in FOR_ANOTHER else {404}


def _for_nobody(row: Row, method: str, policy: Policy) -> set[int]:
    readable = {"DeviceCapability"} if policy.strict_access else TO_REGISTER if policy.registration else OPEN
    if row.name == "EndDeviceList" and method == "POST" and not policy.strict_access:
        return {403}  # it registers another than itself, or may not register at all
    if row.name not in readable:
        return {404}
    if method in ("GET", "HEAD"):
        return {200}
    return {405} if row.mode(method) == "E" else {403}


def _of_its_own(row: Row, method: str, kind: Kind, policy: Policy) -> set[int] | None:
    """Return what is right for the resources that have rules of their own; None for all others."""
    owner = kind.rights == "owner"
    if row.name == "NotificationList":
        return {404}  # this server subscribes to nothing
    if row.name == "ProxiedDeviceList":  # the owner is no aggregator, which alone registers others
        return {403} if owner else {404}
    if row.name == "EndDeviceList":  # the device is enrolled already, which only who may register it learns
        return {409} if (owner or kind.acts) and policy.registration else {403}
    if row.name == "EndDevice" and method == "DELETE" and owner and not policy.registration:
        return {403}
    if row.name in ("SubscriptionList", "Subscription") and method != "DELETE" and owner and policy.managed:
        return {403}  # its aggregator subscribes below its own EndDevice
    return None


class Case(NamedTuple):
    """A request by a kind of certificate, and the statuses that are right."""
    who: str
    method: str
    href: str
    row: Row
    right: set[int]

    @property
    def headers(self) -> dict[str, str]:
        return {"Accept": "application/sep+xml; level=-S2"} if self.row.edition == 2023 else {}

    @property
    def body(self) -> bytes | None:
        return every_resource.document(self.row.name, self.method) if self.method in ("PUT", "POST") else None


def cases(kinds: Mapping[str, Kind] = KINDS, policy: Policy = UTILITY_ENROLS) -> Iterator[Case]:
    """Yield every resource by every method with every kind of certificate."""
    audiences = {row.href: row.audience for row in Document.select(Document.href, Document.audience)}
    known = {table.parent(href) for href in audiences} | {*audiences}
    for row in table.rows.values():
        href = _href(row, known)
        visible = _visible(row, href, audiences)
        for who, kind in kinds.items():
            for method in METHODS:
                yield Case(who, method, href, row, expected(row, method, kind, visible, policy))


def _href(row: Row, known: Collection[str]) -> str:
    """Return the href of a resource of a row: with the number 1, or the first that there is."""
    first = row.href(**dict.fromkeys(row.parameters, 1))
    if first in known:
        return first
    return next((href for href in sorted(known) if (match := table.match(href)) and match.row is row), first)


def _visible(row: Row, href: str, audiences: Mapping[str, str]) -> bool:
    """Return whether every enrolled device reads it: what is for everyone, and lists at the top."""
    if row.name in SHARED or row.is_list and href.count("/") == 1:
        return True
    at = href
    while at and at not in audiences:
        at = table.parent(at)
    return audiences.get(at) == EVERYONE
