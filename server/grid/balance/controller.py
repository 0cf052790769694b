"""The automatic balance: each step is decided at least one poll ahead, published, and evaluated afterwards.

An area is a virtual DER that has a signal. Where it is balanced automatically, plans are made and put in
force without anyone; otherwise operators make plans, which are carried out once they are published. The
events of a decided step, the orders that record the share of each device, and the fact that it is decided are
one transaction: a worker that is killed leaves no half of it, and of two workers one does it.
"""
from __future__ import annotations

import logging
import time

from server import actors, alarms, clock, logs
from server.errors import Refused
from server.grid.balance import blockplans, evaluation, planning, plans, publish, unmetdemand, vehicleoffers
from server.grid.balance.chargingroom import ChargingRoom
from server.grid.balance.decidedstep import DecidedStep
from server.grid.balance.planning import AreaForecast
from server.grid.dispatch import orderwork
from server.grid.dispatch.loadcontrol import StepPeriod
from server.grid.fleet import grantedsessions, memberqueries, projection
from server.grid.optimisation.arrays import np
from server.grid.optimisation.disaggregation import MemberPowers
from server.grid.optimisation.rollinghorizon import Planner
from server.grid.series import areameter, measurements
from server.grid.series.intervals import iso
from server.models import Balance, Plan, VirtualDER
from server.models.unavailable import DATABASE_ERRORS
from server.resources import store
from server.units import Instant, Watts

log = logging.getLogger(__name__)
AUTOMATIC = "automatic"  # the operator in the audit log
MIN_STEP_LEFT_S = 300  # a step of which less is left, or a third, is not worth publishing


def run_due() -> int:
    """Decide the steps that are due, of every area; return how many were decided.

    An error in one area, whatever its kind, is recorded there (`last_error`) and leaves the others alone.
    """
    return sum(_run(balance) for balance in list(
        Balance.select().where(Balance.automatic | Balance.plan_id.is_null(False))))


