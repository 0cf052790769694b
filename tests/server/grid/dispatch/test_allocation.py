from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import Refused
from server.grid.dispatch import allocation
from server.grid.fleet.members import Member, MemberDer

ONE_BY_ONE = allocation.DispatchOptions(allocation.DEVICE)
ALL = frozenset({"opModFixedW", "opModMaxLimW", "opModConnect", "opModEnergize"})


def member(name, inject=5000, absorb=5000, low=None, high=None, present=0.0, modes=ALL, online=True):
    unit = MemberDer(
        inject,
        absorb,
        -absorb if low is None else low,
        inject if high is None else high,
        None,
        None,
        None,
        None,
        modes,
    )
    return Member(name, name, "battery", online, (unit,), present, 0)


def planned(made):
    return {part.member.name: part.planned_w for part in made.parts}


def told(made):
    return {part.member.name: part.base for part in made.parts}


BATTERIES = [member("a", 5000, 5000), member("b", 2500, 2000, present=500.0)]
PANELS = member("pv", 6000, 0, high=3000, present=3000.0, modes=frozenset({"opModMaxLimW"}))


def test_watts_more_by_broadcast_are_the_same_percent_for_all():
    made = allocation.allocate("watts", 2500, BATTERIES)
    assert made.target_w == 3000 and made.base == {"opModFixedW": 4000}
    assert planned(made) == {"a": 2000, "b": 1000} and told(made) == {"a": None, "b": None}


def test_watts_less_go_by_the_charge_rating():
    made = allocation.allocate("target", -3500, BATTERIES)
    assert made.base == {"opModFixedW": -5000} and planned(made) == {"a": -2500, "b": -1000}


def test_panels_are_reached_by_a_limit_in_the_same_control():
    made = allocation.allocate("target", 5000, [*BATTERIES, PANELS])
    assert (
        set(made.base) == {"opModFixedW", "opModMaxLimW"}
        and made.base["opModFixedW"] == made.base["opModMaxLimW"]
    )
    assert made.planned_w == pytest.approx(5000, abs=1)
    down = allocation.allocate("target", -3500, [*BATTERIES, PANELS])
    assert down.base == {"opModFixedW": -5000, "opModMaxLimW": 0} and planned(down)["pv"] == 0


def test_per_device_in_proportion_to_headroom():
    made = allocation.allocate("watts", 3250, BATTERIES, ONE_BY_ONE)
    assert made.base is None and made.target_w == 3750
    share = 3250 / (5000 + 2000)
    assert planned(made)["a"] == pytest.approx(5000 * share, abs=0.5)
    assert planned(made)["b"] == pytest.approx(500 + 2000 * share, abs=0.5)
    assert made.planned_w == pytest.approx(3750, abs=0.25)
    assert told(made)["a"] == {"opModFixedW": round(10_000 * share)}


def test_per_device_so_that_all_are_equally_full():
    stores = [MemberDer(5000, 5000, -5000, 5000, 10_000, charge, None, None, ALL) for charge in (0.9, 0.5)]
    every = [Member(str(place), "", "battery", True, (unit,), 0.0, 0) for place, unit in enumerate(stores)]
    made = allocation.allocate(
        "target", 2000, every, allocation.DispatchOptions(allocation.DEVICE, allocation.CHARGE, hours=2)
    )
    left = [10_000 * unit.soc - 2 * part.planned_w for unit, part in zip(stores, made.parts, strict=True)]
    assert left == pytest.approx([5000, 5000], abs=2) and made.planned_w == 2000


def test_per_device_charging_goes_by_the_charge_rating():
    made = allocation.allocate("target", -3625, BATTERIES, ONE_BY_ONE)
    share = (500 + 3625) / (5000 + 2500)
    assert planned(made)["b"] == pytest.approx(500 - 2500 * share, abs=0.2)
    assert told(made)["b"] == {"opModFixedW": round((500 - 2500 * share) / 2000 * 10_000)}


def test_each_device_is_told_in_a_mode_that_it_takes():
    modes = {"fixed": {"opModFixedW", "opModTargetW"}, "target": {"opModTargetW"}, "limit": {"opModMaxLimW"},
             "none": {"opModConnect"}}
    every = [member(name, modes=frozenset(taken), present=1000.0) for name, taken in modes.items()]
    made = allocation.allocate("watts", 3000, every, ONE_BY_ONE)
    assert {name: list(base or ()) for name, base in told(made).items()} == {
        "fixed": ["opModFixedW"], "target": ["opModTargetW"], "limit": ["opModMaxLimW"], "none": []}
    assert told(made)["target"]["opModTargetW"] == {"multiplier": 0, "value": 2000}
    assert planned(made)["none"] == 1000 and made.planned_w == 7000


def test_a_great_target_is_told_in_greater_steps():
    big = member("big", inject=90_000, absorb=0, modes=frozenset({"opModTargetW"}))
    assert told(allocation.allocate("target", 70_004, [big], ONE_BY_ONE))["big"] == {
        "opModTargetW": {"multiplier": 1, "value": 7000}}


