"""What flowed at the connection of a virtual DER: by its own meter, else those of premises, or devices."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from server import clock
from server.grid.groups import virtualders
from server.grid.series import forecasts, measurements, nodeflows, signals
from server.grid.series.intervals import STEP
from server.models import VirtualDER
from tests.conftest import NOON, on_sqlite

pytestmark = on_sqlite
START = NOON - 2 * STEP


@pytest.fixture
def street(server: None) -> VirtualDER:
    virtualders.create("street")
    return virtualders.find("street")


def read(street: VirtualDER, quantity: str, *values_w: float) -> None:
    measurements.save({"vder": street.id, "quantity": quantity, "start": START + number * STEP,
                       "value": value, "devices_read": 1} for number, value in enumerate(values_w))


def drawn_w(street: VirtualDER) -> list[float | None]:
    return [None if np.isnan(value) else value for value in nodeflows.drawn_w(street, START, 2).tolist()]


def put(kind: str, values_w: Sequence[float], **options: Any) -> None:
    now = clock.now()
    clock.turn_to(START)
    signals.put("street", kind, values_w, START, STEP, **options)
    clock.turn_to(now)


def test_devices_alone(street: VirtualDER) -> None:
    assert drawn_w(street) == [None, None]
    read(street, "storage", 50_000.0, 1000.0)
    read(street, "ev", -20_000.0)
    assert drawn_w(street) == [-30_000.0, -1000.0]


def test_devices_do_not_see_the_load_beside_them(street: VirtualDER) -> None:
    """What the batteries of a street give its homes does not leave it."""
    read(street, "storage", 50_000.0, 50_000.0)
    forecasts.put("street", "load", [-40_000.0] * 4, START, STEP)
    assert drawn_w(street) == [None, None]
    read(street, "load", -35_000.0)
    assert drawn_w(street) == [-15_000.0, None]


def test_the_meter_of_the_area_comes_first(street: VirtualDER) -> None:
    read(street, "storage", 50_000.0, 50_000.0)
    put("price", [0.3, 0.3])
    put("measured", [-15_000.0])
    assert drawn_w(street) == [-15_000.0, -50_000.0]


def test_the_meter_of_an_imbalance_reads_something_else(street: VirtualDER) -> None:
    read(street, "premises", -4000.0, -5000.0)
    put("imbalance", [100.0, 100.0])
    put("measured", [50.0, 50.0])
    assert drawn_w(street) == [4000.0, 5000.0]
