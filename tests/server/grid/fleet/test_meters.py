"""Which MeterReadings count for a device. The rows in the database are in test_rebuild."""
from __future__ import annotations

from typing import Any

import pytest

from server.grid.fleet import meters
from server.grid.fleet.meters import Meter
from server.resources.codes import DataQualifier, FlowDirection, PhaseCode, Uom


def power(**other: Any) -> dict[str, Any]:
    return {"uom": Uom.W, **other}


FORWARD, REVERSE = {"flowDirection": FlowDirection.FORWARD}, {"flowDirection": FlowDirection.REVERSE}


@pytest.mark.parametrize(
    "types, best",
    [
        ({}, []),
        ({"a": {"uom": Uom.WH}}, []),
        ({"a": power()}, [Meter("a", 1.0)]),
        ({"a": power(**FORWARD, powerOfTenMultiplier=3)}, [Meter("a", -1000.0)]),
        ({"a": power(**FORWARD), "b": power(**REVERSE)}, [Meter("a", -1.0), Meter("b", 1.0)]),
        ({"a": power(), "b": power(dataQualifier=DataQualifier.AVERAGE)}, [Meter("b", 1.0)]),
        ({"a": power(dataQualifier=DataQualifier.MAXIMUM)}, []),
        ({"a": power(phase=PhaseCode.C), "b": power()}, [Meter("b", 1.0)]),
    ],
)
def test_one_reading_for_each_direction_counts(types: dict[str, dict[str, Any]], best: list[Meter]) -> None:
    assert meters.best(types) == best
