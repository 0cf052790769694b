"""The plan of an area: what is known of it from a step on, and the planner that schedules its members.

Consumption is positive here, in W.
"""
from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from server import actors, audit, clock
from server.config import settings
from server.errors import Refused
from server.grid.balance import (areasettings, blockplans, changelimits, netdemand, planprices, plans,
                                 unmetcars, unmetdemand)
from server.grid.balance.netdemand import NetDemand
from server.grid.balance.results import PlanDetail, PlanSummary
from server.grid.fleet import (defaultloads, fleetstate, manualdispatch, pointlimits, projection, setpoints,
                               thermalbase, unmetneeds)
from server.grid.fleet.fleetstate import FleetState
from server.grid.fleet.unmetneeds import UnmetNeed
from server.grid.groups import activeareas, virtualders
from server.grid.optimisation.arrays import np
from server.grid.optimisation.disaggregation import Committed
from server.grid.optimisation.rollinghorizon import Planner, PlannerOptions
from server.grid.series.intervals import STEP, Span
from server.models import Balance, Plan, VirtualDER
from server.resources import dryrun, pollrates
from server.units import Href, Instant, SecondsExact

WORKER_PASSES = 2  # after a step is due, until a worker has published it
SOLVER_LIMIT_S = 20.0
RAMP_FRACTION = 0.5  # of a cluster's greatest power, for its change in a quarter of an hour
DEPARTURE_STEPS = 8  # quarters of an hour of departure that share a cluster
MANUALLY_DISPATCHED = "under an order"
COMMANDED_ELSEWHERE = "in another active area"


@dataclass(frozen=True, kw_only=True)
class AreaForecast:
    """An area as it will be when the span begins, as far as is known, and what it needs from then on.

    Members under an operator's order in the first step are left out of `state`; `committed` has them.
    `requests` are those of all sessions of `committed.fleet`, by href.
    """
    state: FleetState
    demand: NetDemand
    span: Span
    committed: Committed
    requests: list[Href]


def lead_time_s(balance: Balance) -> int:
    """Return how long before its start a step is decided: until every member has polled, and a worker's pass
    or two."""
    passes_s = WORKER_PASSES * clock.rate()
    poll_s = max(pollrates.poll(kind) for kind in pollrates.POLLED_LISTS)
    return poll_s + (round(passes_s) if math.isfinite(passes_s) else 0)


def next_step(balance: Balance, now: Instant) -> tuple[Instant, Instant]:
    """Return the start and the end of the step that is due to be decided at this instant."""
    start = (now + lead_time_s(balance)) // balance.step_s * balance.step_s
    return start, start + balance.step_s


def forecast_area(
    area: VirtualDER, balance: Balance, start: Instant, horizon_steps: int | None = None
) -> AreaForecast:
    """Return what is known of an area from `start` on. Refused (409) where it has no governing signal."""
    span = Span(start, horizon_steps or balance.horizon_steps, balance.step_s, clock.now())
    present = fleetstate.responding(fleetstate.read(area, span.at, span.hours, span.start))
    elsewhere = activeareas.commanded_elsewhere(area, span.at)
    present = fleetstate.excluding(present, elsewhere, COMMANDED_ELSEWHERE)
    profiles = defaultloads.read(area)
    until_start = profiles.during(Span(span.at, 1, max(start - span.at, 1), span.at))
    state = projection.project(present, span, until_start.of(present.storage.device)[:, 0])
    state = pointlimits.with_point_limits(state, span)
    demand = netdemand.net_demand(area, state, span, profiles.during(span))
    active = demand.horizon.active
    assert active is not None
    state = replace(state, fleet=thermalbase.with_outlook(
        state.fleet, demand.horizon.base[:, 0], active[:, 0]))
    ordered = manualdispatch.manual_dispatch(area, span)
    cars, storage = (~np.isin(members.device, list(ordered)) for members in (state.ev, state.storage))
    plannable = fleetstate.excluding(state, ordered, MANUALLY_DISPATCHED)
    committed = manualdispatch.committed(state, ordered)
    if balance.automatic:
        ordered_w = float(committed.by_group.sum() - demand.uncontrolled_ev_w[~cars].sum()
                          - demand.default_w[~storage].sum())
        demand = changelimits.with_limit(demand, area, len(state.dispatch_groups), ordered_w)
    demand = blockplans.with_blocks(demand, area, plannable, span)
    return AreaForecast(
        state=plannable,
        demand=replace(
            demand,
            uncontrolled_ev_w=demand.uncontrolled_ev_w[cars],
            default_w=demand.default_w[storage],
            warnings=[*demand.warnings, *_elsewhere_warnings(elsewhere)],
        ),
        span=span,
        committed=committed,
        requests=state.ev.requests,
    )


def _elsewhere_warnings(elsewhere: Mapping[int, VirtualDER]) -> list[str]:
    """Return a sentence for each area that commands devices of this one (by number)."""
    counts = Counter(other.name for other in elsewhere.values())
    return [
        f"{count} members are commanded by the area {name} and left out: stop the balance of one of the two"
        for name, count in sorted(counts.items())
    ]


