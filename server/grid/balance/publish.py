"""The publication of a decided step: events for devices, and the orders that record them.

What goes to groups is published in the caller's transaction, what goes to single devices after it.
Consumption is positive here, in W, except in what goes to devices and into orders (see `fleet.setpoints`).
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from server import clock
from server.grid.balance import sessiongrants, vehicleoffers
from server.grid.balance.decidedstep import DecidedStep
from server.grid.balance.sessiongrants import SessionGrant
from server.grid.controls import dercontrols
from server.grid.dispatch import orderwork
from server.grid.dispatch.allocation import BROADCAST, DEVICE
from server.grid.dispatch.loadcontrol import DESCRIPTION, IssuedCommand, StepPeriod, thermal_commands
from server.grid.dispatch.shares import ShareRow, record_shares
from server.grid.fleet import setpoints
from server.grid.fleet.memberqueries import lfdis_of
from server.grid.groups import drprograms, singledevices
from server.grid.optimisation.arrays import Floats, Whole, np
from server.models import Balance, DispatchOrder, VirtualDER
from server.resources import sql
from server.units import Href

Data = dict[str, Any]
RAMP_S = 10.0  # in which a battery or an inverter comes to a new power
MIN_CURTAILMENT = 0.01  # of the rating of all generation: less is not published


def scopes(step: DecidedStep) -> set[Href]:
    """Return the programs to which `publish_step` adds events."""
    return {program for vder in step.state.dispatch_groups
            for program in (vder.program, drprograms.href(vder))}


def publish_step(area: VirtualDER, balance: Balance, step: DecidedStep) -> list[int]:
    """Publish the events of a step for groups, and record orders and shares; return the orders' numbers.

    Events of single devices remain to be published (see orderwork).
    """
    lfdis = lfdis_of(area)
    numbers = []
    grants = sessiongrants.session_grants(step)
    for group, vder in enumerate(step.state.dispatch_groups):
        for command in (
            *_storage_commands(vder, step, group, lfdis),
            *thermal_commands(vder, step.period, step.state, step.powers, group, lfdis),
            *_session_commands(step, grants, group, lfdis),
            *vehicleoffers.commands(step.offered, step.period, group, lfdis),
        ):
            numbers.append(_record_order(vder, balance, step.period, command))
    for vder, command in _curtailment_commands(step, lfdis):
        numbers.append(_record_order(vder, balance, step.period, command))
    return numbers


def _publish_control(program: Href, period: StepPeriod, base: Data) -> Href:
    return dercontrols.publish(program, base, _event(period), ramp_s=RAMP_S)


def _event(period: StepPeriod) -> Data:
    return dercontrols.event_fields(period.duration_s, period.begins_at, description=DESCRIPTION)


def _storage_commands(
    vder: VirtualDER, step: DecidedStep, group: int, lfdis: dict[int, str]
) -> Iterator[IssuedCommand]:
    """The control of a group's batteries: one for all, or one for each."""
    batteries = np.flatnonzero(step.state.fleet.batteries.group == group)
    if not len(batteries):
        return
    # more than what is wanted, by the part that each delivered of late
    injection_w = -step.powers.batteries[batteries] / step.state.storage.response_rate[batteries]
    if step.powers.percent is None or not broadcast_reaches_storage_only(vder):
        shares = _single_battery_shares(vder, step, batteries, injection_w, lfdis)
        yield IssuedCommand("watts", float(injection_w.sum()), DEVICE, shares)
        return
    base = setpoints.fixed_w(float(step.powers.percent[group]))
    percent = base["opModFixedW"] / 100
    href = _publish_control(vder.program, step.period, base)
    reason = f"{step.period.reason}; {percent:+.1f} % of rating, as every battery of {vder.name}"
    devices = step.state.storage.device[batteries].tolist()
    shares = [
        ShareRow(lfdis[device], href, planned_w, -default_w, reason)
        for device, planned_w, default_w in zip(
            devices, injection_w.tolist(), step.default_w[batteries].tolist(), strict=True)
    ]
    yield IssuedCommand("percent", percent, BROADCAST, shares)


