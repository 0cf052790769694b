import pytest

from server import clock
from server.grid.flexibility import capability
from server.grid.groups import virtualders
from server.models import Device


@pytest.fixture
def street(battery, panels, home):
    battery(1, charge=0.5, injection=-1000, feeder="F1")
    panels(2, injection=3000, feeder="F1")
    battery(3, wh=30_000, charge=0.9, injection=2000, feeder="F2")
    home(4, feeder="F2", seen=False)
    virtualders.create("all", "")
    virtualders.create("f1", "feeder = F1", parent="all")
    virtualders.create("f2", "feeder = F2", parent="all")
    virtualders.create("batteries", "kind = battery", parent="all")


def test_members_are_summed_up_the_tree_and_each_counts_once(street):
    found = capability.capability("all")
    assert (found["members"], found["online"], found["stale"], found["unrated"]) == (4, 3, 1, 1)
    assert (found["rated_inject_w"], found["rated_absorb_w"], found["capacity_wh"]) == (
        16_000,
        10_000,
        40_000,
    )
    assert (found["injection_w"], found["devices_read"]) == (4000, 3)
    assert (found["low_w"], found["high_w"]) == (-5000 + 0 - 3000, 5000 + 3000 + 5000)
    assert (found["up_w"], found["down_w"]) == (13_000 - 4000, 4000 + 8000)
    assert (found["up_wh"], found["down_wh"]) == (5000 + 27_000, 5000 + 3000)
    assert found["soc"] == pytest.approx(32 / 40)
    assert found["modes"]["opModMaxLimW"] == 3 and found["modes"]["opModFixedW"] == 2
    assert {child["name"]: child["injection_w"] for child in found["children"]} == {
        "batteries": 1000, "f1": 2000, "f2": 2000}


def test_power_for_longer_is_less(street):
    found = capability.capability("f1", hours=4)
    assert (found["low_w"], found["high_w"]) == (-1250, 1250 + 3000)


def test_who_is_not_seen_is_stale_and_promises_nothing(street):
    clock.advance(3 * 300 + 1)
    assert capability.capability("f1") | {"children": []} == {
        **capability.capability("f1"),
        "online": 0,
        "stale": 2,
        "up_w": 0,
        "down_w": 0,
        "injection_w": 0,
        "children": [],
    }
    Device.update(last_contact_at=clock.now()).execute()
    assert capability.capability("f1")["stale"] == 0


def test_a_virtual_der_without_members(server):
    virtualders.create("empty")
    found = capability.capability("empty")
    assert found["members"] == found["up_w"] == 0 and found["soc"] is None
