"""Many at once: nothing is lost, nothing is counted wrong, nobody waits for another for ever, nothing
fails."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import pytest

from server import clock
from server.config import settings
from server.devices import enrolment, identity
from server.grid.groups import virtualders
from server.models import Audience, Device, Reading, ResponseRecord, db
from server.resources import store
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer, Reply

MANY = 8
T = TypeVar("T")


def together(tasks: Iterable[Callable[[], T]]) -> list[T]:
    """Run these at the same time, each in a thread with a connection of its own; what they return."""
    tasks = list(tasks)
    start = Barrier(len(tasks))

    def run(task: Callable[[], T]) -> T:
        try:
            start.wait()
            return task()
        finally:
            db.close()
    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(run, tasks))


def event(number: int) -> dict[str, Any]:
    return {"createdDateTime": number, "functionSet": 11, "logEventCode": 0, "logEventID": number,
            "logEventPEN": 40732, "profileID": 2}


def quantity(number: int) -> dict[str, Any]:
    return {"mRID": f"{number:032X}", "ReadingType": {"uom": 38}, "Reading": {"value": number}}


def mirror(device: Peer) -> dict[str, Any]:
    return {
        "mRID": device.lfdi[:32],
        "deviceLFDI": device.lfdi,
        "roleFlags": "0001",
        "serviceCategoryKind": 0,
        "status": 1,
    }


@pytest.fixture
def street(peer: Callable[[int], Peer]) -> list[Peer]:
    """Eight devices that follow one program."""
    virtualders.create("street", rule="kind = inverter")
    for number in range(MANY):
        enrolment.enrol(peers.lfdi(number), kind="inverter")
    return [peer(number) for number in range(MANY)]


def test_posts_to_one_list_are_all_kept_and_counted(device: Peer) -> None:
    settings.log_events = 1000

    def log(thread: int) -> list[Reply]:
        return [device.post("/edev/1/lel", "LogEvent", event(100 * thread + number)) for number in range(10)]
    replies = sum(together([lambda thread=thread: log(thread) for thread in range(MANY)]), [])
    assert {reply.status for reply in replies} == {201}
    assert len({reply.location for reply in replies}) == 10 * MANY
    listed = device.get("/edev/1/lel?l=255").data
    assert listed["all"] == len(listed["LogEvent"]) == 10 * MANY
    assert device.get("/edev/1").data["LogEventListLink"]["all"] == 10 * MANY


def test_new_quantities_of_one_mirror_are_all_kept(device: Peer) -> None:
    device.post("/mup", "MirrorUsagePoint", mirror(device))
    replies = together([lambda number=number: device.post("/mup/1", "MirrorMeterReading", quantity(number))
                        for number in range(1, MANY + 1)])
    assert {reply.status for reply in replies} == {201}
    assert len({reply.location for reply in replies}) == MANY
    assert device.get("/upt/1/mr").data["all"] == MANY
    assert device.get("/upt/1").data["MeterReadingListLink"]["all"] == MANY


def test_readings_of_one_quantity_are_all_kept(device: Peer) -> None:
    device.post("/mup", "MirrorUsagePoint", mirror(device))
    device.post("/mup/1", "MirrorMeterReading", quantity(1))

    def read(thread: int) -> set[int]:
        return {device.post("/mup/1", "MirrorMeterReading", {"mRID": "01", "Reading": {
            "value": 1, "timePeriod": {"duration": 1, "start": NOON - 1000 * thread - number}}}).status
            for number in range(1, 6)}
    assert set().union(*together([lambda thread=thread: read(thread) for thread in range(MANY)])) == {201}
    assert device.get("/upt/1/mr/1/rs/1/r").data["all"] == Reading.select().count() == 1 + 5 * MANY


def test_one_mirror_stated_by_all_at_once_is_one(device: Peer) -> None:
    replies = together([lambda: device.post("/mup", "MirrorUsagePoint", mirror(device))] * MANY)
    assert sorted(reply.status for reply in replies) == [201] + [204] * (MANY - 1)
    assert {reply.location for reply in replies} == {"/mup/1"}
    assert (device.get("/mup").data["all"], device.get("/upt").data["all"]) == (1, 1)


def test_of_puts_at_once_one_is_whole(device: Peer) -> None:
    href = "/edev/1/der/1/ders"
    wanted = [{"alarmStatus": f"{number:08X}", "readingTime": number} for number in range(MANY)]
    replies = together([lambda status=status: device.put(href, "DERStatus", status) for status in wanted])
    assert {reply.status for reply in replies} == {204}
    status = device.get(href).data
    assert {key: status[key] for key in ("alarmStatus", "readingTime")} in wanted


def test_registrations_at_once(server: None, peer: Callable[[int], Peer]) -> None:
    settings.registration, settings.default_vder = True, "all"
    virtualders.create("all")

    def register(number: int) -> Reply:
        lfdi = peers.lfdi(number)
        return peer(number).post("/edev", "EndDevice", {
            "lFDI": lfdi, "sFDI": identity.sfdi(lfdi), "changedTime": 0})
    replies = together([lambda number=number: register(number // 2) for number in range(2 * MANY)])
    assert sorted(reply.status for reply in replies) == [201] * MANY + [409] * MANY
    assert len({reply.location for reply in replies if reply.status == 201}) == MANY
    assert (Device.select().count(), len(store.items("/edev"))) == (MANY, MANY)
    assert Audience.select().count() == 3 * MANY
    for number in range(MANY):
        own = peer(number).get("/edev").data["EndDevice"][0]
        assert own["FunctionSetAssignmentsListLink"]["all"] == own["DERListLink"]["all"] == 1


def test_a_street_reports_answers_and_asks_while_it_is_told(street: list[Peer]) -> None:
    """Each device says all that devices say, while the operator posts controls and time passes."""
    first = store.add("DERControl", "/derp/1/derc", {
        "interval": {"start": NOON, "duration": 3600}, "DERControlBase": {"opModConnect": True}})
    subject = store.get(first).mrid  # type: ignore[union-attr]

    def exchange(device: Peer, number: int) -> list[int]:
        replies = [device.post("/mup", "MirrorUsagePoint", mirror(device))]
        own = replies[0].location
        for turn in range(3):
            replies += [
                device.post(own, "MirrorMeterReading", quantity(1000 * number + turn + 1)),
                device.put(f"/edev/{number + 1}/der/1/ders", "DERStatus", {"readingTime": turn}),
                device.post(f"/edev/{number + 1}/lel", "LogEvent", event(turn)),
                device.post("/rsps/1/rsp", "DERControlResponse", {
                    "endDeviceLFDI": device.lfdi, "subject": subject, "status": turn + 1}),
                device.get("/dcap"), device.get("/derp?l=9"), device.get("/derp/1/derc?l=99"),
                device.get(f"/edev/{number + 1}")]
        return [reply.status for reply in replies]

    def tell() -> list[int]:
        for turn in range(6):
            store.add(
                "DERControl",
                "/derp/1/derc",
                {
                    "interval": {"start": NOON + 10 * turn, "duration": 60},
                    "DERControlBase": {"opModConnect": True},
                },
            )
            clock.advance(7)
        return []
    statuses = sum(together([*(lambda device=device, number=number: exchange(device, number)
                               for number, device in enumerate(street)), tell]), [])
    assert set(statuses) <= {200, 201, 204}
    assert ResponseRecord.select().count() == 3 * MANY
    assert (
        street[0].get("/derp/1/derc").data["all"]
        == street[0].get("/derp/1").data["DERControlListLink"]["all"]
        == 7
    )
    for number, device in enumerate(street):
        assert device.get(f"/edev/{number + 1}").data["LogEventListLink"]["all"] == 3
        assert device.get("/rsps/1/rsp").data["all"] == 3
        assert device.get("/upt?l=9").data["UsagePoint"][0]["MeterReadingListLink"]["all"] == 3
    assert store.reindex() == 0


def test_all_ask_at_the_instant_at_which_an_event_begins(street: list[Peer]) -> None:
    href = store.add("DERControl", "/derp/1/derc", {
        "interval": {"start": NOON + 100, "duration": 60}, "DERControlBase": {"opModConnect": True}})
    for advance, active in ((100, 1), (60, 0)):
        clock.advance(advance)
        replies = together([lambda device=device: device.get("/derp/1/actderc") for device in street])
        assert {(reply.status, reply.data["all"]) for reply in replies} == {(200, active)}
    assert street[0].get(href).data["EventStatus"]["currentStatus"] == 1


def test_devices_go_and_come_back_at_once(street: list[Peer]) -> None:
    def move(device: Peer) -> list[int]:
        results = []
        for _ in range(2):
            store.remove(enrolment.href(Device.get(Device.lfdi == device.lfdi)))
            results.append(device.get("/derp").status)
            enrolment.enrol(device.lfdi, kind="inverter")
            results.append(device.get("/derp").data["all"])
        return results
    assert together([lambda device=device: move(device) for device in street]) == [[404, 1, 404, 1]] * MANY
    assert len(store.items("/edev")) == Device.select().count() == MANY
    assert store.reindex() == 0
