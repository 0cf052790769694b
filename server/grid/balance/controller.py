"""Keeping areas in balance: plan, decide each step at least one poll ahead, tell it, and learn from what came
of it.

An area is a virtual DER that has a signal. `auto` has it planned for and dispatched without anyone; otherwise
people make plans (`run`), which are carried out once they are published. Of each step that is decided, the
events, the orders that keep who was asked for how much and why, and the note that it is done are one
transaction: a worker that is killed leaves no half of it, and of two workers one does it.
"""
from __future__ import annotations

import logging
import math
import time
from dataclasses import replace
from typing import Any, NamedTuple

from server import audit, clock, logs
from server.config import settings
from server.errors import Refused
from server.grid.balance import evaluation, netdemand, plans, publish, unmetdemand
from server.grid.balance.netdemand import NetDemand
from server.grid.fleet import fleetstate, grantedsessions, manualdispatch, projection, setpoints
from server.grid.fleet.fleetstate import FleetState
from server.grid.groups import memberfiles, virtualders
from server.grid.optimisation import rollinghorizon
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.disaggregation import Committed, MemberPowers
from server.grid.series.intervals import Span, iso
from server.models import Balance, Plan, VirtualDER
from server.resources import pollrates, store

log = logging.getLogger(__name__)
AUTOMATIC = "automatic"
# what states a pollRate, for all below it
POLLED_LISTS = ("DERProgramList", "DemandResponseProgramList", "FlowReservationResponseList")
MIN_STEP_LEFT_S = 300  # seconds that must be left of a step for it to be worth telling anybody
HYBRID, DEVICE = ADDRESSINGS = ("hybrid", "device")
SOLVER_LIMIT_S = 20.0
RAMP_FRACTION = 0.5
MANUALLY_DISPATCHED = "under an order"
END_SOC = 0.5
Data = dict[str, Any]


class AreaForecast(NamedTuple):
    """An area as it will be at the beginning of a step, as far as is known, and what it needs from then on;
    `busy` are those whom people have ordered something of for that step, who are left out of the state."""
    state: FleetState
    demand: NetDemand
    span: Span
    busy: Committed


def _settings(vder: str | int | VirtualDER) -> Data:
    return describe(plans.balance_of(virtualders.find(vder)))


@audit.audited("plan auto", "{vder}", state=_settings)
def set_automatic(vder: str | int | VirtualDER, on: bool | None = True, **changes: Any) -> Data:
    """Keep an area in balance without anyone, or no longer; `changes` are to the columns of Balance (`every`,
    `reserve`, `approval`, `step`, `horizon`, `addressing`), and to them alone where `on` is None."""
    area = virtualders.find(vder)
    if on is None and all(value is None for value in changes.values()):
        return describe(plans.balance_of(area))
    with store.transaction():
        return _apply_settings(area, on, changes)


def _apply_settings(area: VirtualDER, on: bool | None, changes: Data) -> Data:
    row = plans.balance_of(area, lock=True)
    for name, value in changes.items():
        if value is not None:
            setattr(row, _COLUMNS.get(name, name), _check_setting(name, value))
    if on and not row.automatic:
        several = memberfiles.conflicts(area)
        if several:
            device, leaves = several[0]
            raise Refused(
                409,
                f"{len(several)} devices are in more than one virtual DER that could dispatch them; the "
                f"first is {device.name or device.lfdi}: {' and '.join(leaves)}",
            )
    if on is not None:
        row.automatic = on
    row.save()
    return describe(row)


_COLUMNS = {"step": "step_s", "horizon": "horizon_steps", "every": "replan_steps"}  # of Balance
_RANGES = {"step": (900, 3600), "horizon": (4, 192), "every": (1, 96), "reserve": (0.0, 0.4)}


def _check_setting(name: str, value: Any) -> Any:
    least, most = _RANGES.get(name, (value, value))
    if not least <= value <= most or name == "step" and value % 900:
        raise Refused(400, f"{name} {value}: {least} to {most} are possible"
                           + (", in quarters of an hour (s)" if name == "step" else ""))
    if name == "addressing" and value not in ADDRESSINGS:
        raise Refused(400, f"addressing {value}: {' or '.join(ADDRESSINGS)} are possible")
    return value


def describe(row: Balance) -> Data:
    """How an area is kept in balance."""
    return {
        "vder": row.vder.name,
        "automatic": row.automatic,
        "approval": row.approval,
        "addressing": row.addressing,
        "step_s": row.step_s,
        "horizon": row.horizon_steps,
        "every": row.replan_steps,
        "reserve": row.reserve,
        "plan": row.plan_id,
        "done": row.last_step_start,
        "trouble": row.last_error,
    }


def _plan_summary(shown: Data) -> Data:
    return {"id": shown["id"], "vder": shown["vder"], "state": shown["state"], "start": shown["start"]}


