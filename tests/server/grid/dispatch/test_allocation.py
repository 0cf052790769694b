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


def planned(allocated):
    return {part.member.name: part.planned_w for part in allocated.parts}


def bases(allocated):
    return {part.member.name: part.base for part in allocated.parts}


BATTERIES = [member("a", 5000, 5000), member("b", 2500, 2000, present=500.0)]
PANELS = member("pv", 6000, 0, high=3000, present=3000.0, modes=frozenset({"opModMaxLimW"}))


def test_watts_more_by_broadcast_are_the_same_percent_for_all():
    allocated = allocation.allocate("watts", 2500, BATTERIES)
    assert allocated.target_w == 3000 and allocated.base == {"opModFixedW": 4000}
    assert planned(allocated) == {"a": 2000, "b": 1000} and bases(allocated) == {"a": None, "b": None}


def test_watts_less_go_by_the_charge_rating():
    allocated = allocation.allocate("target", -3500, BATTERIES)
    assert allocated.base == {"opModFixedW": -5000} and planned(allocated) == {"a": -2500, "b": -1000}


def test_panels_are_reached_by_a_limit_in_the_same_control():
    allocated = allocation.allocate("target", 5000, [*BATTERIES, PANELS])
    assert (
        set(allocated.base) == {"opModFixedW", "opModMaxLimW"}
        and allocated.base["opModFixedW"] == allocated.base["opModMaxLimW"]
    )
    assert allocated.planned_w == pytest.approx(5000, abs=1)
    down = allocation.allocate("target", -3500, [*BATTERIES, PANELS])
    assert down.base == {"opModFixedW": -5000, "opModMaxLimW": 0} and planned(down)["pv"] == 0


def test_per_device_in_proportion_to_headroom():
    allocated = allocation.allocate("watts", 3250, BATTERIES, ONE_BY_ONE)
    assert allocated.base is None and allocated.target_w == 3750
    share = 3250 / (5000 + 2000)
    assert planned(allocated)["a"] == pytest.approx(5000 * share, abs=0.5)
    assert planned(allocated)["b"] == pytest.approx(500 + 2000 * share, abs=0.5)
    assert allocated.planned_w == pytest.approx(3750, abs=0.25)
    assert bases(allocated)["a"] == {"opModFixedW": round(10_000 * share)}


def test_per_device_so_that_all_are_equally_full():
    batteries = [MemberDer(5000, 5000, -5000, 5000, 10_000, charge, None, None, ALL) for charge in (0.9, 0.5)]
    members = [Member(str(number), "", "battery", True, (der,), 0.0, 0) for number,
               der in enumerate(batteries)]
    allocated = allocation.allocate(
        "target", 2000, members, allocation.DispatchOptions(allocation.DEVICE, allocation.CHARGE, hours=2)
    )
    left_wh = [
        10_000 * der.soc - 2 * part.planned_w for der, part in zip(batteries, allocated.parts, strict=True)
    ]
    assert left_wh == pytest.approx([5000, 5000], abs=2) and allocated.planned_w == 2000


def test_per_device_charging_goes_by_the_charge_rating():
    allocated = allocation.allocate("target", -3625, BATTERIES, ONE_BY_ONE)
    share = (500 + 3625) / (5000 + 2500)
    assert planned(allocated)["b"] == pytest.approx(500 - 2500 * share, abs=0.2)
    assert bases(allocated)["b"] == {"opModFixedW": round((500 - 2500 * share) / 2000 * 10_000)}


def test_each_device_is_told_in_a_mode_that_it_takes():
    modes = {"fixed": {"opModFixedW", "opModTargetW"}, "target": {"opModTargetW"}, "limit": {"opModMaxLimW"},
             "none": {"opModConnect"}}
    members = [member(name, modes=frozenset(taken), present=1000.0) for name, taken in modes.items()]
    allocated = allocation.allocate("watts", 3000, members, ONE_BY_ONE)
    assert {name: list(base or ()) for name, base in bases(allocated).items()} == {
        "fixed": ["opModFixedW"], "target": ["opModTargetW"], "limit": ["opModMaxLimW"], "none": []}
    assert bases(allocated)["target"]["opModTargetW"] == {"multiplier": 0, "value": 2000}
    assert planned(allocated)["none"] == 1000 and allocated.planned_w == 7000


