"""What was learned of thermal loads, as operators are shown it."""
import pytest

from server.grid.flexibility import capability, status
from server.grid.groups import virtualders
from server.grid.optimisation.loadlines import LoadLine
from server.grid.optimisation.thermalfit import Store, ThermalModel
from server.grid.series import thermalmodels
from server.grid.series.thermalmodels import GroupModel
from server.models import Participation
from tests.conftest import NOON
from tests.server.grid.fleet.test_fleetstate import pump  # noqa: F401


@pytest.fixture
def street(pump):  # noqa: F811
    """Two heat pumps of 2 kW that draw 600 W, which deliver half of what they are asked."""
    for number in (1, 2):
        pump(number, draws=600)
    virtualders.create("town", "*")
    virtualders.create("street", "*", parent="town")
    vder = virtualders.find("street")
    line = LoadLine(0.01, 0.03, 16.0, 0.0, 30.0)
    thermalmodels.save(vder.id, 0, GroupModel(ThermalModel(line, Store(0.4, 15.0), True, 0.5), NOON, 4000.0))
    return vder


def test_status_shows_the_line_the_store_and_the_response(street):
    assert status.status("town")["thermal"] == [{
        "vder": "street", "loads": "thermostats", "response": 0.5, "band_wh_per_k": 1600, "leak_h": 15,
        "idle_w": 40, "heating_w_per_k": 120, "heating_below_c": 16, "cooling_w_per_k": 0,
        "cooling_above_c": 30, "learned_at": NOON}]
    thermalmodels.save(street.id, 0, GroupModel(ThermalModel(None, Store(0.4, 15.0), False, 1.0), NOON, 4e3))
    row, = status.status("street")["thermal"]
    assert row["band_wh_per_k"] is None and row["idle_w"] is None


def test_capability_counts_the_response_once_and_says_so(street):
    Participation.create(device=1, response_rate=0.6)
    horizon = capability.horizon("town", steps=2)
    assert horizon["p50"]["up_w"][0] == pytest.approx(600)
    assert horizon["warnings"] == [
        "thermostats of street deliver 50% of what they are asked, and count as that"]
    assert capability.horizon("street", steps=2)["p50"]["up_w"] == horizon["p50"]["up_w"]
