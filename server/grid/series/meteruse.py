"""What each MeterReading of a UsagePoint says about power, and which of them count together. Pure.

A UsagePoint may say the same power in several ways: for all phases or for each phase, net or by direction, as
power or as energy. Each way is an alternative, of which one counts at an instant (see `devicepower`); the
parts of an alternative are added up. The same part twice (a MeterReading that was made anew) is one part.

Forward is delivered to the customer, so consumption; reverse is injection. A flow that is not applicable
counts as injection.
"""
from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from server.resources.codes import (AccumulationBehaviour, Commodity, DataQualifier, FlowDirection, PhaseCode,
                                    Uom)

Data = Mapping[str, Any]


class Measure(StrEnum):
    """How values become power: as they are, as energy of their duration, or by how a register advanced."""
    POWER = "power"
    ENERGY = "energy"
    REGISTER = "register"


class MeterUse(NamedTuple):
    """How a MeterReading counts: its `part` of an `alternative` (the least is preferred).

    `factor` turns its values into W (or Wh) of injection. `needed` is whether the alternative is unknown
    without this part even if it was never read.
    """
    factor: float
    measure: Measure
    alternative: int
    part: int
    needed: bool


_SIGN: dict[int, int] = {FlowDirection.FORWARD: -1, FlowDirection.REVERSE: 1, FlowDirection.NET: -1,
                         FlowDirection.NOT_APPLICABLE: 1}
_DIRECTIONS = frozenset({FlowDirection.FORWARD, FlowDirection.REVERSE})
# An average represents a period best, then a normal value; extremes and deviations do not represent it.
_QUALIFIERS: dict[int, int] = {
    DataQualifier.AVERAGE: 0,
    DataQualifier.NOT_APPLICABLE: 1,
    DataQualifier.NORMAL: 1,
}
_TOTALS = frozenset({PhaseCode.NOT_APPLICABLE, PhaseCode.ABC})
# A phase against neutral is that phase; the power between two phases is of neither alone.
_PHASES: dict[int, int] = {PhaseCode.A: PhaseCode.A, PhaseCode.AN: PhaseCode.A, PhaseCode.B: PhaseCode.B,
                           PhaseCode.BN: PhaseCode.B, PhaseCode.C: PhaseCode.C, PhaseCode.CN: PhaseCode.C}
_ELECTRICITY = frozenset({Commodity.NOT_APPLICABLE, Commodity.ELECTRICITY_SECONDARY,
                          Commodity.ELECTRICITY_PRIMARY})
_INTERVALS = frozenset({AccumulationBehaviour.DELTA, AccumulationBehaviour.NOT_APPLICABLE})
_ENERGY_RANK = 2  # after power by its qualifiers, 0 and 1
BOTH_WAYS, NET, ONE_WAY = range(3)


class _Kind(NamedTuple):
    """What a ReadingType is of: `rank` orders measures, `phase` is not applicable to all phases together."""
    measure: Measure
    rank: int
    flow: int
    phase: int

    @property
    def by_phase(self) -> bool:
        return self.phase != PhaseCode.NOT_APPLICABLE


def uses(types: Mapping[str, Data]) -> dict[str, MeterUse]:
    """Return how each MeterReading (href) of one UsagePoint counts, by its ReadingType.

    Those that say nothing of active power are left out.
    """
    kinds = {href: kind for href, kind in ((href, _kind(type_)) for href, type_ in types.items()) if kind}
    averages = {(kind.flow, kind.phase) for kind in kinds.values() if kind.rank == 0}
    for href, kind in kinds.items():  # what has no average stands beside the averages of others
        if kind.measure == Measure.POWER and (kind.flow, kind.phase) not in averages:
            kinds[href] = kind._replace(rank=0)
    counting = {}
    for href, kind in kinds.items():
        flows = {other.flow for other in kinds.values()
                 if (other.rank, other.by_phase) == (kind.rank, kind.by_phase)}
        if kind.flow != FlowDirection.NOT_APPLICABLE or FlowDirection.NET not in flows:
            counting[href] = _use(kind, types[href], flows)
    return counting


def _kind(reading_type: Data) -> _Kind | None:
    """Return what a ReadingType is of; None where it is not of active power."""
    flow = reading_type.get("flowDirection", FlowDirection.NOT_APPLICABLE)
    qualifier = reading_type.get("dataQualifier", DataQualifier.NOT_APPLICABLE)
    phase = reading_type.get("phase", PhaseCode.NOT_APPLICABLE)
    known = (
        flow in _SIGN
        and qualifier in _QUALIFIERS
        and (phase in _TOTALS or phase in _PHASES)
        and reading_type.get("commodity", Commodity.NOT_APPLICABLE) in _ELECTRICITY
    )
    uom = reading_type.get("uom")
    if not known or uom not in (Uom.W, Uom.WH):
        return None
    measure, rank = Measure.POWER, _QUALIFIERS[qualifier]
    if uom == Uom.WH:
        behaviour = reading_type.get("accumulationBehaviour", AccumulationBehaviour.NOT_APPLICABLE)
        measure, rank = Measure.ENERGY if behaviour in _INTERVALS else Measure.REGISTER, _ENERGY_RANK
    return _Kind(measure, rank, flow, _PHASES.get(phase, PhaseCode.NOT_APPLICABLE))


def _use(kind: _Kind, reading_type: Data, flows: Collection[int]) -> MeterUse:
    """Return how a MeterReading counts beside those of the same rank, which have these flows."""
    has_net = bool(set(flows) - _DIRECTIONS)
    if kind.flow not in _DIRECTIONS:
        way = NET
    else:
        way = BOTH_WAYS if set(flows) >= _DIRECTIONS else ONE_WAY
    # Of a meter that has no net value, a direction that it never reads does not flow.
    needed = kind.by_phase or way == BOTH_WAYS and has_net
    return MeterUse(
        factor=_SIGN[kind.flow] * 10.0 ** reading_type.get("powerOfTenMultiplier", 0),
        measure=kind.measure,
        alternative=9 * kind.by_phase + 3 * kind.rank + way,
        part=kind.phase * 32 + kind.flow,
        needed=needed,
    )


def is_open(reading_type: Data) -> bool:
    """Return whether a ReadingType of energy leaves open if it is of intervals or of a register.

    Then the duration of its readings decides: energy at an instant can only be a register.
    """
    behaviour = reading_type.get("accumulationBehaviour", AccumulationBehaviour.NOT_APPLICABLE)
    return reading_type.get("uom") == Uom.WH and behaviour == AccumulationBehaviour.NOT_APPLICABLE