def _single_battery_shares(
    vder: VirtualDER, step: DecidedStep, batteries: Whole, injection_w: Floats, lfdis: dict[int, str]
) -> list[ShareRow]:
    """Return the shares of batteries (by index), each of which gets a control of its own."""
    singledevices.check_primacy(vder.primacy)
    fleet = step.state.fleet.batteries
    load_w = step.powers.batteries[batteries]
    ratings_w = np.maximum(np.where(load_w >= 0, fleet.charge[batteries], fleet.discharge[batteries]), 1.0)
    socs = fleet.energy[batteries] / np.maximum(fleet.most[batteries], 1)
    return [
        ShareRow(lfdis[device], "", planned_w, -default_w, f"{step.period.reason}; to equal states of charge "
                 f"in {vder.name}, this one being {soc:.0%}", orderwork.control(setpoints.fixed_w(fraction)))
        for device, planned_w, default_w, soc, fraction in zip(
            step.state.storage.device[batteries].tolist(), injection_w.tolist(),
            step.default_w[batteries].tolist(), socs.tolist(), (load_w / ratings_w).tolist(), strict=True)
    ]


def broadcast_reaches_storage_only(vder: VirtualDER) -> bool:
    """Whether only batteries would follow an opModFixedW that is sent to all of a virtual DER.

    Batteries that the plan leaves out follow it too, which does no harm.
    """
    ders = sql.rows(
        "SELECT u.modes, n.kind FROM der_state u JOIN device_type n ON n.device_id = u.device_id "
        "JOIN membership m ON m.device_id = u.device_id WHERE m.vder_id = ?",
        vder.id,
    )
    return not any("opModFixedW" in modes.split() for modes, kind in ders if kind != "storage")


def _session_commands(
    step: DecidedStep, grants: Mapping[int, SessionGrant], group: int, lfdis: dict[int, str]
) -> Iterator[IssuedCommand]:
    """The reservations of a group's cars that are there."""
    cars = step.state.fleet.sessions
    shares = []
    for index in np.flatnonzero(cars.group == group).tolist():
        grant = grants.get(index)
        if grant is None:
            continue
        stay_h = cars.depart[index] * step.state.hours
        spare_h = stay_h - cars.need[index] / max(cars.power[index], 1)
        shares.append(
            ShareRow(
                lfdi=lfdis[int(step.state.ev.device[index])],
                event_href=grant.response.href if grant.response is not None else "",
                planned_w=-grant.power_w,
                baseline_w=-float(step.uncontrolled_ev_w[index]),
                reason=f"{step.period.reason}; needs {cars.need[index] / 1000:.1f} kWh within "
                       f"{stay_h:.2f} h, {spare_h:.1f} h to spare",
                pending=orderwork.reservation(grant.revision, grant.counted) if grant.revision else None,
            )
        )
    if shares:
        yield IssuedCommand("reservation", sum(share.planned_w for share in shares), DEVICE, shares)


def _curtailment_commands(
    step: DecidedStep, lfdis: dict[int, str]
) -> Iterator[tuple[VirtualDER, IssuedCommand]]:
    """The limits on generation where some of it is too much: the same part of its rating for every group.

    The baseline is the forecast, not the last reading, which may have been curtailed.
    """
    pv = step.state.pv
    total_rated_w = float(pv.rated_w.sum())
    if not total_rated_w or step.curtailed_w <= MIN_CURTAILMENT * total_rated_w:
        return
    baseline_w = np.minimum(step.generation_w / total_rated_w, 1.0) * pv.rated_w
    fraction = max(step.generation_w - step.curtailed_w, 0.0) / total_rated_w
    for group, vder in enumerate(step.state.dispatch_groups):
        members = np.flatnonzero(pv.group == group)
        if not len(members):
            continue
        href = _publish_control(vder.program, step.period, setpoints.max_lim_w(fraction))
        reason = f"{step.period.reason}; at most {fraction:.0%} of rating, as all generation of {vder.name}"
        shares = [
            ShareRow(
                lfdi=lfdis[int(device)],
                event_href=href,
                planned_w=float(min(usual_w, fraction * rated_w)),
                baseline_w=float(usual_w),
                reason=reason,
            )
            for device, rated_w, usual_w in zip(
                pv.device[members], pv.rated_w[members], baseline_w[members], strict=True
            )
        ]
        yield vder, IssuedCommand("limit", 100 * fraction, BROADCAST, shares)


def _record_order(vder: VirtualDER, balance: Balance, period: StepPeriod, command: IssuedCommand) -> int:
    planned_w = sum(share.planned_w for share in command.shares)
    order = DispatchOrder.create(
        vder=vder,
        quantity=command.quantity,
        value=command.value,
        addressing=command.addressing,
        start=period.begins_at,
        duration_s=period.duration_s,
        target_w=planned_w,
        planned_w=planned_w,
        reason=period.reason,
        requested_by="automatic" if balance.automatic else "plan",
        plan_id=balance.plan_id or 0,
        created_at=clock.now(),
        work=orderwork.publication(_event(period), RAMP_S, DESCRIPTION)
        if any(share.pending for share in command.shares) else None,
    )
    record_shares(order, command.shares)
    return int(order.id)