def test_what_is_out_of_reach_is_said():
    made = allocation.allocate("target", 20_000, BATTERIES)
    assert made.unserved_w == 20_000 - 7500 and made.planned_w == 7500


def test_percent_of_rating():
    made = allocation.allocate("percent", -25.5, BATTERIES)
    assert made.base == {"opModFixedW": -2550} and planned(made) == {"a": -1275, "b": -510}


def test_a_limit_holds_back_those_who_give_more():
    made = allocation.allocate("limit", 20, [PANELS, member("low", present=400.0)])
    assert made.base == {"opModMaxLimW": 2000} and planned(made) == {"pv": 1200, "low": 400}


@pytest.mark.parametrize("value, level", [(1500, 2500), (0, 0), (99_999, 10_000)])
def test_a_limit_of_the_group_in_percent_of_rating(value, level):
    assert allocation.allocate("limit_watts", value, [PANELS]).base == {"opModMaxLimW": level}


@pytest.mark.parametrize("wish, mode", [("connect", "opModConnect"), ("energize", "opModEnergize")])
def test_off_and_on(wish, mode):
    off, on = allocation.allocate(wish, 0.0, BATTERIES), allocation.allocate(wish, 1.0, BATTERIES)
    assert off.base == {mode: False} and off.planned_w == 0
    assert on.base == {mode: True} and on.planned_w == 500


def test_who_is_not_online_does_not_count():
    made = allocation.allocate("target", 2000, [*BATTERIES, member("c", online=False)])
    assert "c" not in planned(made) and made.planned_w == pytest.approx(2000, abs=1)
    assert made.warnings == ["1 of 3 members are offline or unrated and left out"]


@pytest.mark.parametrize(
    "wish, value, every, how, status, why",
    [
        ("power", 1, BATTERIES, allocation.DispatchOptions(), 400, "quantity power: watts, target"),
        ("watts", 1, BATTERIES, allocation.DispatchOptions(allocation.DEVICE, "luck"), 400, "policy luck"),
        (
            "watts",
            1,
            BATTERIES,
            allocation.DispatchOptions(policy=allocation.CHARGE),
            400,
            "each device is addressed by itself",
        ),
        (
            "watts",
            1,
            BATTERIES,
            allocation.DispatchOptions(allocation.DEVICE, allocation.CHARGE),
            409,
            "2 members have not reported their stored energy",
        ),
        ("watts", 1, BATTERIES, allocation.DispatchOptions("singly"), 400, "addressing singly"),
        ("percent", 1, BATTERIES, ONE_BY_ONE, 400, "it is broadcast"),
        ("percent", 100.5, BATTERIES, allocation.DispatchOptions(), 400, "-100 to 100"),
        ("limit", -1, BATTERIES, allocation.DispatchOptions(), 400, "0 to 100"),
        ("limit_watts", -1, BATTERIES, allocation.DispatchOptions(), 400, "not negative"),
        ("percent", 10, [PANELS, member("x", modes=frozenset())], allocation.DispatchOptions(), None, ""),
        ("connect", 0, [PANELS], allocation.DispatchOptions(), 409, "takes opModConnect"),
        ("watts", 1, [], allocation.DispatchOptions(), 409, "no member that is online"),
    ],
)
def test_what_makes_no_sense_is_refused(wish, value, every, how, status, why):
    if status is None:
        assert allocation.allocate(wish, value, every, how).base == {"opModMaxLimW": 1000}
        return
    with pytest.raises(Refused, match=why) as caught:
        allocation.allocate(wish, value, every, how)
    assert caught.value.status == status


PARTS = st.floats(0, 1, width=16)  # of a rating; no headroom of 1e-300 W


@given(
    st.integers(-60_000, 60_000),
    st.lists(
        st.tuples(st.integers(0, 9000), st.integers(0, 9000), PARTS, PARTS, st.floats(-9000, 9000)),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([allocation.DispatchOptions(), ONE_BY_ONE]),
)
def test_a_plan_keeps_to_bounds_and_comes_as_near_as_they_allow(value, drawn, how):
    every = [member(str(place), inject, absorb, -absorb * some, inject * more, present)
             for place, (inject, absorb, some, more, present) in enumerate(drawn)]
    made = allocation.allocate("target", value, every, how)
    for part, (inject, absorb, *_) in zip(made.parts, drawn, strict=True):
        step = max(inject, absorb) / 10_000
        assert part.member.lowest_w - step <= part.planned_w <= part.member.highest_w + step
    reachable = min(max(value, fsum(each.lowest_w for each in every)), fsum(each.highest_w for each in every))
    if how == ONE_BY_ONE:
        resolution = max(max(each.max_injection_w, each.max_absorption_w) for each in every) / 10_000
    else:
        resolution = fsum(max(each.max_injection_w, each.max_absorption_w) for each in every) / 10_000
    # members with no step between their bounds
    stuck = fsum(max(each.max_injection_w, each.max_absorption_w) for each in every) / 10_000
    assert abs(made.planned_w - reachable) <= resolution + stuck + 1
    assert made.unserved_w == pytest.approx(value - reachable, abs=1e-6)
