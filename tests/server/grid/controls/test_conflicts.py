import pytest

from server import clock
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.grid.series.intervals import iso
from tests.ordered import create_order
from tests.server.grid.conftest import CONNECT, FIXED_W


def warnings(vder="north", base=None, start=0, duration=600):
    return dercontrols.post(vder, base or {"opModFixedW": 1}, duration, clock.now() + start)["warnings"]


def test_nothing_to_say(battery):
    battery(1)
    virtualders.create("north", "*")
    assert warnings() == [] and warnings(start=600) == []


def test_nobody_is_there(server):
    virtualders.create("north")
    assert warnings() == ["north has no members"]


def test_who_cannot_follow(battery, home):
    battery(1, modes=FIXED_W)
    battery(2, modes=FIXED_W | CONNECT)
    home(3)
    virtualders.create("north", "*")
    assert warnings(
        base={"opModFixedW": 1, "opModConnect": True, "opModTargetW": {"multiplier": 0, "value": 1}}
    ) == [
        "1 of 3 members have not reported ratings",
        "1 of 2 members do not support opModConnect",
        "no member supports opModTargetW",
    ]


def test_a_start_in_the_past(battery):
    battery(1)
    virtualders.create("north", "*")
    assert warnings(start=-30) == ["its start lies 30 s in the past; it is active at once"]


def test_what_is_over_is_in_nobodys_way(battery):
    battery(1)
    virtualders.create("north", "*")
    dercontrols.post("north", {"opModFixedW": 1}, 60)
    clock.advance(60)
    assert warnings(start=-60) == ["its start lies 60 s in the past; it is active at once"]


@pytest.mark.parametrize("start", [0, 100])
def test_what_it_supersedes(battery, start):
    battery(1)
    virtualders.create("north", "*")
    first = dercontrols.post("north", {"opModFixedW": 1}, 600)
    clock.advance(1)
    assert warnings(start=start) == [f"it supersedes {first['href']} from {iso(clock.now() + start)} on"]
    assert warnings(base={"opModConnect": True}) == []


def test_what_it_overlaps_in_part(battery):
    battery(1)
    virtualders.create("north", "*")
    first = dercontrols.post("north", {"opModFixedW": 1, "opModConnect": True}, 600)
    clock.advance(1)
    assert warnings() == [f"it overlaps {first['href']} in opModFixedW"]


@pytest.mark.parametrize("primacy, warning", [
    (50, "{href} of other (primacy 50) wins over it in opModFixedW"),
    (150, "it wins over {href} of other (primacy 150) in opModFixedW"),
    (100, "{href} of other has the same primacy and differs in opModFixedW"),
])
def test_what_another_virtual_der_says_to_the_same_devices(battery, primacy, warning):
    battery(1, side="n")
    battery(2, side="s")
    virtualders.create("north", "side = n", primacy=100)
    virtualders.create("south", "side = s", primacy=1)
    virtualders.create("other", "*", primacy=primacy)
    dercontrols.post("south", {"opModFixedW": 1}, 600)
    href = dercontrols.post("other", {"opModFixedW": 1}, 600)["href"]
    assert warnings() == [warning.format(href=href)]


def test_controls_of_single_devices(battery):
    battery(1)
    battery(2)
    virtualders.create("north", "*")
    assert create_order("north", 600, watts=1000, addressing="device")["warnings"] == []
    clock.advance(1)
    assert warnings() == ["2 members have a control of their own at that time, which wins over it"]
    assert create_order("north", 600, watts=1000, addressing="device")["warnings"] == [
        "2 devices have a control of their own at that time, which it overlaps"]