@audit.audited("plan run", "{vder} plan {id}", answer=_plan_summary)
def make_plan(
    vder: str | int | VirtualDER, *, horizon: int | None = None, reason: str = "", dry_run: bool = False
) -> Data:
    """Make a plan for an area from the next step that can still be told on, and keep it as a draft (unless
    `dry_run`): see `plans.show`. Refused (409) without a signal, (503) where the solver found none in its
    time."""
    area = virtualders.find(vder)
    row = plans.balance_of(area)
    if horizon is not None:
        _check_setting("horizon", horizon)
    begin, _ = next_step(row, clock.now() + row.step_s)
    look = forecast_area(area, row, begin, horizon)
    planner = _planner(row, look, anew=True)
    started = time.perf_counter()
    planner.step(look.state.fleet, look.demand.outlook, committed=look.busy)
    if planner.plan is None or planner.labels is None:
        raise Refused(503, f"the solver found no plan for {area.name} in {SOLVER_LIMIT_S:g} s")
    with store.transaction():
        made = _save_plan(area, row, look, planner, time.perf_counter() - started, audit.who(), reason)
        shown = plans.show(made.id)
        if dry_run:
            made.delete_instance()
            shown |= {"id": None, "dry_run": True}
    return shown


def lead_time(row: Balance) -> int:
    """How long before a step begins it has to be told: every member polls once in that time; and a worker's
    turn or two."""
    turns = 2 * clock.rate()
    return max(pollrates.poll(kind) for kind in POLLED_LISTS) + (round(turns) if math.isfinite(turns) else 0)


def next_step(row: Balance, now: int) -> tuple[int, int]:
    """The beginning of the step that is to be decided at this instant, and its end."""
    start = (now + lead_time(row)) // row.step_s * row.step_s
    return start, start + row.step_s


def forecast_area(area: VirtualDER, row: Balance, start: int, horizon: int | None = None) -> AreaForecast:
    """What is known of the area from `start` on."""
    span = Span(start, horizon or row.horizon_steps, row.step_s, clock.now())
    seen = projection.project(fleetstate.responding(fleetstate.read(area, span.at, span.hours)), span)
    found = netdemand.net_demand(area, seen, span)
    seen = replace(seen, fleet=netdemand.with_expected_base(seen.fleet, found.outlook))
    ordered = manualdispatch.manual_dispatch(area, span)
    usual = found.usual[~np.isin(seen.ev.device, list(ordered))]
    return AreaForecast(
        fleetstate.excluding(seen, ordered, MANUALLY_DISPATCHED),
        replace(found, usual=usual),
        span,
        manualdispatch.committed(seen, ordered),
    )


def _planner(row: Balance, look: AreaForecast, anew: bool = False) -> rollinghorizon.Planner:
    """A planner that goes on with the plan in force, or begins `anew`: where people publish plans, it makes
    none of its own."""
    leaves = look.state.dispatch_groups
    how = rollinghorizon.PlannerOptions(
        hours=look.span.hours,
        every=row.replan_steps,
        reserve=row.reserve,
        seconds=SOLVER_LIMIT_S,
        broadcast=row.addressing == HYBRID,
        ramp=RAMP_FRACTION,
        resolutions=setpoints.resolution(settings.comfort_kelvin),
        prices=look.demand.prices,
    )
    planner = rollinghorizon.Planner(how, max(len(leaves), 1), END_SOC)
    inforce = Plan.get_or_none(Plan.id == row.plan_id) if row.plan_id is not None and not anew else None
    if (
        inforce is not None
        and inforce.step_s == row.step_s
        and inforce.body["leaves"] == [leaf.id for leaf in leaves]
    ):
        age = (look.span.start - inforce.start) // row.step_s
        if 0 <= age < inforce.steps:
            planner.plan, planner.labels = plans.restore(inforce)
            planner.age = age - 1
            if not row.automatic:
                planner.settings = replace(how, every=inforce.steps)
    return planner


def _save_plan(
    area: VirtualDER,
    row: Balance,
    look: AreaForecast,
    planner: rollinghorizon.Planner,
    seconds: float,
    who: str,
    reason: str,
) -> Plan:
    assert planner.plan is not None and planner.labels is not None
    out = look.demand.outlook
    said = plans.plan_body(
        planner.plan,
        planner.labels,
        look.state.dispatch_groups,
        out.net,
        look.demand.before,
        _per_step(out.generation, look),
    )
    return plans.save(
        area,
        look.span.start,
        row.step_s,
        said,
        solver=planner.plan.status,
        solver_s=round(seconds, 3),
        requested_by=who,
        reason=reason,
        warnings=[
            *look.demand.warnings,
            *unmetdemand.exclusion_warnings(look.state),
            *unmetdemand.plan_warnings(planner.plan, look.state, look.demand, look.span),
        ],
    )


