"""Who acts for which devices: aggregators, moves between them, and what each sees (CSIP 2.1, 3.2, 6.1)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.devices import aggregators, enrolment
from server.errors import Refused
from server.grid.groups import splitting, virtualders
from server.models import Audience, Device
from server.resources import sql, store
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer
from tests.server.notifications.conftest import subscribe
from tests.standard import every_resource

OLD, NEW = 100, 101
MIRROR = {"mRID": "AA", "roleFlags": "0049", "serviceCategoryKind": 0, "status": 1}
QUANTITY = {"mRID": "BB", "ReadingType": {"uom": 38}, "Reading": {"value": 1}}


@pytest.fixture
def two(peer: Callable[[int], Peer]) -> tuple[Peer, Peer]:
    """Two aggregators, /edev/1 with the devices /edev/3 (d1) and /edev/4 (d2), /edev/2 with /edev/5 (d3); a
    virtual DER of all three, and one of d1 alone."""
    for number, name in ((OLD, "old"), (NEW, "new")):
        enrolment.enrol(peers.lfdi(number), kind=enrolment.AGGREGATOR, name=name)
    for number, manager in ((1, OLD), (2, OLD), (3, NEW)):
        enrolment.enrol(peers.lfdi(number), name=f"d{number}", kind="pv", manager=peers.lfdi(manager))
    virtualders.create("all", rule="kind = pv")
    virtualders.create("alone", members=["d1"])
    return peer(OLD), peer(NEW)


def move(name: str, to: str | None) -> aggregators.Move:
    return aggregators.move([enrolment.find(name)], enrolment.find(to) if to else None)


def listed(aggregator: Peer, href: str = "/edev") -> list[str]:
    page = aggregator.get(f"{href}?l=99").data
    items = next((value for value in page.values() if isinstance(value, list)), [])
    assert page["all"] == page["results"] == len(items)
    return sorted(item["href"] for item in items)


def answers(aggregator: Peer, device: int, number: int) -> list[int]:
    """The statuses of all that an aggregator does for a device (the number of its EndDevice and its own)."""
    href, lfdi = f"/edev/{device}", peers.lfdi(number)
    subject = store.items("/derp/1/derc")[0].mrid
    event = {"functionSet": 11, "logEventCode": 0, "logEventPEN": 40732, "profileID": 2, "createdDateTime": 1,
             "logEventID": 1}
    return [reply.status for reply in (
        aggregator.get(href), aggregator.get(f"{href}/rg"), aggregator.get(f"{href}/fsa"),
        aggregator.put(f"{href}/der/1/ders", "DERStatus", {"readingTime": 1}),
        aggregator.post(f"{href}/lel", "LogEvent", event),
        aggregator.post("/rsps/1/rsp", "DERControlResponse",
                        {"endDeviceLFDI": lfdi, "subject": subject, "status": 1}),
        aggregator.post("/mup", "MirrorUsagePoint", {**MIRROR, "mRID": f"A{number}", "deviceLFDI": lfdi}))]


ACTS = [200, 200, 200, 204, 201, 201, 201]
AGAIN = [200, 200, 200, 204, 201, 204, 204]
REFUSED = [404, 404, 404, 404, 404, 403, 403]


def test_a_moved_device_is_the_other_s_at_once(two: tuple[Peer, Peer]) -> None:
    """Its lists, responses, readings and programs; of the other devices nothing changes."""
    old, new = two
    store.add("DERControl", "/derp/1/derc", every_resource.sample("DERControl"))
    assert answers(old, 3, 1) == ACTS and answers(new, 3, 1) == REFUSED
    assert old.post("/mup/1", "MirrorMeterReading", QUANTITY).status == 201
    assert listed(old, "/derp") == ["/derp/1", "/derp/2"] and listed(new, "/derp") == ["/derp/1"]
    assert move("d1", "new") == {"count": 1, "aggregator": new.lfdi, "devices": {peers.lfdi(1): old.lfdi}}
    assert answers(old, 3, 1) == REFUSED and answers(new, 3, 1) == AGAIN
    assert (listed(old), listed(new)) == (["/edev/1", "/edev/4"], ["/edev/2", "/edev/3", "/edev/5"])
    assert (listed(old, "/mup"), listed(new, "/mup")) == ([], ["/mup/1"])
    assert (listed(old, "/upt"), listed(new, "/upt")) == ([], ["/upt/1"])
    assert old.post("/mup/1", "MirrorMeterReading", QUANTITY).status == 404
    assert new.get("/upt/1/mr/1/rs/1/r?l=9").status == 200
    assert (listed(old, "/derp"), listed(new, "/derp")) == (["/derp/1"], ["/derp/1", "/derp/2"])
    assert answers(old, 4, 2) == ACTS and answers(new, 5, 3) == ACTS
    assert store.reindex() == 0


def test_moved_to_none_it_acts_for_itself(two: tuple[Peer, Peer], peer: Callable[[int], Peer]) -> None:
    old, _ = two
    own = peer(1)
    assert "SubscriptionListLink" not in own.get("/edev/3").data
    assert move("d1", None)["count"] == 1
    assert listed(old) == ["/edev/1", "/edev/4"] and listed(old, "/derp") == ["/derp/1"]
    subscribe(own, "/derp", "https://10.0.0.1/n", device=3)
    assert own.get("/edev/3").data["SubscriptionListLink"]["all"] == 1
    assert move("d1", None)["count"] == 0, "it is there already"


def test_the_list_from_a_time_on_shows_who_has_come(two: tuple[Peer, Peer]) -> None:
    _, new = two
    clock.turn_to(NOON + 60)
    move("d1", "new")
    listed_now = new.get(f"/edev?a={NOON}&l=9").data["EndDevice"]
    assert [(item["href"], item["changedTime"]) for item in listed_now] == [("/edev/3", NOON + 60)]


def test_a_suspended_device_is_not_there_for_its_aggregator(
    two: tuple[Peer, Peer], peer: Callable[[int], Peer]
) -> None:
    old, _ = two
    store.add("DERControl", "/derp/1/derc", every_resource.sample("DERControl"))
    assert answers(old, 3, 1) == ACTS
    enrolment.suspend(enrolment.find("d1"))
    assert answers(old, 3, 1) == REFUSED and peer(1).get("/edev/3").status == 403
    assert listed(old) == ["/edev/1", "/edev/4"] and listed(old, "/mup") == []
    assert listed(old, "/derp") == ["/derp/1"], "the program of the others"
    assert store.reindex() == 0
    enrolment.restore(enrolment.find("d1"))
    assert answers(old, 3, 1) == AGAIN and listed(old, "/derp") == ["/derp/1", "/derp/2"]


def test_a_suspended_aggregator_is_refused_all_and_its_devices_are_not(
    two: tuple[Peer, Peer], peer: Callable[[int], Peer]
) -> None:
    old, _ = two
    enrolment.suspend(enrolment.find("old"))
    assert {reply.status for reply in map(old.get, ("/edev", "/edev/3", "/dcap", "/derp"))} == {403}
    assert old.put("/edev/3/der/1/ders", "DERStatus", {"readingTime": 1}).status == 403
    assert peer(1).get("/edev/3").status == 200
    enrolment.restore(enrolment.find("old"))
    assert listed(old) == ["/edev/1", "/edev/3", "/edev/4"] and listed(old, "/derp") == ["/derp/1", "/derp/2"]


def test_one_that_is_a_member_itself_keeps_what_it_sees_by_that(two: tuple[Peer, Peer]) -> None:
    old, _ = two
    virtualders.update("alone", add=["old"])
    move("d1", "new")
    assert listed(old, "/derp") == ["/derp/1", "/derp/2"]
    assert enrolment.find("old").kind == enrolment.AGGREGATOR
    enrolment.relabel(enrolment.find("old"), {}, kind="gateway")
    assert listed(old, "/derp") == ["/derp/2"] and listed(old) == ["/edev/1"]


@on_sqlite
def test_what_one_device_changes_costs_the_same_in_a_large_fleet(
    two: tuple[Peer, Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An aggregator sees thousands of audiences, of which a change of one device looks at few."""
    fetched: list[int] = []
    rows = sql.rows

    def count(*arguments: Any) -> list[Any]:
        found = list(rows(*arguments))
        fetched.append(len(found))
        return found
    monkeypatch.setattr(sql, "rows", count)
    sizes = []
    for begin in (200, 300):
        enrolment.enrol_all(enrolment.Entry(peers.lfdi(number), kind="pv", manager=peers.lfdi(OLD))
                            for number in range(begin, begin + 40))
        fetched.clear()
        enrolment.relabel(enrolment.find("d1"), {"feeder": f"F{begin}"})
        enrolment.enrol(peers.lfdi(begin + 50), kind="pv", manager=peers.lfdi(OLD))
        sizes.append(sum(fetched))
    assert sizes[0] == sizes[1]


