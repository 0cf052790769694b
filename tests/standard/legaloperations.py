"""Operations that clients and an operator may do, as rules of hypothesis, and what holds after each of them.

The clients are two devices that are connected directly, two aggregators with devices, of which some have a
certificate of their own, and a stranger. The machine keeps who should see which EndDevice; all else it asks.
"""
from __future__ import annotations

from typing import Any

from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from server import clock, worker
from server.config import settings
from server.devices import aggregators, enrolment, identity, ratelimits
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.models import Document
from server.resources import pollrates, refresh, schema, store, table
from tests import peers, prepared
from tests.conftest import NOON
from tests.peers import Peer, Reply
from tests.wsgi import Client

DIRECT, MANAGED = (1, 2), (3, 4, 5)
AGGREGATORS = (100, 101)
STRANGER = 66
VDERS = ("street", "north", "south")
OPEN = {"/dcap", "/tm"}
ACTIVE, OVER = 1, {2, 3, 4, 5}
NEXT = {0: {0, 1, 2, 3, 4, 5}, 1: {1, 2, 3, 4, 5}, 2: {2}, 3: {3}, 4: {4}, 5: {5}}
"""The statuses of an event that may follow each."""
MOST_OF_A_WALK = 400


def populate() -> None:
    """Enrol everyone: d1 and d2 directly, d3 and d4 managed by a100, d5 by a101, in a tree of virtual
    DERs."""
    for number in AGGREGATORS:
        enrolment.enrol(peers.lfdi(number), name=f"a{number}", kind=enrolment.AGGREGATOR)
    for number in DIRECT:
        enrolment.enrol(peers.lfdi(number), name=f"d{number}", kind="battery")
    for number, manager in zip(MANAGED, (100, 100, 101), strict=True):
        enrolment.enrol(peers.lfdi(number), name=f"d{number}", kind="pv", manager=peers.lfdi(manager))
    virtualders.create("street", members=["d1", "d3"])
    virtualders.create("north", parent="street", rule="kind = pv")
    virtualders.create("south", parent="street", members=["d2"])


