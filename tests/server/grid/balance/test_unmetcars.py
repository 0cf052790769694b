"""Cars that a limit leaves short: written down, shown, and said before it happens."""
import numpy as np
import pytest

from server import clock
from server.grid.balance import areasettings, planning, unmetcars
from server.grid.controls import evsessions
from server.grid.flexibility import status
from server.grid.groups import virtualders
from server.grid.optimisation.balanceproblem import ClusterSchedule, GroupLimit
from server.grid.optimisation.clusters import Labels
from server.grid.series import forecasts, signals
from server.models import Plan
from tests.conftest import NOON
from tests.server.grid.balancedarea import STEP, T, asks, at


@pytest.fixture
def charger(home):
    """One car that wants 20 kWh in three hours, under an import limit of 5 kW."""
    virtualders.create("site", import_limit_w=5000)
    virtualders.create("chargers", rule="kind = evcharger", parent="site")
    device = home(1, "evcharger")
    device.rate(82, 0, 7000)
    device.post(0)
    forecasts.put("site", "load", [0.0] * 100, NOON, STEP)
    signals.put("site", "imbalance", [0.0] * 100, NOON, STEP)
    asks(device, 20_000, 3, start=T)
    return device


def test_the_operator_is_told_before_it_happens(charger):
    plan = planning.make_plan("site")
    warning, = [line for line in plan["warnings"] if "will leave without" in line]
    assert warning[:28] in ("1 cars will leave without 5.", "1 cars will leave without 6.")
    assert "the import limit of site leaves too little: d1 " in warning
    assert all(step["injection_w"]["chargers ev"] >= -5000.5 for step in plan["steps"])
    assert list(evsessions.list_sessions("site"))[0]["unmet_wh"] is None, "the plan is not in force"


def test_it_is_written_down_with_the_session(charger):
    areasettings.set_automatic("site", on=True)
    at(T - 300)
    session, = evsessions.list_sessions("site")
    assert session["unmet_wh"] == pytest.approx(5000, abs=1300)
    assert session["unmet_reason"] == "the import limit of site leaves too little"
    assert status.status("site")["unmet"][0]["device"] == "d1"
    virtualders.update("site", import_limit_w=8000)
    for step in range(1, 5):
        at(T - 300 + step * STEP)
    assert Plan.select().count() > 1 and list(evsessions.list_sessions("site"))[0]["unmet_wh"] is None
    assert clock.now() < T + 3 * 3600


def schedule(power):
    none = np.zeros(0)
    return ClusterSchedule(np.array(power), none, np.zeros(len(power[0])), none, (), "optimal")


def test_the_limit_that_binds_most_is_why():
    labels = Labels(np.array([1, 1]), np.array([0, 1]), np.zeros(2, int))
    inner = GroupLimit([0], 5000.0, -np.inf, np.zeros(3), name="inner")
    outer = GroupLimit([0, 1], 9000.0, -np.inf, np.zeros(3), name="outer")
    powers = [[5000.0, 5000.0, 1000.0], [0.0, 0.0, 8000.0]]
    binding = unmetcars.binding_limits(schedule(powers), labels, [outer, inner])
    assert {group: limit.name for group, limit in binding.items()} == {0: "inner", 1: "outer"}
    assert unmetcars.binding_limits(schedule([[0.0] * 3] * 2), labels, [outer, inner]) == {}