@on_sqlite
def test_a_page_of_a_large_fleet_is_in_order_and_complete(two: tuple[Peer, Peer]) -> None:
    old, _ = two
    enrolment.enrol_all(enrolment.Entry(peers.lfdi(number), manager=old.lfdi) for number in range(200, 320))
    pages = [old.get(f"/edev?s={start}&l=50").data for start in range(0, 150, 50)]
    found = [item for page in pages for item in page["EndDevice"]]
    assert {page["all"] for page in pages} == {123} == {len({item["href"] for item in found})}
    assert found == sorted(found, key=lambda item: (-item["changedTime"], item["sFDI"]))


CASES: dict[str, tuple[Callable[[], Any], str]] = {
    "not an aggregator": (lambda: move("d1", "d2"), "device 4 is no aggregator; give it that kind first"),
    "an aggregator": (lambda: move("new", "old"), "an aggregator is managed by none"),
    "enrolled as managed": (lambda: enrolment.enrol(peers.lfdi(9), kind="aggregator",
                                                    manager=peers.lfdi(OLD)), "is managed by none"),
    "labelled while managed": (lambda: enrolment.relabel(enrolment.find("d1"), {}, kind="aggregator"),
                               "move it to none first"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_is_refused_and_changes_nothing(two: tuple[Peer, Peer], case: str) -> None:
    act, why = CASES[case]
    before = list(Device.select().order_by(Device.id).dicts()), Audience.select().count()
    with pytest.raises(Refused, match=why) as refused:
        act()
    assert refused.value.status == 409
    assert (list(Device.select().order_by(Device.id).dicts()), Audience.select().count()) == before


def test_rows_that_should_not_be_are_removed_when_they_are_rebuilt(two: tuple[Peer, Peer]) -> None:
    old, _ = two
    Audience.create(lfdi=old.lfdi, audience=peers.lfdi(3))
    assert listed(old) == ["/edev/1", "/edev/3", "/edev/4", "/edev/5"]
    assert store.reindex() == 1 and listed(old) == ["/edev/1", "/edev/3", "/edev/4"]


def test_a_virtual_der_of_each_provider_has_its_programs_in_one_place(two: tuple[Peer, Peer]) -> None:
    """The rule asks for the manager; its aggregator reads and subscribes to one list for all its devices."""
    old, new = two
    children = splitting.split("all", "manager")["children"]
    assert children == ["all old", "all new"] or children == ["all new", "all old"]
    provider = virtualders.find("all old")
    assert virtualders.show(provider.name)["members"] == 2
    views = {link["href"] for device in (3, 4) for item in old.get(
        f"/edev/{device}/fsa?l=9").data["FunctionSetAssignments"] for key, link in item.items()
        if key == "DERProgramListLink" and item["description"] == provider.name}
    assert views == {f"/fsa/{provider.id}/derp"}
    view = views.pop()
    assert listed(old, view) == sorted({"/derp/1", provider.program})
    assert new.get(view).status == 404
    subscribe(old, view, "https://10.0.0.1/n")
    move("d3", "old")
    assert virtualders.show(provider.name)["members"] == 3
    move("d1", "new")
    assert virtualders.show(provider.name)["members"] == 2 and listed(new, "/derp")[0] == "/derp/1"


def test_an_aggregator_is_assigned_nothing_and_a_managed_device_subscribes_to_nothing(
    two: tuple[Peer, Peer]
) -> None:
    """CSIP 2.1, 6.1.7, which the links say."""
    old, _ = two
    itself, device = old.get("/edev/1").data, old.get("/edev/3").data
    assert {"SubscriptionListLink", "LogEventListLink"} <= itself.keys()
    assert "FunctionSetAssignmentsListLink" not in itself
    assert {"FunctionSetAssignmentsListLink", "DERListLink", "LogEventListLink"} <= device.keys()
    assert "SubscriptionListLink" not in device
    virtualders.update("all", add=["old"])
    assert old.get("/edev/1").data["FunctionSetAssignmentsListLink"]["all"] == 1, "what it has is linked"


@pytest.mark.parametrize("change", [
    enrolment.remove, lambda device: enrolment.relabel(device, {}, kind="pv")])
@on_sqlite
def test_before_an_aggregator_goes_its_devices_are_handed_over_in_parts(
    two: tuple[Peer, Peer], monkeypatch: pytest.MonkeyPatch, change: Callable[[Device], None]
) -> None:
    """What is interrupted leaves an aggregator with fewer devices, and goes on the next time."""
    monkeypatch.setattr(aggregators, "TOGETHER", 1)
    old, hand_over, parts = enrolment.find("old"), aggregators._hand_over, []

    def interrupted(devices: list[Device], manager: str) -> None:
        if parts:
            raise KeyboardInterrupt
        parts.append(devices)
        hand_over(devices, manager)

    monkeypatch.setattr(aggregators, "_hand_over", interrupted)
    with pytest.raises(KeyboardInterrupt):
        change(old)
    assert listed(two[0]) == ["/edev/1", "/edev/4"] and not enrolment.find("d1").manager
    monkeypatch.setattr(aggregators, "_hand_over", hand_over)
    change(enrolment.find("old"))
    assert not enrolment.find("d2").manager and enrolment.find("d3").manager == peers.lfdi(NEW)
    assert store.reindex() == 0