def test_a_great_target_is_told_in_greater_steps():
    big = member("big", inject=90_000, absorb=0, modes=frozenset({"opModTargetW"}))
    assert bases(allocation.allocate("target", 70_004, [big], ONE_BY_ONE))["big"] == {
        "opModTargetW": {"multiplier": 1, "value": 7000}}


def test_what_is_out_of_reach_is_said():
    allocated = allocation.allocate("target", 20_000, BATTERIES)
    assert allocated.unserved_w == 20_000 - 7500 and allocated.planned_w == 7500


def test_percent_of_rating():
    allocated = allocation.allocate("percent", -25.5, BATTERIES)
    assert allocated.base == {"opModFixedW": -2550} and planned(allocated) == {"a": -1275, "b": -510}


def test_a_limit_holds_back_those_who_give_more():
    allocated = allocation.allocate("limit", 20, [PANELS, member("low", present=400.0)])
    assert allocated.base == {"opModMaxLimW": 2000} and planned(allocated) == {"pv": 1200, "low": 400}


@pytest.mark.parametrize("value, level", [(1500, 2500), (0, 0), (99_999, 10_000)])
def test_a_limit_of_the_group_in_percent_of_rating(value, level):
    assert allocation.allocate("limit_watts", value, [PANELS]).base == {"opModMaxLimW": level}


@pytest.mark.parametrize("quantity, mode", [("connect", "opModConnect"), ("energize", "opModEnergize")])
def test_off_and_on(quantity, mode):
    off, on = allocation.allocate(quantity, 0.0, BATTERIES), allocation.allocate(quantity, 1.0, BATTERIES)
    assert off.base == {mode: False} and off.planned_w == 0
    assert on.base == {mode: True} and on.planned_w == 500


def test_who_is_not_online_does_not_count():
    allocated = allocation.allocate("target", 2000, [*BATTERIES, member("c", online=False)])
    assert "c" not in planned(allocated) and allocated.planned_w == pytest.approx(2000, abs=1)
    assert allocated.warnings == ["1 of 3 members are offline or unrated and left out"]


@pytest.mark.parametrize(
    "quantity, value, members, options, status, why",
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
def test_what_makes_no_sense_is_refused(quantity, value, members, options, status, why):
    if status is None:
        assert allocation.allocate(quantity, value, members, options).base == {"opModMaxLimW": 1000}
        return
    with pytest.raises(Refused, match=why) as caught:
        allocation.allocate(quantity, value, members, options)
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
def test_a_plan_keeps_to_bounds_and_comes_as_near_as_they_allow(value, drawn, options):
    members = [member(str(number), inject, absorb, -absorb * low, inject * more, present)
             for number, (inject, absorb, low, more, present) in enumerate(drawn)]
    allocated = allocation.allocate("target", value, members, options)
    for part, (inject, absorb, *_) in zip(allocated.parts, drawn, strict=True):
        step = max(inject, absorb) / 10_000
        assert part.member.lowest_w - step <= part.planned_w <= part.member.highest_w + step
    reachable = min(max(value, fsum(row.lowest_w for row in members)), fsum(row.highest_w for row in members))
    if options == ONE_BY_ONE:
        resolution = max(max(row.max_injection_w, row.max_absorption_w) for row in members) / 10_000
    else:
        resolution = fsum(max(row.max_injection_w, row.max_absorption_w) for row in members) / 10_000
    # members with no step between their bounds
    stuck = fsum(max(row.max_injection_w, row.max_absorption_w) for row in members) / 10_000
    assert abs(allocated.planned_w - reachable) <= resolution + stuck + 1
    assert allocated.unserved_w == pytest.approx(value - reachable, abs=1e-6)
