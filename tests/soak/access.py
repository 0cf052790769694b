"""The access matrix: every resource, every method, every kind of certificate, against what the tables say."""
from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from certs import dev
from server.config import settings
from server.devices import enrolment
from server.models import EVERYONE, Device, Document, db
from server.resources import store, table
from server.resources.table import METHODS, Row
from tests import peers
from tests.flows.documents import SEP_XML
from tests.flows.server import entries
from tests.peers import Peer
from tests.soak.fuzz.world import World, world
from tests.soak.outcome import Outcome
from tests.soak.site import Site
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


def prepare(kinds: Mapping[str, Kind] = KINDS) -> None:
    """Enrol the certificates; the first is the owner of everything."""
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
    if row.name == "NotificationList" and method == "POST":
        return {404}  # this server subscribes to nothing
    if kind.rights == "owner" and row.name in ("SubscriptionList", "Subscription") and method != "DELETE":
        return {403}  # the device is managed: its aggregator subscribes below its own EndDevice
    if mode == "D" or row.name not in MAY[method]:
        return {403} if kind.rights == "owner" or visible else {403, 404}
    if kind.rights == "owner":
        return {201, 204}
    return {403} if row.name in ("MirrorUsagePointList", "ResponseList") else {403, 404}


class Case(NamedTuple):
    """A request by a kind of certificate, and the statuses that are right."""
    who: str
    method: str
    href: str
    row: Row
    right: set[int]

    @property
    def body(self) -> bytes | None:
        return every_resource.document(self.row.name, self.method) if self.method in ("PUT", "POST") else None


def cases(place: World, kinds: Mapping[str, Kind]) -> Iterator[Case]:
    """Yield every resource by every method with every kind of certificate."""
    hrefs = _hrefs(place)
    audiences = {row.href: row.audience for row in Document.select(Document.href, Document.audience)}
    for who, kind in kinds.items():
        for row, href in hrefs:
            visible = _visible(row, href, audiences)
            for method in METHODS:
                yield Case(who, method, href, row, expected(row, method, kind, visible))


def compare(outcome: Outcome, answers: Iterable[tuple[Case, int]]) -> Outcome:
    """Complete the outcome: answers with a wrong status are faults."""
    statuses = Counter[int]()
    for case, status in answers:
        statuses[status] += 1
        if status not in case.right:
            outcome.faults.append(f"{case.who}: {case.method} {case.href} ({case.row.name}) is {status}, not "
                                  + " or ".join(map(str, sorted(case.right))))
    outcome.tried = f"{statuses.total()} requests: {len(table.rows)} resources, {len(METHODS)} methods, " \
                    f"{len(KINDS)} kinds of certificate"
    outcome.figures = {str(status): count for status, count in sorted(statuses.items())}
    return outcome


def prove(engine: str) -> Outcome:
    """Ask everything of everything, in this process; each request is undone before the next."""
    with world(engine) as place, place.fresh():
        settings.registration = False
        prepare()
        callers = {who: Peer(Client(place.application), kind.lfdi) for who, kind in KINDS.items()}

        def ask(case: Case) -> int:
            with db.atomic() as change:
                status = callers[case.who].request(case.method, case.href, case.body).status
                change.rollback()
            return status
        asked = ((case, ask(case)) for case in cases(place, KINDS))
        return compare(Outcome(f"access matrix, {engine}", ""), asked)


def prove_over_tls(engine: str) -> Outcome:
    """Ask the same of `serve` over mutual TLS, with certificates of a CA.

    What a caller may change is left out, since it would be another server for the next one.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-access")))
        dev.make_dev(folder / "certs", devices=len(KINDS))
        names = {who: f"device-{number}" for number, who in enumerate(KINDS, 1)}
        known = entries(folder / "certs")
        kinds = {who: Kind(known[names[who]]["lfdi"], kind.rights) for who, kind in KINDS.items()}
        place = stack.enter_context(world(engine))
        stack.enter_context(place.fresh())
        prepare(kinds)
        site = Site(folder, folder / "certs", settings.database, clock=f"1@{time.time()}@{place.now}")
        stack.callback(site.end)
        site.start_serve()
        callers = {who: stack.enter_context(closing(site.https(name))) for who, name in names.items()}

        def ask(case: Case) -> int:
            fields = SEP_XML if case.body else {}
            return callers[case.who].exchange(case.method, case.href, case.body, fields).status
        refused = (case for case in cases(place, kinds) if not case.right & {201, 204})
        asked = ((case, ask(case)) for case in refused)
        outcome = compare(Outcome(f"access matrix over TLS, {engine}", ""), asked)
        outcome.faults += site.tracebacks()
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
