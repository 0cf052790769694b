"""Which MeterReadings count for a device. The rows in the database are in test_rebuild."""
from __future__ import annotations

from typing import Any

import pytest

from server.grid.fleet import meters
from server.grid.fleet.meters import PowerMeter
from server.resources.codes import DataQualifier, FlowDirection, PhaseCode, Uom


def power(**other: Any) -> dict[str, Any]:
    return {"uom": Uom.W, **other}


FORWARD, REVERSE = {"flowDirection": FlowDirection.FORWARD}, {"flowDirection": FlowDirection.REVERSE}


@pytest.mark.parametrize(
    "types, best",
    [
        ({}, []),
        ({"a": {"uom": Uom.WH}}, []),
        ({"a": power()}, [PowerMeter("a", 1.0)]),
        ({"a": power(**FORWARD, powerOfTenMultiplier=3)}, [PowerMeter("a", -1000.0)]),
        ({"a": power(**FORWARD), "b": power(**REVERSE)}, [PowerMeter("a", -1.0), PowerMeter("b", 1.0)]),
        ({"a": power(), "b": power(dataQualifier=DataQualifier.AVERAGE)}, [PowerMeter("b", 1.0)]),
        ({"a": power(dataQualifier=DataQualifier.MAXIMUM)}, []),
        ({"a": power(phase=PhaseCode.C), "b": power()}, [PowerMeter("b", 1.0)]),
    ],
)
def test_one_reading_for_each_direction_counts(
    types: dict[str, dict[str, Any]], best: list[PowerMeter]
) -> None:
    assert meters.best(types) == best
