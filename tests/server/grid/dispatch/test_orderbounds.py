"""What a virtual DER is said to be able to do is what an order can promise."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import Refused
from server.grid.dispatch import allocation, orderbounds, stops
from server.grid.dispatch.allocation import DispatchOptions
from server.grid.fleet.members import Member, MemberDer
from server.grid.flexibility import capability
from server.grid.groups import virtualders
from server.grid.series import forecasts
from tests.conftest import NOON
from tests.ordered import create_order
from tests.server.grid.balancedarea import STEP, asks, has
from tests.server.grid.conftest import CONNECT

HOUR, FAR_W = 3600, 1e6
MODES = ("opModFixedW", "opModTargetW", "opModMaxLimW", "opModConnect")


def promised(vder: str) -> dict[str, Any]:
    total = capability.capability(vder)
    return dict(orderbounds.bounds(vder, total["rated_inject_w"] + total["rated_absorb_w"]))


def ordered(vder: str, value: float) -> dict[str, Any]:
    return create_order(vder, HOUR, target=value, addressing="device", dry_run=True)


@pytest.fixture
def mixed(battery: Callable[..., Any], panels: Callable[..., Any], home: Callable[..., Any]) -> list[Any]:
    """A battery, an inverter that takes a limit, one that only connects, a car, a heat pump, one that is
    out of contact."""
    homes = [battery(1, injection=1000), panels(2, injection=2500), panels(3, modes=CONNECT, injection=900),
             home(4, "evcharger"), home(5, "thermostat"), home(6, in_contact=False)]
    homes[3].rate(82, 0, 7000)
    homes[3].post(-7000)
    asks(homes[3], energy=20_000, hours=8)
    has(homes[4], 2000)
    homes[4].post(-1000)
    virtualders.create("all", members=[f"d{number}" for number in range(1, 7)])
    for quantity, watts in (("load", 0.0), ("pv", 3400.0), ("thermal", -1000.0)):
        forecasts.put("all", quantity, [watts] * 100, NOON, STEP)
    return homes


@pytest.mark.parametrize("limits", [{}, {"import_limit_w": 6000}, {"export_limit_w": 5000},
                                    {"import_limit_w": 4500, "export_limit_w": 4000}])
def test_the_farthest_order_comes_to_the_bound(mixed: list[Any], limits: dict[str, float]) -> None:
    virtualders.update("all", **limits)
    bounds = promised("all")
    assert bounds["low_w"] < bounds["high_w"], bounds
    for bound_w, far_w in ((bounds["low_w"], -FAR_W), (bounds["high_w"], FAR_W)):
        assert ordered("all", far_w)["planned_w"] == pytest.approx(bound_w, abs=5)
    names = {limit.split()[1] for limit in bounds["limits"]}
    assert names == {name.split("_")[0] for name in limits}


def test_a_limit_that_leaves_nothing_is_said_as_the_order_says_it(mixed: list[Any]) -> None:
    virtualders.update("all", import_limit_w=1500)
    bounds = promised("all")
    assert bounds["low_w"] is None and bounds["high_w"] is not None
    with pytest.raises(Refused, match="the import limit of all leaves nothing of the order"):
        ordered("all", -FAR_W)
    assert "the import limit of all leaves nothing of the order" in bounds["limits"][0]


def test_what_is_stopped_is_not_promised(mixed: list[Any]) -> None:
    before = promised("all")["high_w"]
    virtualders.create("batteries", rule="kind = battery", parent="all")
    stops.stop("batteries")
    total = capability.capability("all")
    assert promised("all")["high_w"] == pytest.approx(before - 5000, abs=5)
    assert (total["low_w"], total["high_w"]) == (-7000 + 900, 2500 + 900)


def test_where_nobody_takes_an_order_it_is_said(panels: Callable[..., Any]) -> None:
    panels(1, modes=CONNECT, injection=900)
    virtualders.create("one", members=["d1"])
    assert capability.capability("one")["up_w"] == capability.capability("one")["down_w"] == 0
    bounds = promised("one")
    assert (bounds["low_w"], bounds["high_w"]) == (None, None) and "no member" in bounds["limits"][0]


der = st.builds(
    lambda inject, absorb, low, high, modes: MemberDer(
        max_injection_w=inject, max_absorption_w=absorb, lowest_w=-low * absorb, highest_w=high * inject,
        capacity_wh=None, soc=None, dischargeable_wh=None, chargeable_wh=None, modes=frozenset(modes)),
    st.integers(0, 9000).map(float), st.integers(0, 9000).map(float), st.floats(0, 1), st.floats(0, 1),
    st.sets(st.sampled_from(MODES)))
members = st.lists(st.builds(
    lambda online, stopped, ders, injection_w: Member(
        lfdi="", name="", kind="", online=online, stopped=stopped, ders=tuple(ders), injection_w=injection_w,
        read_at=None),
    st.booleans(), st.booleans(),
    st.lists(der, min_size=0, max_size=2), st.none() | st.integers(-9000, 9000).map(float)), max_size=6)


@given(members)
def test_set_points_reach_what_members_are_said_to_do(fleet: list[Member]) -> None:
    fleet = [replace(member, lfdi=str(number)) for number, member in enumerate(fleet)]
    total, options = capability.total(fleet), DispatchOptions("device", hours=1.0)
    for bound_w, far_w in ((total["low_w"], -FAR_W), (total["high_w"], FAR_W)):
        try:
            planned_w = allocation.allocate("target", far_w, fleet, options).planned_w
        except Refused:
            assert total["low_w"] == total["high_w"]
        else:
            assert planned_w == pytest.approx(bound_w, abs=5.0 * max(len(fleet), 1))