def planner_for(balance: Balance, forecast: AreaForecast, new_plan: bool = False) -> Planner:
    """Return a planner that continues the plan in force, or makes a new one.

    Where the area is not balanced automatically, it makes none of its own. A plan in force that was made for
    other dispatch groups or steps is not continued.
    """
    groups, step_s = forecast.state.dispatch_groups, min(balance.step_s, STEP)
    options = PlannerOptions(
        hours=forecast.span.hours,
        every=balance.replan_steps,
        reserve=balance.reserve,
        seconds=SOLVER_LIMIT_S,
        broadcast=balance.addressing == areasettings.HYBRID,
        window=DEPARTURE_STEPS * STEP // step_s,
        ramp=RAMP_FRACTION * step_s / STEP,
        resolutions=setpoints.resolution(settings.comfort_kelvin),
        prices=planprices.prices(),
    )
    planner = Planner(options, max(len(groups), 1))
    if new_plan or balance.plan_id is None:
        return planner
    plan = Plan.get_or_none(Plan.id == balance.plan_id)
    if (
        plan is None
        or plan.step_s != balance.step_s
        or plan.body["dispatch_groups"] != [group.id for group in groups]
    ):
        return planner
    age = (forecast.span.start - plan.start) // balance.step_s
    if 0 <= age < plan.steps:
        planner.plan, planner.labels = plans.restore(plan)
        planner.excess = {key: np.array(values) for key, values in plan.body.get("excess", {}).items()}
        planner.age = age - 1
        if not balance.automatic:
            planner.settings = replace(options, fixed=True)
    return planner


def save_plan(
    area: VirtualDER,
    balance: Balance,
    forecast: AreaForecast,
    planner: Planner,
    solver_s: SecondsExact,
    reason: str = "",
) -> Plan:
    """Record the plan that a planner has just made, as a draft."""
    assert planner.plan is not None and planner.labels is not None
    horizon = forecast.demand.horizon
    generation_w = np.broadcast_to(np.asarray(horizon.generation, dtype=float), (forecast.span.steps,))
    body = plans.plan_body(
        planner.plan,
        planner.labels,
        forecast.state.dispatch_groups,
        net=horizon.net,
        before=forecast.demand.imbalance_w,
        pv=generation_w,
    )
    needs = _unmet_needs(forecast, planner)
    body |= {"unmet_needs": needs,
             "excess": {key: np.round(values, 1).tolist() for key, values in planner.excess.items()}}
    body["calls"] = blockplans.planned_calls(
        planner.commitment, blockplans.callable_blocks(forecast.state), forecast.span)
    if planner.commitment is not None:
        body |= {name: round(getattr(planner.commitment, name), 4) for name in ("cost", "bound", "gap")}
    return plans.save(
        area,
        forecast.span.start,
        balance.step_s,
        body,
        solver=planner.plan.status,
        solver_s=round(solver_s, 3),
        requested_by=actors.who(),
        reason=reason,
        warnings=[
            *forecast.demand.warnings,
            *unmetdemand.exclusion_warnings(forecast.state),
            *unmetdemand.plan_warnings(planner.plan, forecast.state, forecast.demand, forecast.span),
            *unmetcars.warnings(needs, forecast.requests, forecast.committed.fleet.sessions, forecast.span),
        ],
    )


def _unmet_needs(forecast: AreaForecast, planner: Planner) -> dict[Href, UnmetNeed]:
    """What the plan that a planner has just made leaves unmet of each request."""
    assert planner.plan is not None and planner.labels is not None and planner.unmet_wh is not None
    limits = unmetcars.binding_limits(planner.plan, planner.labels, forecast.demand.horizon.limits)
    return unmetcars.unmet_needs(
        planner.unmet_wh, forecast.requests, forecast.committed.fleet.sessions, limits)


def record_unmet(plan: Plan, forecast: AreaForecast) -> None:
    """Record with the sessions of an area what a plan in force leaves unmet of them."""
    unmetneeds.record(forecast.requests, {
        href: UnmetNeed(*need) for href, need in plan.body.get("unmet_needs", {}).items()})


def _audit_fields(plan: PlanSummary) -> dict[str, object]:
    return {"id": plan["id"], "vder": plan["vder"], "state": plan["state"], "start": plan["start"]}


@audit.audited("plan run", "{vder} plan {id}", answer=_audit_fields)
def make_plan(
    vder: str | int | VirtualDER,
    *,
    horizon_steps: int | None = None,
    reason: str = "",
    dry_run: bool = False,
) -> PlanDetail:
    """Make a plan for an area from the next step that can still be published on, and return it.

    It is recorded as a draft, unless `dry_run`. Refused (400) where the horizon is too short or too long,
    (409) without a governing signal, (503) where the solver found no plan in its time.
    """
    area = virtualders.find(vder)
    balance = plans.balance_of(area)
    least, most = areasettings.HORIZON_RANGE
    if horizon_steps is not None and not least <= horizon_steps <= most:
        raise Refused(400, f"horizon {horizon_steps}: {least} to {most} steps are possible")
    start, _ = next_step(balance, clock.now() + balance.step_s)
    forecast = forecast_area(area, balance, start, horizon_steps)
    planner = planner_for(balance, forecast, new_plan=True)
    started = time.perf_counter()
    planner.step(forecast.state.fleet, forecast.demand.horizon, committed=forecast.committed)
    if planner.plan is None:
        raise Refused(503, f"the solver found no plan for {area.name} in {SOLVER_LIMIT_S:g} s")
    solver_s = time.perf_counter() - started
    with dryrun.transaction(dry_run):
        result = plans.show(save_plan(area, balance, forecast, planner, solver_s, reason).id)
    if dry_run:
        result["id"] = None
        result["dry_run"] = True
    return result
