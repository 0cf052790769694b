"""What is told of one step, and the load control events that tell thermal loads.

Power in arrays is positive for consumption, in W; in what is issued and recorded it is injection, as in
DERControl.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from server import clock
from server.config import settings
from server.grid.controls import dercontrols, drevents
from server.grid.dispatch.shares import ShareRow
from server.grid.fleet import setpoints
from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation.arrays import np
from server.grid.optimisation.disaggregation import MemberPowers
from server.models.groups import VirtualDER

DESCRIPTION = "balance"
STAGGER_S = 120  # seconds over which cars that begin at once are strewn


@dataclass(frozen=True)
class StepPeriod:
    """What all that is told of a step has in common. Loads begin and end, each by chance, within `randomize`
    seconds: not where one step follows another, since each would then cut the one before short."""
    start: int
    end: int
    reason: str
    description: str = DESCRIPTION
    randomize: int = 0

    @property
    def begin(self) -> int:
        """A step that is decided late begins now."""
        return max(self.start, clock.now())

    def strewn(self, place: int) -> int:
        """When one of many begins, so that not all do at once: about the beginning, so that on the whole
        nothing is missing."""
        return max(self.begin + place % STAGGER_S - STAGGER_S // 2, clock.now())

    @property
    def duration(self) -> int:
        return self.end - self.begin


class IssuedCommand(NamedTuple):
    """What was told through a virtual DER: the quantity, its value, by broadcast or to each device, and who
    was asked for how much."""
    quantity: str
    value: float
    addressing: str
    shares: list[ShareRow]


def thermal_commands(
    leaf: VirtualDER,
    step: StepPeriod,
    seen: FleetState,
    powers: MemberPowers,
    group: int,
    names: dict[int, str],
) -> Iterator[IssuedCommand]:
    """Tell the thermal loads of a leaf what part of their comfort they are to use (`powers.comfort`), or for
    what part of the time they may be on."""
    loads = seen.fleet.thermals
    kinds = (powers.comfort if powers.comfort is not None else np.zeros((0, 0))).shape[-1]
    for kind in range(kinds):
        inside = np.flatnonzero((loads.group == group) & (np.minimum(loads.kind, kinds - 1) == kind))
        if not len(inside) or powers.comfort is None:
            continue
        fraction, drawn = float(powers.comfort[group, kind]), powers.thermals[inside]
        usual = float(seen.fleet.base[inside].sum())
        offset = kind == setpoints.OFFSET
        action = (
            setpoints.offset(fraction, settings.comfort_kelvin)
            if offset
            else setpoints.duty(usual, float(drawn.sum()))
        )
        if action is None:
            continue
        href = _publish_event(leaf, step, action, seen.categories[kind])
        why = f"{step.reason}; {fraction:+.0%} of the comfort band, as all of {leaf.name}"
        yield IssuedCommand(
            "offset" if offset else "duty",
            100 * fraction,
            "broadcast",
            [
                ShareRow(names[int(device)], href, -float(base + power), -float(base), why)
                for device, base, power in zip(
                    seen.thermal.device[inside], seen.fleet.base[inside], drawn, strict=True
                )
            ],
        )


def _publish_event(leaf: VirtualDER, step: StepPeriod, action: dict[str, Any], categories: int) -> str:
    said = dercontrols.event_fields(
        step.duration, step.begin, step.randomize, step.randomize, step.description
    )
    return drevents.publish(leaf, {**said, **action, "deviceCategory": f"{categories:08X}",
                                     "drProgramMandatory": False}).href
