"""Reactive power and power factors for a group, split by capability."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import clock
from server.errors import Refused
from server.grid.dispatch import orderchanges, ordercreation, orders, reactive
from server.grid.dispatch.allocation import BROADCAST, DEVICE, DispatchOptions, GroupAllocation
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.fleet.members import Member, MemberDer
from server.grid.fleet.reactivecapability import ReactiveDer
from server.grid.groups import virtualders
from server.grid.reports import orderprogress
from tests.server.grid.conftest import FIXED_W, watts
from tests.server.grid.dispatch.test_orders import controls_of

FIXED, TARGET, PF = "opModFixedVar", "opModTargetVar", "opModFixedPFInjectW"
FIXED_VAR, TARGET_VAR, PF_INJECT, PF_ABSORB = 1 << 6, 1 << 21, 1 << 5, 1 << 4
SINGLE = DispatchOptions(DEVICE)
BROADCAST_OPTIONS = DispatchOptions(BROADCAST)


def member(
    name: str, *modes: str, injection: float = 0.0, online: bool = True, stopped: bool = False
) -> Member:
    der = MemberDer(9000, 9000, -9000, 9000, None, None, None, None, frozenset(modes))
    return Member(name, name, "inverter", online, (der,), injection, 0, stopped=stopped)


def der(*modes: str, over: float = 2000, under: float | None = None, va: float | None = None,
        pf: float = 0.0) -> ReactiveDer:
    return ReactiveDer(max_injection_var=over, max_absorption_var=over if under is None else under, max_va=va,
                       min_pf_over=pf, min_pf_under=pf, modes=frozenset(modes))


def fixed(value: int) -> dict[str, Any]:
    return {FIXED: {"refType": 2, "value": value}}


def vars_of(allocated: GroupAllocation) -> dict[str, float | None]:
    return {part.member.lfdi: part.planned_var for part in allocated.parts}


MEMBERS = [member("a", FIXED), member("b", FIXED)]
DERS = {"a": [der(FIXED, over=2000, under=1000)], "b": [der(FIXED, over=1000, under=500)]}


@pytest.mark.parametrize("value, percent, parts", [
    (1500, 5000, {"a": 1000, "b": 500}), (-1500, -10_000, {"a": -1000, "b": -500}),
    (-300, -2000, {"a": -200, "b": -100}), (0, 0, {"a": 0, "b": 0})])
def test_by_broadcast_all_do_the_same_percent(value: float, percent: int, parts: dict[str, float]) -> None:
    allocated = reactive.allocate("reactive", value, MEMBERS, DERS, BROADCAST_OPTIONS)
    assert allocated.base == fixed(percent) and vars_of(allocated) == pytest.approx(parts)
    assert not allocated.warnings and allocated.planned_w == allocated.baseline_w


def test_what_is_out_of_reach_is_said() -> None:
    allocated = reactive.allocate("reactive", 4000, MEMBERS, DERS, BROADCAST_OPTIONS)
    assert allocated.base == fixed(10_000)
    assert allocated.warnings == ["1000 var of the order are out of reach: members can do 3000 var"]


def test_who_cannot_is_said() -> None:
    members = [*MEMBERS, member("c", TARGET), member("d"), member("e", FIXED, online=False),
               member("f", FIXED, stopped=True), member("g", FIXED)]
    ders = {**DERS, "c": [der(TARGET, over=3000)], "g": [der(FIXED, over=0)]}
    allocated = reactive.allocate("reactive", 1500, members, ders, BROADCAST_OPTIONS)
    assert sorted(allocated.warnings) == [
        "1 of 7 members are offline and are left out", "1 of 7 members are stopped and are left out",
        "1 of 7 members report no reactive power and are left out",
        "1 of 7 members take it only where each device is addressed by itself and are left out",
        "1 of 7 members take no control of reactive power and are left out"]
    single = reactive.allocate("reactive", 3000, members, ders, SINGLE)
    assert vars_of(single) == pytest.approx({"a": 1000, "b": 500, "c": 1500})
    assert [part.base for part in single.parts] == [
        fixed(5000), fixed(5000), {TARGET: {"multiplier": 0, "value": 1500}}]
    with pytest.raises(Refused, match="no member can absorb reactive power: 1 of 1 members take no control"):
        reactive.allocate("reactive", -1, [member("d")], {}, SINGLE)


def test_apparent_power_leaves_less_beside_active_power() -> None:
    members = [member("a", FIXED, injection=3000), member("b", FIXED)]
    ders = {name: [der(FIXED, over=5000, va=5000)] for name in "ab"}
    allocated = reactive.allocate("reactive", 8000, members, ders, BROADCAST_OPTIONS)
    assert vars_of(allocated) == pytest.approx({"a": 4000, "b": 4000}) and allocated.base == fixed(8000)
    more = reactive.allocate("reactive", 8500, members, ders, BROADCAST_OPTIONS)
    assert vars_of(more) == pytest.approx({"a": 4000, "b": 4500}) and not more.warnings


@pytest.mark.parametrize("value, excitation, expected", [
    (0.8, False, 750), (-0.8, True, -750), (1, False, 0)])
def test_a_power_factor_is_broadcast(value: float, excitation: bool, expected: float) -> None:
    members = [member("a", PF, injection=1000), member("b")]
    allocated = reactive.allocate("power_factor", value, members, {"a": [der(PF)]}, BROADCAST_OPTIONS)
    assert allocated.base == {PF: {
        "displacement": round(abs(value) * 1000), "excitation": excitation, "multiplier": -3}}
    assert vars_of(allocated) == pytest.approx({"a": expected})
    assert allocated.warnings == ["1 of 2 members take no control of reactive power and are left out"]


def test_storage_keeps_it_both_ways() -> None:
    modes = (PF, "opModFixedPFAbsorbW")
    allocated = reactive.allocate("power_factor", 0.9, [member("a", *modes)], {}, BROADCAST_OPTIONS)
    assert allocated.base is not None and set(allocated.base) == set(modes)


def test_a_device_goes_as_far_as_its_settings_let_it() -> None:
    allocated = reactive.allocate(
        "power_factor", 0.6, [member("a", PF, injection=1000)], {"a": [der(PF, pf=0.8)]}, BROADCAST_OPTIONS)
    assert vars_of(allocated) == pytest.approx({"a": 750})
    assert "1 members allow no power factor as low as 0.6" in allocated.warnings[0]


@pytest.mark.parametrize("value, options, status", [
    (0, BROADCAST_OPTIONS, 400), (1.1, BROADCAST_OPTIONS, 400), (0.9, SINGLE, 400),
    (0.9, BROADCAST_OPTIONS, 409)])
def test_what_makes_no_sense_is_refused(value: float, options: DispatchOptions, status: int) -> None:
    with pytest.raises(Refused) as refused:
        reactive.allocate("power_factor", value, [member("a")], {}, options)
    assert refused.value.status == status


VARS, WATTS = st.floats(1, 5000), st.floats(-9000, 9000)


@given(st.floats(-20_000, 20_000),
       st.lists(st.tuples(VARS, VARS, st.floats(1, 9000), WATTS), min_size=1, max_size=6))
def test_the_sum_is_the_target_within_capability(
    target: float, rows: list[tuple[float, float, float, float]]
) -> None:
    members = [member(str(number), FIXED, injection=row[3]) for number, row in enumerate(rows)]
    ders = {str(number): [der(FIXED, over=over, under=under, va=va)]
            for number, (over, under, va, _) in enumerate(rows)}
    allocated = reactive.allocate("reactive", target, members, ders, SINGLE)
    limits = [math.sqrt(max(va ** 2 - injection ** 2, 0)) for _, _, va, injection in rows]
    able = [min(over if target >= 0 else under, limit)
            for (over, under, _, _), limit in zip(rows, limits, strict=True)]
    planned = [part.planned_var or 0.0 for part in allocated.parts]
    assert all(value * target >= 0 for value in planned)
    assert all(abs(value) <= most + 1 for value, most in zip(planned, able, strict=False)
               ) or len(planned) < len(able)
    assert sum(map(abs, planned)) == pytest.approx(min(abs(target), sum(able)), abs=1 + 0.0005 * sum(able))


@pytest.fixture
def street(panels: Callable[..., Any]) -> list[Any]:
    """Two inverters of 6 kW with 3000 and 1500 var, of which one takes a ramp of 100 W/s."""
    homes = [panels(number, modes=FIXED_VAR | PF_INJECT | FIXED_W) for number in (1, 2)]
    for home, most in zip(homes, (3000, 1500), strict=True):
        home.put("dercap", "DERCapability", {
            "modesSupported": f"{FIXED_VAR | PF_INJECT | FIXED_W | TARGET_VAR:08X}", "rtgMaxW": watts(6000),
            "type": 4, "rtgMaxVar": watts(most), "rtgMaxVarNeg": watts(-most / 2)})
    homes[0].put("derg", "DERSettings", {
        "setGradW": 100, "setMaxW": watts(6000), "updatedTime": clock.now()})
    virtualders.create("street", "kind = inverter")
    return homes


def order(**options: Any) -> dict[str, Any]:
    values = {"duration_s": 900, "vder": "street", **options}
    return dict(ordercreation.create_order(OrderRequest(**values)))


def shares(number: int) -> dict[str, float | None]:
    return {row["name"]: row["planned_var"] for row in orders.list_shares(number)}


def post_var(home: Any, value: int, start: int, flow: int = 19) -> None:
    tail = f"{home.device.id:08X}"
    reply = home.client.post("/mup", "MirrorUsagePoint", {
        "mRID": f"D0{tail}", "roleFlags": "0009", "serviceCategoryKind": 0, "status": 1,
        "deviceLFDI": home.lfdi,
        "MirrorMeterReading": [{
            "mRID": f"E{flow:03X}{tail}",
            "Reading": {"timePeriod": {"start": start, "duration": 300}, "value": value},
            "ReadingType": {"flowDirection": flow, "powerOfTenMultiplier": 0, "uom": 63}}]})
    assert reply.status in (201, 204)


def test_an_order_of_vars_is_recorded_followed_and_extended(street: list[Any]) -> None:
    tried = order(quantity="reactive", value=900, dry_run=True)
    assert [share["planned_var"] for share in tried["shares"]] == [600, 300]
    assert "opModFixedVar" in tried["xml"][0]
    made = order(quantity="reactive", value=900)
    assert (made["planned_var"], made["planned_w"], made["target_w"]) == (900, 6000, None)
    assert [base for _, base in controls_of(street[0])] == [fixed(2000)]
    assert shares(made["id"]) == {"d1": 600, "d2": 300}
    shown = orderprogress.show(made["id"])
    assert (shown["delivered_var"], shown["devices_read_var"]) == (None, 0)
    start = clock.now()
    clock.advance(600)
    post_var(street[0], 580, start)
    assert orderprogress.show(made["id"])["delivered_var"] == 580
    post_var(street[1], 50, start, flow=1)
    shown = orderprogress.show(made["id"])
    assert (shown["delivered_var"], shown["expected_var"], shown["devices_read_var"]) == (530, 900, 2)
    assert {device["name"]: device["delivered_var"] for device in shown["devices"]} == {"d1": 580, "d2": -50}
    more = orderchanges.extend(made["id"], 600)
    assert more["planned_var"] == 900 and shares(more["id"] or 0) == {"d1": 600, "d2": 300}


def test_absorbing_goes_by_what_is_reported_for_it(street: list[Any]) -> None:
    made = order(quantity="reactive", value=-450, addressing=DEVICE)
    assert made["planned_var"] == -450
    assert [share["planned_var"] for share in made["shares"]] == [-300, -150]
    assert [base for _, base in controls_of(street[1])] == [fixed(-2000)]
    assert shares(made["id"]) == {"d1": -300, "d2": -150}


def test_a_power_factor_says_the_vars_that_it_makes(street: list[Any]) -> None:
    made = order(quantity="power_factor", value=-0.9)
    assert made["planned_var"] == pytest.approx(-(1500 / 2 + 3000 * math.tan(math.acos(0.9))), abs=800)
    assert made["controls"][0]["in_words"] == ["fixed PF inject W 0.9 under-excited (absorbing vars)"]


def test_an_order_of_watts_says_nothing_of_vars(street: list[Any]) -> None:
    made = order(quantity="percent", value=10)
    assert made["planned_var"] is None and orderprogress.show(made["id"])["devices_read_var"] == 0


def test_the_group_ramps_at_a_rate(street: list[Any]) -> None:
    made = order(quantity="watts", value=-3000, ramp_rate_w_per_s=30)
    assert made["controls"][0]["base"]["rampTms"] == 10_000
    assert not [warning for warning in made["warnings"] if "slower" in warning]
    quick = order(quantity="watts", value=-3000, ramp_rate_w_per_s=300)
    assert quick["controls"][0]["base"]["rampTms"] == 1000
    assert ("1 members are slower than the ramp of 10 s: by their setGradW they take up to 25 s"
            in quick["warnings"])
    for wrong, why in (({"ramp_rate_w_per_s": 1}, "would take"),
                       ({"ramp_rate_w_per_s": 30, "ramp_s": 5}, "not both"),
                       ({"ramp_rate_w_per_s": 30, "quantity": "reactive"}, "of active power")):
        with pytest.raises(Refused, match=why):
            order(**{"quantity": "watts", "value": -3000, **wrong})