def _run(balance: Balance) -> int:
    """Decide the step of an area if it is due; return how many were decided."""
    area, start = balance.vder.name, None
    with logs.context(area=area):
        try:
            start, end = planning.next_step(balance, clock.now())
            if _is_decided(balance, start) or end - clock.now() < min(MIN_STEP_LEFT_S, (end - start) // 3):
                return 0
            if not balance.automatic and not _is_planned(balance, start):
                return 0
            with actors.acting(AUTOMATIC):
                return decide(balance.vder, start)
        except Refused as refused:
            _record_error(balance, start, refused.why)
        except DATABASE_ERRORS:
            raise
        except Exception:
            sentence = logs.unexpected(log, f"The balance of {area}")
            alarms.raise_alarm("work", f"area {area}", sentence)
            _record_error(balance, start, sentence)
    return 0


def _is_decided(balance: Balance, start: Instant) -> bool:
    return balance.last_step_start is not None and balance.last_step_start >= start


def _is_planned(balance: Balance, start: Instant) -> bool:
    """Whether the plan in force covers a step."""
    return bool(Plan.select().where((Plan.id == balance.plan_id) & (Plan.start <= start)
                                    & (Plan.start + Plan.step_s * Plan.steps > start)).exists())


def _record_error(balance: Balance, start: Instant | None, error: str) -> None:
    """Record why the step from `start` on was not decided; it is not tried again."""
    if start is None:
        Balance.update(last_error=error).where(Balance.vder == balance.vder).execute()
        return
    log.warning("the step from %s was not decided: %s", iso(start), error)
    Balance.update(last_error=error, last_step_start=start).where((Balance.vder == balance.vder) & (
        Balance.last_step_start.is_null() | (Balance.last_step_start < start))).execute()


def decide(area: VirtualDER, start: Instant) -> int:
    """Decide and publish the step that begins at `start`; return 1, or 0 where another worker has done it.

    Refused (409) where the plan in force does not fit the area as it is now.
    """
    balance = plans.balance_of(area)
    _evaluate(area, balance)
    forecast = planning.forecast_area(area, balance, start)
    planner = planning.planner_for(balance, forecast)
    if planner.plan is None and not balance.automatic:
        raise Refused(
            409, f"plan {balance.plan_id} was made for other virtual DERs than there are now: make a new one"
        )
    plan_in_force, started = planner.plan, time.perf_counter()
    sessions = grantedsessions.GrantedSessions.of(forecast.state, start)
    powers = planner.step(
        forecast.state.fleet,
        forecast.demand.horizon,
        sessions.grantable,
        forecast.state.thermal.realised_wh,
        forecast.committed,
    )
    solver_s = time.perf_counter() - started
    offered = vehicleoffers.decide(forecast, planner, powers)
    step = DecidedStep(
        period=StepPeriod(start, start + balance.step_s, _reason(forecast)),
        state=forecast.state,
        powers=powers,
        sessions=sessions,
        uncontrolled_ev_w=forecast.demand.uncontrolled_ev_w,
        default_w=forecast.demand.default_w,
        generation_w=float(np.ravel(forecast.demand.horizon.generation)[0]),
        curtailed_w=planner.curtailed_w,
        room=ChargingRoom.of(
            forecast.demand.horizon.limits, forecast.state.fleet.sessions, forecast.span
        ),
        offered=offered,
    )
    scopes = () if forecast.state.blocks else (area.program, *publish.scopes(step))  # none: all are locked
    with store.transaction(*scopes):
        balance = plans.balance_of(area, lock=True)
        if _is_decided(balance, start):
            return 0
        if planner.plan is not None and planner.plan is not plan_in_force:
            plans.enforce(balance, planning.save_plan(area, balance, forecast, planner, solver_s))
        if planner.plan is not None and balance.plan_id is not None:
            planning.record_unmet(plans.find_plan(balance.plan_id), forecast)
        balance.last_error = "; ".join(_warnings(balance, forecast, planner, powers))
        balance.last_step_start = start
        areameter.record(balance, forecast.demand.meter, balance.step_s)
        balance.save()
        if planner.stale:
            log.error("the step from %s follows an old plan: %s", iso(start), balance.last_error)
        orders = publish.publish_step(area, balance, step)
        blockplans.issue(balance, forecast.state, memberqueries.lfdis_of(area), step.period.reason)
        projection.record_thermal_states(forecast.state, powers, step.period.end)
        _record_expectations(area, forecast, powers, planner.curtailed_w, float(offered.given.sum()))
    for number in orders:
        orderwork.finish(number)
    return 1


def _evaluate(area: VirtualDER, balance: Balance) -> None:
    """Evaluate the steps that are over; what fails there does not stop the next one."""
    try:
        evaluation.evaluate_due(area, balance)
    except DATABASE_ERRORS:
        raise
    except Exception:
        sentence = logs.unexpected(log, f"The evaluation of {area.name}")
        alarms.raise_alarm("work", f"area {area.name}", sentence)


def _warnings(
    balance: Balance, forecast: AreaForecast, planner: Planner, powers: MemberPowers
) -> list[str]:
    warnings = list(forecast.demand.warnings)
    if planner.stale:
        stands = f"; plan {balance.plan_id} stands" if planner.plan is not None else ""
        warnings.append(f"the solver found no plan within {planning.SOLVER_LIMIT_S:g} s{stands}")
    return warnings + unmetdemand.step_warnings(powers.unmet_w, forecast.demand, forecast.span)


def _reason(forecast: AreaForecast) -> str:
    demand = forecast.demand
    return f"{demand.governing} {demand.imbalance_w[0]:+.0f} W at {iso(forecast.span.start)}"


def _record_expectations(
    area: VirtualDER, forecast: AreaForecast, powers: MemberPowers, curtailed_w: Watts, offered_w: Watts
) -> None:
    """Record what is expected of the step, to be compared with what will be measured."""
    committed = forecast.committed
    storage_w = float(powers.batteries.sum()) + float(committed.storage.sum())
    ev_w = float(powers.sessions.sum()) + float(committed.sessions.sum()) - offered_w
    thermal_w = float(powers.thermals.sum()) + float(committed.thermals.sum())
    demand = forecast.demand
    measurements.record(
        area,
        forecast.span.start,
        forecast.span.step,
        expected=float(demand.uncorrected_w[0]) + storage_w + ev_w + thermal_w + curtailed_w,
        planned_storage=-storage_w,
        base_storage=-demand.default_total_w,
        planned_ev=-ev_w,
        planned_thermal=-thermal_w,
        base_thermal=-float(demand.horizon.base[:, 0].sum()),
        planned_pv=-curtailed_w,
    )
