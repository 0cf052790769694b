"""Power from readings of one consistent set: what is missing is unknown, and nothing counts twice."""
from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest

from server.grid.series import devicepower
from server.grid.series.devicepower import MeterEnergy, MeterRows

NAN = math.nan
NOW = 1_000_000
DAY = 86_400


class Meter(NamedTuple):
    """A meter and its value, NAN where there is none about now."""
    slot: int
    alternative: int
    part: int
    value_w: float
    needed: bool = False
    first_read_at: float = 0.0
    read_at: float = NOW
    owner: int = 0


def rows(meters: list[Meter]) -> MeterRows:
    def column(name: str, kind: type) -> np.ndarray:
        return np.array([getattr(meter, name) for meter in meters], dtype=kind)
    return MeterRows(
        owner=column("owner", int), slot=column("slot", int), alternative=column("alternative", int),
        part=column("part", int), needed=column("needed", bool),
        first_read_at=column("first_read_at", float), read_at=column("read_at", float),
    )


PHASES = [Meter(0, 9, 1, -1000, needed=True), Meter(0, 9, 2, -1100, needed=True)]
SETS = [
    ("one meter", [Meter(0, 0, 0, 5)], 5),
    ("no meter", [], NAN),
    ("no value", [Meter(0, 0, 0, NAN)], NAN),
    ("phases are added", [*PHASES, Meter(0, 9, 3, -900, needed=True)], -3000),
    ("a phase that is unknown", [*PHASES, Meter(0, 9, 3, NAN, needed=True)], NAN),
    ("a phase that was never read", [*PHASES, Meter(0, 9, 3, NAN, True, NAN, NAN)], NAN),
    ("a direction that was never read", [Meter(0, 0, 1, NAN, False, NAN, NAN), Meter(0, 0, 19, 70)], 70),
    ("a direction that is not read now", [Meter(0, 0, 1, NAN), Meter(0, 0, 19, 70)], NAN),
    ("the first alternative", [Meter(0, 1, 0, 100), Meter(0, 0, 0, 120)], 120),
    ("the second, where the first is unknown", [Meter(0, 1, 0, 100), Meter(0, 0, 0, NAN)], 100),
    ("two usage points", [Meter(0, 0, 0, 5), Meter(1, 0, 0, 7)], 12),
    ("one of two is unknown", [Meter(0, 0, 0, 5), Meter(1, 0, 0, NAN, read_at=NOW - 7200)], NAN),
    ("one of two was given up", [Meter(0, 0, 0, 5), Meter(1, 0, 0, NAN, read_at=NOW - DAY - 1)], 5),
    ("one of two was never read", [Meter(0, 0, 0, 5), Meter(1, 0, 0, NAN, False, NAN, NAN)], 5),
    ("made anew: the newest", [Meter(0, 0, 0, 5, read_at=NOW - 60), Meter(0, 0, 0, 7, first_read_at=NOW)], 7),
]


@pytest.mark.parametrize("rule, meters, expected_w", SETS, ids=[row[0] for row in SETS])
def test_power_at_an_instant(rule: str, meters: list[Meter], expected_w: float) -> None:
    values = np.array([meter.value_w for meter in meters], dtype=float)
    power_w = devicepower.of_instant(rows(meters), values, np.isfinite(values), NOW, 1)
    assert np.array_equal(power_w, [expected_w], equal_nan=True)


def test_owners_do_not_disturb_each_other() -> None:
    meters = [Meter(0, 0, 0, 5), Meter(1, 0, 0, NAN, owner=1), Meter(2, 0, 0, 7, owner=3)]
    values = np.array([meter.value_w for meter in meters])
    power_w = devicepower.of_instant(rows(meters), values, np.isfinite(values), NOW, 4)
    assert np.array_equal(power_w, [5, NAN, NAN, 7], equal_nan=True)


def test_in_steps_a_mirror_that_was_made_anew_continues_its_predecessor() -> None:
    """In the step of the change each was read for a part of the time: together they are the mean of it."""
    meters = rows([Meter(0, 0, 0, 0, read_at=400), Meter(0, 0, 0, 0, first_read_at=500, read_at=900)])
    energy = MeterEnergy(
        np.array([[3000.0, 1000, 0], [0, 1000, 1500]]), np.array([[300, 100, 0], [0, 200, 300]])
    )
    assert devicepower.of_steps(meters, energy, 0, 300, 1).tolist() == [[10, 2000 / 300, 5]]


def test_in_steps_the_alternative_that_is_complete_counts() -> None:
    meters = rows([Meter(0, 0, 1, 0, True), Meter(0, 0, 19, 0, True), Meter(0, 1, 4, 0)])
    seconds = np.array([[60.0, 60, 0, 0], [60, 0, 60, 0], [60, 60, 60, 0]])
    energy = MeterEnergy(seconds * [[-10], [4], [-5]], seconds)
    power_w = devicepower.of_steps(meters, energy, 0, 60, 1)
    assert np.array_equal(power_w, [[-6, -5, -5, NAN]], equal_nan=True)


def test_before_a_direction_was_read_first_it_did_not_flow() -> None:
    meters = rows([Meter(0, 0, 1, 0), Meter(0, 0, 19, 0, first_read_at=120)])
    energy = MeterEnergy(np.array([[-60.0, -60, -60], [0, 180, 0]]), np.array([[60.0, 60, 60], [0, 60, 0]]))
    assert np.array_equal(devicepower.of_steps(meters, energy, 0, 60, 1), [[-1, 2, NAN]], equal_nan=True)
