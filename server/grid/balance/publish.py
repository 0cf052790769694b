"""A decided step is told: DERControls, EndDeviceControls and reservations, and the orders that keep who was
asked for what.

Within the caller's transaction. Consumption is positive here, in W, save in what goes to devices and into
orders (see `translate`).
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from server import clock
from server.grid.controls import dercontrols, reservations
from server.grid.dispatch.loadcontrol import (DESCRIPTION, STAGGER_S, IssuedCommand, StepPeriod,
                                              thermal_commands)
from server.grid.dispatch.shares import ShareRow, record_shares
from server.grid.fleet import setpoints
from server.grid.fleet.fleetstate import FleetState
from server.grid.fleet.grantedsessions import GrantedSessions
from server.grid.fleet.memberqueries import lfdis_of
from server.grid.groups import singledevices
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.disaggregation import MemberPowers
from server.models import Balance, Device, DispatchOrder, Document, VirtualDER
from server.resources import sql

RAMP_S = 10.0  # seconds in which a battery or an inverter comes to a new power
Data = dict[str, Any]


class Curtailment(NamedTuple):
    """What generation is expected of a step, and what of that is too much; both positive, W."""
    expected: float
    curtailed: float


def publish_step(
    area: VirtualDER,
    row: Balance,
    seen: FleetState,
    powers: MemberPowers,
    cars: GrantedSessions,
    usual: Floats,
    reason: str,
    sun: Curtailment,
) -> None:
    """Publish the step for everyone, and keep the orders and shares. `usual` is what each session would draw
    if nobody had asked it to wait."""
    step = StepPeriod(cars.start, cars.start + row.step_s, reason)
    names = lfdis_of(area)
    for group, leaf in enumerate(seen.dispatch_groups):
        for told in (
            *_storage_commands(leaf, step, seen, powers, group, names),
            *thermal_commands(leaf, step, seen, powers, group, names),
            *_session_commands(leaf, step, seen, powers, cars, usual, group, names),
        ):
            _record_order(leaf, row, step, told)
    for leaf, told in _curtailment_commands(step, seen, sun, names):
        _record_order(leaf, row, step, told)


def _members_of(groups: Any, group: int) -> Any:
    return np.flatnonzero(groups == group)


def _storage_commands(
    leaf: VirtualDER,
    step: StepPeriod,
    seen: FleetState,
    powers: MemberPowers,
    group: int,
    names: dict[int, str],
) -> Iterator[IssuedCommand]:
    inside = _members_of(seen.fleet.batteries.group, group)
    if not len(inside):
        return
    drawn, lfdis = powers.batteries[inside], [names[int(device)] for device in seen.storage.device[inside]]
    asked = -drawn / seen.storage.response_rate[inside]
    if powers.percent is not None and _broadcast_reaches_storage_only(leaf):
        level = float(powers.percent[group])
        base = setpoints.fixed_w(level)
        href = dercontrols.publish(
            leaf.program, base, step.duration_s, step.begins_at, description=DESCRIPTION, ramp_s=RAMP_S
        )
        why = f"{step.reason}; {base['opModFixedW'] / 100:+.1f} % of rating, as all stores of {leaf.name}"
        yield IssuedCommand(
            "percent",
            base["opModFixedW"] / 100,
            "broadcast",
            [
                ShareRow(lfdi, href, power, 0.0, why)
                for lfdi, power in zip(lfdis, asked.tolist(), strict=True)
            ],
        )
        return
    fleet = seen.fleet.batteries.only(inside)
    devices = {
        device.id: device
        for device in Device.select().where(Device.id.in_(seen.storage.device[inside].tolist()))
    }
    single = singledevices.ensure(list(devices.values()), leaf.primacy)
    shares = []
    for place, device in enumerate(seen.storage.device[inside].tolist()):
        rating = float((fleet.charge if drawn[place] >= 0 else fleet.discharge)[place])
        base = setpoints.fixed_w(float(drawn[place]) / max(rating, 1.0))
        href = dercontrols.publish(
            single[device].program, base, step.duration_s, step.begins_at, description=DESCRIPTION,
            ramp_s=RAMP_S,
        )
        why = (f"{step.reason}; so that all stores of {leaf.name} end up equally full, this one being at "
               f"{fleet.energy[place] / max(fleet.most[place], 1):.0%}")
        shares.append(ShareRow(lfdis[place], href, float(asked[place]), 0.0, why))
    yield IssuedCommand("watts", float(asked.sum()), "device", shares)


def _broadcast_reaches_storage_only(leaf: VirtualDER) -> bool:
    """Whether nobody but stores would follow an opModFixedW that is told to all of the virtual DER. Stores
    that the plan leaves out hear it too, and may."""
    others = sql.rows(
        "SELECT u.device_id, u.modes, n.kind FROM der_state u JOIN device_type n ON n.device_id = "
        "u.device_id JOIN membership m "
        "ON m.device_id = u.device_id WHERE m.vder_id = ?",
        leaf.id,
    )
    return not any("opModFixedW" in modes.split() for device, modes, what in others if what != "storage")


def _session_commands(
    leaf: VirtualDER,
    step: StepPeriod,
    seen: FleetState,
    powers: MemberPowers,
    cars: GrantedSessions,
    usual: Floats,
    group: int,
    names: dict[int, str],
) -> Iterator[IssuedCommand]:
    sessions = seen.fleet.sessions
    shares = []
    for place in _members_of(sessions.group, group).tolist():
        if sessions.arrive[place] > 0:
            continue
        power, told, document = (
            float(powers.sessions[place]),
            float(cars.granted_w[place]),
            cars.grants[place],
        )
        power = power if power >= 1 else 0.0
        depart = step.start + int(sessions.depart[place] * seen.hours * 3600)
        lax = sessions.depart[place] * seen.hours - sessions.need[place] / max(sessions.power[place], 1)
        why = (
            f"{step.reason}; needs {sessions.need[place] / 1000:.1f} kWh within "
            f"{sessions.depart[place] * seen.hours:.2f} h, "
            f"{lax:.1f} h to spare"
        )
        if (
            document is None
            or abs(power - np.nan_to_num(told)) > 1
            or power == 0
            and not _reservation_waits(document, cars, place, depart)
        ):
            if sessions.need[place] < 1:
                continue
            latest = depart - int(np.ceil(sessions.need[place] * 3600 / max(sessions.power[place], 1)))
            begin = step.staggered_start(int(seen.ev.device[place])) if depart > step.end else step.begins_at
            begin = max(min(begin, latest), clock.now())
            given = setpoints.offer(
                setpoints.Session(depart, float(sessions.need[place]), float(sessions.power[place])),
                power,
                begin,
                told > 0,
            )
            document = reservations.revise(
                seen.ev.requests[place], given, step.begins_at - STAGGER_S // 2, DESCRIPTION
            )[-1]
        shares.append(
            ShareRow(names[int(seen.ev.device[place])], document.href, -power, -float(usual[place]), why)
        )
    if shares:
        yield IssuedCommand("reservation", sum(share.planned_w for share in shares), "device", shares)


def _reservation_waits(document: Document, cars: GrantedSessions, place: int, depart: int) -> bool:
    """Whether a grant leaves a car alone for this step, and lets it begin in time."""
    begin = document.submitted["interval"]["start"]
    sessions = cars.state.fleet.sessions
    latest = depart - sessions.need[place] * 3600 / max(sessions.power[place], 1)
    return cars.start < begin <= latest + 60


def _curtailment_commands(
    step: StepPeriod, seen: FleetState, sun: Curtailment, names: dict[int, str]
) -> Iterator[tuple[VirtualDER, IssuedCommand]]:
    """A limit on generation, for all groups the same part of their rating, where some of it is too much. What
    was read last tells nothing of what there is: it may have been held back."""
    rated = float(seen.pv.rated_w.sum())
    if not rated or sun.curtailed <= 0.01 * rated:
        return
    usual = np.minimum(sun.expected / rated, 1.0) * seen.pv.rated_w
    part = max(sun.expected - sun.curtailed, 0.0) / rated
    for group, leaf in enumerate(seen.dispatch_groups):
        inside = _members_of(seen.pv.group, group)
        if not len(inside):
            continue
        href = dercontrols.publish(
            leaf.program,
            setpoints.max_lim_w(part),
            step.duration_s,
            step.begins_at,
            description=DESCRIPTION,
            ramp_s=RAMP_S,
        )
        why = f"{step.reason}; no more than {part:.0%} of rating, as all of {leaf.name}"
        yield (
            leaf,
            IssuedCommand(
                "limit",
                100 * part,
                "broadcast",
                [
                    ShareRow(names[int(device)], href, float(min(here, part * rating)), float(here), why)
                    for device, rating, here in zip(
                        seen.pv.device[inside], seen.pv.rated_w[inside], usual[inside], strict=True
                    )
                ],
            ),
        )


def _record_order(leaf: VirtualDER, row: Balance, step: StepPeriod, told: IssuedCommand) -> None:
    """Keep what was told as an order."""
    planned = sum(share.planned_w for share in told.shares)
    order = DispatchOrder.create(
        vder=leaf,
        quantity=told.quantity,
        value=told.value,
        addressing=told.addressing,
        start=step.begins_at,
        duration_s=step.duration_s,
        target_w=planned,
        planned_w=planned,
        reason=step.reason,
        requested_by="automatic" if row.automatic else "plan",
        plan_id=row.plan_id or 0,
        created_at=clock.now(),
    )
    record_shares(order, told.shares)
