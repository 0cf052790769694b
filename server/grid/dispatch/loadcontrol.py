"""The commands of a step, and the load control events that command thermal loads.

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
from server.grid.dispatch.allocation import BROADCAST
from server.grid.dispatch.shares import ShareRow
from server.grid.fleet import setpoints
from server.grid.fleet.fleetstate import FleetState
from server.grid.optimisation.arrays import Whole, np
from server.grid.optimisation.disaggregation import MemberPowers
from server.models import VirtualDER

DESCRIPTION = "balance"
STAGGER_S = 120  # cars that begin in the same step are spread over so many seconds


@dataclass(frozen=True)
class StepPeriod:
    """What the commands of a step have in common: its start and end, the reason, the events' description.

    Loads begin and end, each by chance, within `randomize_s`. It is 0 where one step follows another, since
    the events of the next would cut those of this one short. Where it is 0 for an order on its own, loads
    that are switched begin and end within `switched_s`, and those with a set point begin within
    `stagger_start_s` and end within `stagger_end_s`: an offset is a step of all compressors at once, and its
    end another.
    """
    start: int
    end: int
    reason: str
    description: str = DESCRIPTION
    randomize_s: int = 0
    switched_s: int = 0
    stagger_start_s: int = 0
    stagger_end_s: int = 0

    @property
    def begins_at(self) -> int:
        """The start of its events: now where the step was decided late."""
        return max(self.start, clock.now())

    @property
    def duration_s(self) -> int:
        return self.end - self.begins_at

    def staggered_start(self, index: int) -> int:
        """The start of one of many, numbered by `index`.

        Starts are spread evenly before and after the start of the step, so that the mean power is as planned.
        """
        return max(self.begins_at + index % STAGGER_S - STAGGER_S // 2, clock.now())


class IssuedCommand(NamedTuple):
    """What was commanded through a virtual DER: the quantity, its value, the addressing, and the shares."""
    quantity: str
    value: float
    addressing: str
    shares: list[ShareRow]


def thermal_actions(
    state: FleetState, powers: MemberPowers, group: int
) -> Iterator[tuple[int, Whole, dict[str, Any]]]:
    """Yield each variety of thermal loads of a dispatch group (its index) that is commanded anything: the
    variety, the indices of the loads, and the elements of the event."""
    if powers.comfort is None:
        return
    loads, base_w = state.fleet.thermals, state.fleet.base
    varieties = powers.comfort.shape[-1]
    for variety in range(varieties):
        members = np.flatnonzero(
            (loads.group == group) & (np.minimum(loads.kind, varieties - 1) == variety)
        )
        if not len(members):
            continue
        action = (
            setpoints.offset(float(powers.comfort[group, variety]), settings.comfort_kelvin)
            if variety == setpoints.OFFSET
            else setpoints.duty_cycle(float(base_w[members].sum()), float(powers.thermals[members].sum()))
        )
        if action is not None:
            yield variety, members, action


def thermal_commands(
    vder: VirtualDER,
    step: StepPeriod,
    state: FleetState,
    powers: MemberPowers,
    group: int,
    lfdis: dict[int, str],
) -> Iterator[IssuedCommand]:
    """Publish the load controls of a virtual DER's thermal loads, one for each variety, and yield them.

    Loads with a set point get the part of their comfort band to use (`powers.comfort`), others the part of
    the time that they may be on. `group` is the index of the virtual DER in `state.dispatch_groups`; `lfdis`
    is by device number.
    """
    base_w = state.fleet.base
    for variety, members, action in thermal_actions(state, powers, group):
        assert powers.comfort is not None
        fraction, change_w = float(powers.comfort[group, variety]), powers.thermals[members]
        by_offset = variety == setpoints.OFFSET
        href = _publish_event(vder, step, action, state.categories[variety], by_offset)
        reason = f"{step.reason}; {fraction:+.0%} of the comfort band, as every load of {vder.name}"
        shares = [
            ShareRow(
                lfdi=lfdis[int(device)],
                event_href=href,
                planned_w=-float(base + change),
                baseline_w=-float(base),
                reason=reason,
            )
            for device, base, change in zip(
                state.thermal.device[members], base_w[members], change_w, strict=True
            )
        ]
        yield IssuedCommand("offset" if by_offset else "duty", 100 * fraction, BROADCAST, shares)


def _publish_event(
    vder: VirtualDER, step: StepPeriod, action: dict[str, Any], categories: int, by_offset: bool
) -> str:
    start_s, end_s = (
        (step.stagger_start_s, step.stagger_end_s) if by_offset else (step.switched_s, step.switched_s))
    fields = dercontrols.event_fields(
        step.duration_s,
        step.begins_at,
        step.randomize_s or start_s,
        step.randomize_s or end_s,
        step.description,
    )
    data = {**fields, **action, "deviceCategory": f"{categories:08X}", "drProgramMandatory": False}
    return drevents.publish(vder, data).href
