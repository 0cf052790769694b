"""Which MeterReadings of a usage point count together, and how their values become power."""
from __future__ import annotations

from typing import Any

import pytest

from server.grid.series import meteruse
from server.grid.series.meteruse import Measure
from server.resources.codes import (AccumulationBehaviour, Commodity, DataQualifier, FlowDirection, PhaseCode,
                                    Uom)

Types = dict[str, dict[str, Any]]


def power(**other: Any) -> dict[str, Any]:
    return {"uom": Uom.W, **other}


def energy(**other: Any) -> dict[str, Any]:
    return {"uom": Uom.WH, **other}


FORWARD, REVERSE = {"flowDirection": FlowDirection.FORWARD}, {"flowDirection": FlowDirection.REVERSE}
NET = {"flowDirection": FlowDirection.NET}
AVERAGE = {"dataQualifier": DataQualifier.AVERAGE}
REGISTER = {"accumulationBehaviour": AccumulationBehaviour.CUMULATIVE}
PHASES = (PhaseCode.A, PhaseCode.B, PhaseCode.C)

# the ReadingTypes; in order of preference, what counts together, with the factors
ALTERNATIVES: list[tuple[str, Types, list[dict[str, float]]]] = [
    ("nothing", {}, []),
    ("a value without a direction is injection", {"a": power()}, [{"a": 1.0}]),
    ("forward is consumption", {"a": power(**FORWARD, powerOfTenMultiplier=3)}, [{"a": -1000.0}]),
    ("net is forward less reverse", {"a": power(**NET)}, [{"a": -1.0}]),
    ("both directions are one sum", {"a": power(**FORWARD), "b": power(**REVERSE)}, [{"a": -1.0, "b": 1.0}]),
    (
        "net counts beside both directions only where these are unknown",
        {"n": power(**NET), "f": power(**FORWARD), "r": power(**REVERSE)},
        [{"f": -1.0, "r": 1.0}, {"n": -1.0}],
    ),
    (
        "net is more than one direction",
        {"f": power(**FORWARD), "n": power(**NET)},
        [{"n": -1.0}, {"f": -1.0}],
    ),
    ("a net value is more than one without a direction", {"n": power(**NET), "x": power()}, [{"n": -1.0}]),
    ("averages come first", {"a": power(), "b": power(**AVERAGE)}, [{"b": 1.0}, {"a": 1.0}]),
    (
        "a direction without average stands beside the average of the other",
        {"f": power(**FORWARD, **AVERAGE), "r": power(**REVERSE)},
        [{"f": -1.0, "r": 1.0}],
    ),
    ("extremes say nothing", {"a": power(dataQualifier=DataQualifier.MAXIMUM)}, []),
    (
        "three phases are one sum",
        {str(phase): power(**FORWARD, phase=phase) for phase in PHASES},
        [{str(phase): -1.0 for phase in PHASES}],
    ),
    (
        "the sum of the phases comes first",
        {**{str(phase): power(phase=phase) for phase in PHASES}, "sum": power(phase=PhaseCode.ABC)},
        [{"sum": 1.0}, {str(phase): 1.0 for phase in PHASES}],
    ),
    ("between phases is no phase", {"a": power(phase=PhaseCode.AB)}, []),
    ("energy counts where power is unknown", {"e": energy(), "p": power()}, [{"p": 1.0}, {"e": 1.0}]),
    ("gas is no power", {"a": energy(commodity=Commodity.NATURAL_GAS)}, []),
    ("other units say nothing", {"a": {"uom": Uom.V}, "b": {"uom": Uom.VAR}, "c": {}}, []),
]


@pytest.mark.parametrize("rule, types, expected", ALTERNATIVES, ids=[row[0] for row in ALTERNATIVES])
def test_of_several_ways_to_say_the_same_one_counts(
    rule: str, types: Types, expected: list[dict[str, float]]
) -> None:
    uses = meteruse.uses(types)
    alternatives = sorted({use.alternative for use in uses.values()})
    assert [
        {href: use.factor for href, use in uses.items() if use.alternative == alternative}
        for alternative in alternatives
    ] == expected


@pytest.mark.parametrize(
    "reading_type, measure, is_open",
    [
        (power(), Measure.POWER, False),
        (energy(), Measure.ENERGY, True),
        (energy(accumulationBehaviour=AccumulationBehaviour.DELTA), Measure.ENERGY, False),
        (energy(accumulationBehaviour=AccumulationBehaviour.BULK_QUANTITY), Measure.REGISTER, False),
        (energy(accumulationBehaviour=AccumulationBehaviour.CUMULATIVE), Measure.REGISTER, False),
        (energy(accumulationBehaviour=AccumulationBehaviour.SUMMATION), Measure.REGISTER, False),
    ],
)
def test_energy_is_of_intervals_or_of_a_register(
    reading_type: dict[str, Any], measure: Measure, is_open: bool
) -> None:
    assert meteruse.uses({"a": reading_type})["a"].measure == measure
    assert meteruse.is_open(reading_type) == is_open


def test_the_same_part_twice_is_one_part() -> None:
    uses = meteruse.uses({"old": power(phase=PhaseCode.A), "new": power(phase=PhaseCode.AN)})
    assert uses["old"] == uses["new"]


def test_a_phase_is_needed_and_a_direction_beside_a_net_value() -> None:
    assert all(use.needed for use in meteruse.uses({"a": power(phase=PhaseCode.A)}).values())
    pair = {"f": power(**FORWARD), "r": power(**REVERSE)}
    assert not any(use.needed for use in meteruse.uses(pair).values())
    assert meteruse.uses({**pair, "n": power(**NET)})["f"].needed