class LegalOperations(RuleBasedStateMachine):
    """One sequence of operations, on a database of its own."""
    app: Flask

    def __init__(self) -> None:
        super().__init__()
        clock.turn_to(NOON)
        for module in (pollrates, ratelimits, worker, refresh):
            module.forget()
        prepared.begin_with("legal operations", populate)
        settings.registration, settings.quota_subscriptions = True, 1000
        self.peers = {number: Peer(Client(self.app), peers.lfdi(number))
                      for number in (*DIRECT, *MANAGED, *AGGREGATORS, STRANGER)}
        self.manager: dict[int, int] = {1: 0, 2: 0, 3: 100, 4: 100, 5: 101}  # of each device, 0 for none
        self.suspended: set[int] = set()
        self.href = {number: enrolment.href(enrolment.find(peers.lfdi(number)))
                     for number in (*self.manager, *AGGREGATORS)}
        self.statuses: dict[str, int] = {}
        self.bodies: dict[tuple[int, str], tuple[str, bytes]] = {}
        self.turn = self.count = 0

    # -- who

    def actors(self, device: int) -> list[Peer]:
        """The clients that may act for a device: itself and its aggregator, unless it is suspended."""
        if device in self.suspended:
            return []
        numbers = (device, self.manager[device])
        return [self.peers[number] for number in numbers if number and number not in self.suspended]

    def act(self, data: Any, device: int) -> Peer | None:
        actors = self.actors(device)
        return data.draw(st.sampled_from(actors)) if actors else None

    def seen_by(self, number: int) -> set[str]:
        """The EndDevices that a client should see."""
        if number in self.suspended or number == STRANGER:
            return set()
        managed = {self.href[device] for device, manager in self.manager.items()
                   if manager == number and device not in self.suspended}
        return managed | ({self.href[number]} if number in self.href else set())

    # -- what devices and aggregators do

    @rule(data=st.data(), number=st.integers(1, 5), watts=st.integers(1, 9000))
    def report_ratings(self, data: Any, number: int, watts: int) -> None:
        if (actor := self.act(data, number)) is not None and number in self.manager:
            der = f"{self.href[number]}/der/1"
            assert actor.put(f"{der}/dercap", "DERCapability", {
                "modesSupported": "00100084", "rtgMaxW": {"multiplier": 0, "value": watts}, "type": 4}
                ).status == 204
            assert actor.put(f"{der}/ders", "DERStatus", {"readingTime": clock.now()}).status == 204

    @rule(data=st.data(), number=st.integers(1, 5), event=st.integers(0, 10))
    def log(self, data: Any, number: int, event: int) -> None:
        if (actor := self.act(data, number)) is not None:
            self.count += 1
            assert actor.post(f"{self.href[number]}/lel", "LogEvent", {
                "functionSet": 11, "logEventCode": event, "logEventPEN": 40732, "profileID": 2,
                "createdDateTime": clock.now(), "logEventID": self.count}).status == 201

    @rule(data=st.data(), number=st.integers(1, 5), quantity=st.integers(1, 3), value=st.integers(-9, 9))
    def post_readings(self, data: Any, number: int, quantity: int, value: int) -> None:
        if (actor := self.act(data, number)) is not None:
            reply = actor.post("/mup", "MirrorUsagePoint", {
                "mRID": f"A{number}", "roleFlags": "0049", "serviceCategoryKind": 0, "status": 1,
                "deviceLFDI": peers.lfdi(number), "MirrorMeterReading": [
                    {"mRID": f"B{number}{quantity}", "ReadingType": {"uom": 38}, "Reading": {
                        "value": value, "timePeriod": {"start": clock.now() - 300, "duration": 300}}}]})
            assert reply.status in (201, 204), reply.body

    @rule(data=st.data(), number=st.integers(1, 5))
    def respond(self, data: Any, number: int) -> None:
        actor, own = self.act(data, number), self.peers[number]
        if actor is None or number in self.suspended:
            return
        controls = [item for program in own.get("/derp?l=99").data.get("DERProgram", ())
                    for item in own.get(f"{program['href']}/derc?l=99").data.get("DERControl", ())]
        if controls:
            control = data.draw(st.sampled_from(controls))
            reply = actor.post(control["replyTo"], "DERControlResponse", {
                "endDeviceLFDI": own.lfdi, "subject": control["mRID"], "status": 1,
                "createdDateTime": clock.now()})
            assert reply.status in (201, 204), reply.body

    @rule(number=st.sampled_from((1, 2, 100, 101)),
          resource=st.sampled_from(("/edev", "/derp", "{own}", "{own}/lel")))
    def subscribe(self, number: int, resource: str) -> None:
        if number in self.suspended or self.manager.get(number):
            return
        own = self.href[number]
        reply = self.peers[number].post(f"{own}/sub", "Subscription", {
            "subscribedResource": resource.format(own=own), "encoding": 0, "level": "+S1", "limit": 9,
            "notificationURI": "https://10.0.0.1/n"})
        assert reply.status in (201, 204), reply.body

    @rule(data=st.data(), number=st.sampled_from((1, 2, 100, 101)))
    def unsubscribe(self, data: Any, number: int) -> None:
        listed = self.peers[number].get(f"{self.href[number]}/sub?l=99").data.get("Subscription", ())
        if listed:
            chosen = data.draw(st.sampled_from(listed))["href"]
            assert self.peers[number].delete(chosen).status == 204

    # -- who is enrolled, and by whom

    @rule(number=st.integers(10, 12), aggregator=st.sampled_from((0, *AGGREGATORS)))
    def register(self, number: int, aggregator: int) -> None:
        if number in self.manager or aggregator in self.suspended:
            return
        self.peers.setdefault(number, Peer(Client(self.app), peers.lfdi(number)))
        reply = self.peers[aggregator or number].post("/edev", "EndDevice", {
            "lFDI": peers.lfdi(number), "sFDI": identity.sfdi(peers.lfdi(number)), "changedTime": 0})
        assert reply.status == 201, reply.body
        self.manager[number], self.href[number] = aggregator, reply.location

    @precondition(lambda self: any(number >= 10 for number in self.manager))
    @rule(data=st.data())
    def leave(self, data: Any) -> None:
        number = data.draw(st.sampled_from([number for number in self.manager if number >= 10]))
        if (actor := self.act(data, number)) is not None:
            assert actor.delete(self.href[number]).status == 204
            self._forget(number)

    @rule(data=st.data(), aggregator=st.sampled_from((0, *AGGREGATORS)))
    def move(self, data: Any, aggregator: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.manager)))
        target = enrolment.find(peers.lfdi(aggregator)) if aggregator else None
        aggregators.move([enrolment.find(peers.lfdi(number))], target)
        self.manager[number] = aggregator

    @rule(data=st.data())
    def suspend_or_restore(self, data: Any) -> None:
        number = data.draw(st.sampled_from((*sorted(self.manager), *AGGREGATORS)))
        enrolment.suspend(enrolment.find(peers.lfdi(number)), number not in self.suspended)
        self.suspended ^= {number}

    @precondition(lambda self: any(number >= 10 for number in self.manager))
    @rule(data=st.data())
    def remove(self, data: Any) -> None:
        number = data.draw(st.sampled_from([number for number in self.manager if number >= 10]))
        enrolment.remove(enrolment.find(peers.lfdi(number)))
        self._forget(number)

    def _forget(self, number: int) -> None:
        del self.manager[number], self.href[number]
        self.suspended.discard(number)

    # -- what the operator does, and time

    @rule(vder=st.sampled_from(VDERS), start_s=st.integers(0, 1200), duration_s=st.sampled_from((60, 600)),
          watts=st.integers(0, 5000), randomize=st.sampled_from((0, 30)))
    def post_control(self, vder: str, start_s: int, duration_s: int, watts: int, randomize: int) -> None:
        dercontrols.post(vder, {"opModMaxLimW": watts}, duration_s, clock.now() + start_s,
                         randomize_start=randomize)

    @rule(data=st.data())
    def cancel_control(self, data: Any) -> None:
        current = Document.select().where(
            (Document.kind == "DERControl") & (Document.visibility < Document.EXPIRED))
        controls = [row.href for row in current.order_by(Document.href)
                    if row.status["currentStatus"] in (0, 1)]
        if controls:
            dercontrols.cancel(data.draw(st.sampled_from(controls)))

    @rule(data=st.data(), vder=st.sampled_from(("street", "south")))
    def join_or_leave(self, data: Any, vder: str) -> None:
        name = f"d{data.draw(st.integers(1, 5))}"
        listed = {device["name"] for device in virtualders.show(vder)["devices"] if device["listed"]}
        virtualders.update(vder, **{"remove" if name in listed else "add": [name]})

    @rule(seconds=st.sampled_from((1, 45, 300, 1200)))
    def pass_time(self, seconds: int) -> None:
        clock.turn_to(clock.now() + seconds)
        refresh.forget()
        refresh.run()

    # -- what always holds

    @invariant()
    def what_a_client_finds(self) -> None:
        """Walk all that one client finds, another after each operation, and look at each answer."""
        numbers = sorted(self.peers)
        self.turn += 1
        number = numbers[self.turn % len(numbers)]
        if number not in self.suspended:
            self.walk(number)
        self.stranger_sees_nothing(numbers[(self.turn + 1) % len(numbers)])

    def walk(self, number: int) -> None:
        waiting, done = ["/dcap"], set()
        while waiting:
            href = waiting.pop()
            if href in done or len(done) > MOST_OF_A_WALK:
                continue
            done.add(href)
            reply = self.read(number, href)
            documents = self._documents(reply)
            waiting += [link["href"] for document in documents for link in self._links(document)]
            waiting += [document["href"] for document in documents]
        listed = {item["href"] for item in self.read(number, "/edev").data.get("EndDevice", ())}
        assert listed == self.seen_by(number) == {href for href in done if href in self.href.values()}

    def read(self, number: int, href: str) -> Reply:
        """GET a resource, and compare what it says of itself."""
        peer, match = self.peers[number], table.match(href)
        assert match is not None, href
        reply = peer.get(f"{href}?l=255" if match.row.query else href)
        assert reply.status == 200 and schema.descends(reply.name, match.row.element), (number, href)
        for document in self._documents(reply):
            self.is_counted(number, document)
            self.is_in_one_state(document)
        if match.row.query:
            items = next((value for value in reply.data.values() if isinstance(value, list)), [])
            assert reply.data["all"] == reply.data["results"] == len(items), href
            if match.row.name.startswith("Active"):
                assert {item["EventStatus"]["currentStatus"] for item in items} <= {ACTIVE}, href
        self.tag_tells_of_change(peer, number, href, reply)
        return reply

    def is_counted(self, number: int, document: dict[str, Any]) -> None:
        for link in self._links(document):
            if "all" in link:
                found = self.peers[number].get(link["href"])
                assert found.data.get("all") == link["all"], (number, document["href"], link, found.status)

    def is_in_one_state(self, document: dict[str, Any]) -> None:
        status = document.get("EventStatus", {}).get("currentStatus")
        if status is not None:
            before = self.statuses.get(document["href"], 0)
            assert status in NEXT[before], (document["href"], before, status)
            self.statuses[document["href"]] = status

    def tag_tells_of_change(self, peer: Peer, number: int, href: str, reply: Reply) -> None:
        if href in ("/tm", "/dcap"):
            return
        before = self.bodies.get((number, href))
        if before is not None:
            assert (before[0] == reply.etag) == (before[1] == reply.body), href
        query = "?l=255" if table.match(href).row.query else ""  # type: ignore[union-attr]
        assert peer.get(href + query, If_None_Match=reply.etag).status == 304, href
        self.bodies[number, href] = reply.etag, reply.body

    def stranger_sees_nothing(self, number: int) -> None:
        """Of what is one device's, who neither is it nor acts for it gets 404 (403 if it is suspended)."""
        peer, seen = self.peers[number], self.seen_by(number)
        refused = 403 if number in self.suspended else 404
        for href in self.href.values():
            for step in ("", "/rg", "/der/1/ders", "/lel", "/fsa", "/sub"):
                reply = peer.get(href + step)
                assert (reply.status == 200) == (href in seen), (number, href + step, reply.status)
                assert reply.status in (200, refused)
        lfdis = {peers.lfdi(device): device for device in self.manager}
        for mirror in store.items("/mup"):
            device = lfdis[mirror.submitted["deviceLFDI"]]
            sees = peer.get(mirror.href).status == 200
            assert sees == (self.href[device] in seen), (number, mirror.href)

    @staticmethod
    def _documents(reply: Reply) -> list[dict[str, Any]]:
        items = [item for value in reply.data.values() if isinstance(value, list)
                 for item in value if isinstance(item, dict) and "href" in item]
        return [reply.data, *items]

    @staticmethod
    def _links(document: dict[str, Any]) -> list[dict[str, Any]]:
        return [value for key, value in document.items() if key.endswith("Link") and isinstance(value, dict)]