def _per_step(values: Floats | float, look: AreaForecast) -> Floats:
    return np.broadcast_to(np.asarray(values, dtype=float), (look.span.steps,))


def run_due() -> int:
    """Do what is due for every area; how many steps were decided. What goes wrong with one area is noted
    (`trouble`) and leaves the others alone."""
    done = 0
    for row in list(Balance.select().where(Balance.automatic | Balance.plan_id.is_null(False))):
        start, end = next_step(row, clock.now())
        if (
            row.last_step_start is not None and row.last_step_start >= start
        ) or end - clock.now() < MIN_STEP_LEFT_S:
            continue
        if not row.automatic and not _covers(row, start):
            continue
        with logs.context(area=row.vder.name):
            try:
                with audit.acting(AUTOMATIC):
                    done += decide(row.vder, start)
            except Refused as refused:
                _record_error(row, start, refused.why)
    return done


def _covers(row: Balance, start: int) -> bool:
    """Whether the plan in force has something to say of a step."""
    return Plan.select().where((Plan.id == row.plan_id) & (Plan.start <= start)
                               & (Plan.start + Plan.step_s * Plan.steps > start)).exists()


def _record_error(row: Balance, start: int, why: str) -> None:
    log.warning("the step from %s was not decided: %s", iso(start), why)
    Balance.update(last_error=why, last_step_start=start).where((Balance.vder == row.vder) & (
        Balance.last_step_start.is_null() | (Balance.last_step_start < start))).execute()


def decide(area: VirtualDER, start: int) -> int:
    """Decide and tell the step that begins at `start`; 1, or 0 where somebody else has done it meanwhile."""
    row = plans.balance_of(area)
    evaluation.evaluate_due(area, row)
    look = forecast_area(area, row, start)
    planner = _planner(row, look)
    if planner.plan is None and not row.automatic:
        raise Refused(
            409, f"plan {row.plan_id} was made for other virtual DERs than there are now: make a new one"
        )
    before, began = planner.plan, time.perf_counter()
    cars = grantedsessions.GrantedSessions.of(look.state, start)
    powers = planner.step(
        look.state.fleet, look.demand.outlook, cars.grantable, look.state.thermal.realised_wh, look.busy
    )
    seconds = time.perf_counter() - began
    fresh = planner.plan is not None and planner.plan is not before
    with store.transaction():
        row = plans.balance_of(area, lock=True)
        if row.last_step_start is not None and row.last_step_start >= start:
            return 0
        if fresh:
            plans.enforce(row, _save_plan(area, row, look, planner, seconds, audit.who(), ""))
        row.last_error = "; ".join(
            [
                *look.demand.warnings,
                *_solver_warnings(row, planner),
                *unmetdemand.step_warnings(powers.unmet_w, look.demand, look.span),
            ]
        )
        if planner.stale:
            log.error("the step from %s follows an old plan: %s", iso(start), row.last_error)
        row.last_step_start = start
        row.save()
        publish.publish_step(
            area,
            row,
            look.state,
            powers,
            cars,
            look.demand.usual,
            _step_reason(look),
            publish.Curtailment(float(np.ravel(look.demand.outlook.generation)[0]), _curtailed_w(planner)),
        )
        projection.record_thermal_states(look.state, powers, start + row.step_s)
        _record_step_forecast(area, look, planner, powers, start)
    return 1


def _solver_warnings(row: Balance, planner: rollinghorizon.Planner) -> list[str]:
    stands = f"; plan {row.plan_id} stands" if planner.plan is not None else ""
    return [f"the solver found no plan within {SOLVER_LIMIT_S:g} s{stands}"] if planner.stale else []


def _step_reason(look: AreaForecast) -> str:
    return f"{look.demand.lead} {look.demand.before[0]:+.0f} W at {iso(look.span.start)}"


def _curtailed_w(planner: rollinghorizon.Planner) -> float:
    return float(planner.plan.curtailed[planner.age]) if planner.plan is not None and planner.age < len(
        planner.plan.curtailed) else 0.0


def _record_step_forecast(
    area: VirtualDER, look: AreaForecast, planner: rollinghorizon.Planner, powers: MemberPowers, start: int
) -> None:
    """What is expected of the step, for when it has been measured."""
    store, car, heat = (
        float(part.sum()) + float(np.sum(busy))
        for part, busy in (
            (powers.batteries, look.busy.stores),
            (powers.sessions, look.busy.sessions),
            (powers.thermals, look.busy.thermals),
        )
    )
    evaluation.record_forecast(
        area,
        start,
        expected=float(look.demand.raw[0]) + store + car + heat + _curtailed_w(planner),
        planned_storage=-store,
        planned_ev=-car,
        planned_thermal=-heat,
        base_thermal=-float(look.demand.outlook.base[:, 0].sum()),
        planned_pv=-_curtailed_w(planner),
    )
