"""Automatic mode is refused where the load below a limit, or of a schedule, has never been read."""
import pytest

from server.errors import Refused
from server.grid.balance import areasettings, planning
from server.grid.groups import virtualders
from server.grid.series import forecasts, signals
from tests.conftest import NOON
from tests.server.grid.balancedarea import STEP


@pytest.fixture
def batteries(battery):
    virtualders.create("town")
    virtualders.create("batteries", rule="kind = battery", parent="town")
    battery(1)


def load_is_zero(name):
    forecasts.put(name, "load", [0.0] * 100, NOON, STEP)


def test_a_limit_of_the_area_or_below_it_needs_a_load(batteries):
    virtualders.update("batteries", import_limit_w=4000)
    with pytest.raises(Refused, match="load of batteries has never been read, so its limit cannot be kept"):
        areasettings.set_automatic("town")
    load_is_zero("batteries")
    assert areasettings.set_automatic("town")["automatic"]


def test_a_schedule_needs_a_load_and_an_imbalance_does_not(batteries):
    signals.put("town", "imbalance", [1000.0] * 100, NOON, STEP)
    assert areasettings.set_automatic("town")["automatic"]
    areasettings.set_automatic("town", on=False)
    signals.put("town", "schedule", [0.0] * 100, NOON, STEP)
    with pytest.raises(Refused, match="load of town has never been read, so its schedule cannot be kept"):
        areasettings.set_automatic("town")
    warnings = planning.make_plan("town")["warnings"]
    assert any("never been read" in warning for warning in warnings)
    load_is_zero("town")
    assert areasettings.set_automatic("town")["automatic"]
    assert not any("never been read" in warning for warning in planning.make_plan("town")["warnings"])


def test_other_settings_are_changed_all_the_same(batteries):
    virtualders.update("town", export_limit_w=4000)
    assert areasettings.set_automatic("town", on=None, reserve=0.2)["reserve"] == 0.2
