"""The access matrix: every resource, every method, every kind of certificate, against what the tables say."""
from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from server.config import settings
from server.devices import enrolment
from server.models import EVERYONE, Device, Document, db
from server.resources import store, table
from server.resources.table import METHODS, Row
from tests import peers
from tests.peers import Peer
from tests.soak.fuzz.world import World, world
from tests.soak.outcome import Outcome
from tests.standard import every_resource
from tests.standard.test_plain import MAY
from tests.wsgi import Client

OPEN = frozenset({"DeviceCapability", "Time"})
SHARED = frozenset({"DeviceCapability", "Time", "SelfDevice"})
"""What is of no list and computed for whoever asks."""
OTHER, AGENT, STRANGE_AGENT, REMOVED, SUSPENDED, UNKNOWN = (peers.lfdi(number) for number in range(71, 77))


class Kind(NamedTuple):
    """A kind of certificate, with the rights of the owner, of another enrolled device, or of nobody."""
    lfdi: str
    rights: str


KINDS = {
    "the owner": Kind(every_resource.LFDI, "owner"), "its aggregator": Kind(AGENT, "owner"),
    "another device": Kind(OTHER, "other"), "another's aggregator": Kind(STRANGE_AGENT, "other"),
    "a removed device": Kind(REMOVED, "nobody"), "an unknown certificate of the CA": Kind(UNKNOWN, "nobody"),
    "a suspended device": Kind(SUSPENDED, "suspended")}


def prepare() -> None:
    """Enrol the certificates beside the owner of everything."""
    enrolment.enrol(AGENT, name="its agent", kind=enrolment.AGGREGATOR)
    enrolment.enrol(STRANGE_AGENT, name="strange agent", kind=enrolment.AGGREGATOR)
    for lfdi, name in ((OTHER, "other"), (REMOVED, "removed"), (SUSPENDED, "suspended")):
        enrolment.enrol(lfdi, name=name)
    enrolment.enrol(peers.lfdi(79), name="managed by strange agent", manager=STRANGE_AGENT)
    enrolment.remove(enrolment.find("removed"))
    enrolment.suspend(enrolment.find("suspended"))
    Device.update(manager=AGENT).where(Device.lfdi == every_resource.LFDI).execute()
    store.reindex()  # who sees what is derived of that


def expected(row: Row, method: str, kind: Kind, visible: bool) -> set[int]:
    """The statuses that are right. `visible` says whether everybody enrolled may read it."""
    reads, mode = method in ("GET", "HEAD"), row.mode(method)
    if kind.rights == "suspended":
        return {403}
    if kind.rights == "nobody":
        if row.name not in OPEN:
            return {403} if row.name == "EndDeviceList" and method == "POST" else {404}
        return {200} if reads else {405} if mode == "E" else {403}
    if mode == "E":
        return {405}
    if reads:
        return {200} if kind.rights == "owner" or visible else {404}
    if mode == "D" or row.name not in MAY[method]:
        return {403} if kind.rights == "owner" or visible else {403, 404}
    if kind.rights == "owner" or row.name == "NotificationList" and method == "POST":
        return {201, 204}  # notifications are for the server: whoever is enrolled may send them
    return {403} if row.name in ("MirrorUsagePointList", "ResponseList") else {403, 404}


def prove(engine: str) -> Outcome:
    """Ask everything of everything; each request is undone before the next."""
    outcome, tried, statuses = Outcome(f"access matrix, {engine}", ""), 0, Counter[int]()
    with world(engine) as place, place.fresh():
        settings.registration = False
        prepare()
        hrefs = _hrefs(place)
        audiences = {row.href: row.audience for row in Document.select(Document.href, Document.audience)}
        for who, kind in KINDS.items():
            peer = Peer(Client(place.application), kind.lfdi)
            for row, href in hrefs:
                visible = _visible(row, href, audiences)
                for method in METHODS:
                    body = every_resource.document(row.name, method) if method in ("PUT", "POST") else None
                    with db.atomic() as change:
                        status = peer.request(method, href, body).status
                        change.rollback()
                    statuses[status] += 1
                    tried += 1
                    right = expected(row, method, kind, visible)
                    if status not in right:
                        outcome.faults.append(f"{who}: {method} {href} ({row.name}) is {status}, not "
                                              + " or ".join(map(str, sorted(right))))
    outcome.tried = (f"{tried} requests: {len(hrefs)} resources, {len(METHODS)} methods, "
                     f"{len(KINDS)} kinds of certificate")
    outcome.figures = {str(status): count for status, count in sorted(statuses.items())}
    return outcome


def _hrefs(place: World) -> list[tuple[Row, str]]:
    found: dict[str, tuple[Row, str]] = {}
    known = {table.parent(href) for href in place.hrefs} | {*place.hrefs}
    for row in table.rows.values():
        first = row.href(**dict.fromkeys(row.parameters, 1))
        options = [href for href in sorted(known) if (match := table.match(href)) and match.row is row]
        found[row.name] = row, first if first in options or not options else options[0]
    return list(found.values())


def _visible(row: Row, href: str, audiences: dict[str, str]) -> bool:
    """Whether every enrolled device reads it: what is for everyone, and lists at the top."""
    if row.name in SHARED or row.is_list and href.count("/") == 1:
        return True
    at = href
    while at and at not in audiences:
        at = table.parent(at)
    return audiences.get(at) == EVERYONE
