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
    home(4, feeder="F2", in_contact=False)
    virtualders.create("all", "")
    virtualders.create("f1", "feeder = F1", parent="all")
    virtualders.create("f2", "feeder = F2", parent="all")
    virtualders.create("batteries", "kind = battery", parent="all")


def test_members_are_summed_up_the_tree_and_each_counts_once(street):
    total = capability.capability("all")
    assert (total["members"], total["online"], total["stale"], total["unrated"]) == (4, 3, 1, 1)
    assert (total["rated_inject_w"], total["rated_absorb_w"], total["capacity_wh"]) == (
        16_000,
        10_000,
        40_000,
    )
    assert (total["injection_w"], total["devices_read"]) == (4000, 3)
    assert (total["low_w"], total["high_w"]) == (-5000 + 0 - 3000, 5000 + 3000 + 5000)
    assert (total["up_w"], total["down_w"]) == (13_000 - 4000, 4000 + 8000)
    assert (total["up_wh"], total["down_wh"]) == (5000 + 27_000, 5000 + 3000)
    assert total["soc"] == pytest.approx(32 / 40)
    assert total["modes"]["opModMaxLimW"] == 3 and total["modes"]["opModFixedW"] == 2
    assert {child["name"]: child["injection_w"] for child in total["children"]} == {
        "batteries": 1000, "f1": 2000, "f2": 2000}


def test_power_for_longer_is_less(street):
    total = capability.capability("f1", hours=4)
    assert (total["low_w"], total["high_w"]) == (-1250, 1250 + 3000)


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
    total = capability.capability("empty")
    assert total["members"] == total["up_w"] == 0 and total["soc"] is None
