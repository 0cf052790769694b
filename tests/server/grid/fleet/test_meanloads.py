"""The load of devices since an instant of each, by power, energy and registers."""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.grid.fleet import storageresources
from server.grid.fleet.meanloads import Window, mean_load_w
from server.grid.fleet.memberqueries import read
from server.grid.groups import virtualders
from server.models import DerState
from tests.conftest import NOON
from tests.server.grid.fleet.test_meters import CUMULATIVE, FORWARD, REVERSE, WH, Mirror

HOUR = 3600
REGISTER = {"flowDirection": FORWARD, "uom": WH, "accumulationBehaviour": CUMULATIVE}


@pytest.fixture
def storage(home):
    device = home(1)
    device.rate(80, 5000, 5000, 10_000)
    device.charge(0.5)
    virtualders.create("street", members=["d1"])
    return device


@pytest.mark.parametrize(
    "posted",
    [
        [({"flowDirection": FORWARD}, 1000, 0, 2 * HOUR)],
        [({"flowDirection": FORWARD, "uom": WH}, 2000, 0, 2 * HOUR)],
        [(REGISTER, 500, 0, 0), (REGISTER, 2500, 2 * HOUR, 0)],
        [({"flowDirection": REVERSE}, -1000, -HOUR, HOUR), ({"flowDirection": REVERSE}, -1000, 0, 2 * HOUR)],
    ],
    ids=["power", "energy", "register", "only since then"],
)
def test_a_state_of_charge_is_carried_forward_by_what_was_read_since(
    storage: Any, posted: list[tuple[dict[str, Any], int, int, int]]
) -> None:
    clock.turn_to(NOON + 2 * HOUR)
    for reading_type, value, start, duration in posted:
        Mirror(storage).post((reading_type, value), start=NOON + start, duration=duration)
    columns = read(virtualders.find("street"), clock.now())
    assert DerState.get().soc_at == NOON
    assert storageresources._mean_load_since_soc(columns, clock.now()) == {1: pytest.approx(1000)}


def test_what_was_not_read_since_is_not_carried(storage: Any) -> None:
    Mirror(storage).post(({"flowDirection": FORWARD}, 1000), start=NOON - 60)
    assert mean_load_w({"a": Window(1, NOON)}, [], NOON + HOUR) == {}
    assert mean_load_w({}, [], NOON) == {}
