"""How an area is kept in balance: automatically or by published plans, in which steps, with which reserve."""
from __future__ import annotations

from server import audit, clock, scopes
from server.config import settings
from server.errors import BadArgument, Refused
from server.grid.balance import plans, unknownload
from server.grid.balance.plans import balance_of
from server.grid.balance.results import BalanceSettings
from server.grid.groups import activeareas, dispatchgroups, virtualders
from server.grid.series import areameter
from server.grid.series.intervals import STEP, Span
from server.models import Balance, VirtualDER
from server.resources import pollrates, sql, store
from server.resources.pollrates import POLLED_LISTS
from server.units import Fraction, Lfdi, Seconds

HYBRID, DEVICE = ADDRESSINGS = ("hybrid", "device")
SHORT_STEP_S = 300
STEPS_S = (SHORT_STEP_S, STEP, 2 * STEP, 3 * STEP, 4 * STEP)
STEP_RANGE_S = (STEPS_S[0], STEPS_S[-1])
HORIZON_RANGE = (4, 288)
REPLAN_RANGE = (1, 96)
RESERVE_RANGE = (0.0, 0.4)


def _state(vder: str | int | VirtualDER) -> BalanceSettings:
    return describe(balance_of(virtualders.find(vder)))


@audit.audited("plan auto", "{vder}", state=_state)
def set_automatic(
    vder: str | int | VirtualDER,
    on: bool | None = True,
    *,
    replan_steps: int | None = None,
    step_s: Seconds | None = None,
    horizon_steps: int | None = None,
    reserve: Fraction | None = None,
    addressing: str | None = None,
    approval: bool | None = None,
) -> BalanceSettings:
    """Turn the automatic balance of an area on or off, change its settings, and return them.

    None leaves a setting as it is. `replan_steps` is after how many steps a new plan is made, `reserve` the
    part of each battery's capacity that is kept for what forecasts do not predict, `step_s` one of STEPS_S
    (with it the horizon stays as long as it was, as far as possible), `approval` whether a
    second person has to approve a plan. Off ends the plan in force, too. Refused (400) where a value is out
    of range, (409) where a device of the area could be dispatched through more than one virtual DER, or is
    in another area that commands its members, or where the load below a limit, or of the schedule, has never
    been read.
    """
    area = virtualders.find(vder)
    changes = {
        "replan_steps": replan_steps,
        "step_s": step_s,
        "horizon_steps": horizon_steps,
        "reserve": reserve,
        "addressing": addressing,
        "approval": approval,
        "automatic": on,
    }
    if all(value is None for value in changes.values()):
        return describe(balance_of(area))
    _check_range("replan_steps", replan_steps, REPLAN_RANGE)
    _check_range("step_s", step_s, STEP_RANGE_S)
    _check_range("horizon_steps", horizon_steps, HORIZON_RANGE)
    _check_range("reserve", reserve, RESERVE_RANGE)
    if step_s is not None:
        _check_step(area, step_s)
    if addressing is not None and addressing not in ADDRESSINGS:
        raise BadArgument("addressing", f"{addressing}: {' or '.join(ADDRESSINGS)} are possible")
    with store.transaction():
        balance = balance_of(area, lock=True)
        if step_s is not None and horizon_steps is None:  # as long as it was
            steps = balance.horizon_steps * balance.step_s // step_s
            changes["horizon_steps"] = min(max(steps, HORIZON_RANGE[0]), HORIZON_RANGE[1])
        if on and not balance.automatic:
            _check_conflicts(area)
            activeareas.check_sole(area, clock.now())
            unknownload.check(area, _span(balance))
        if on is False:
            plans.end(balance)
        for name, value in changes.items():
            if value is not None:
                setattr(balance, name, value)
        balance.save()
        return describe(balance)


def _check_step(area: VirtualDER, step_s: Seconds) -> None:
    """Refuse a step that is none of STEPS_S, or in which devices would not learn of their events in time."""
    if step_s not in STEPS_S:
        raise BadArgument("step_s", f"{step_s} s: {', '.join(map(str, STEPS_S))} s are possible")
    rates = [(pollrates.poll(kind, lfdi), kind, name) for kind in POLLED_LISTS
             for lfdi, name in (("", "devices"), *_with_own_rates(area))]
    poll_s, kind, who = max(rates, key=lambda rate: rate[0])
    if poll_s > step_s:
        raise BadArgument("step_s", f"{step_s} s: {kind} is polled by {who} every {poll_s} s, and a step is "
                                    f"over by then; set the poll rate to {step_s} s or less before")


def _with_own_rates(area: VirtualDER) -> list[tuple[Lfdi, str]]:
    """The members of an area that poll at a rate of their own: LFDI and name."""
    return list(sql.among("SELECT d.lfdi, d.name FROM device d JOIN membership m ON m.device_id = d.id "
                          "WHERE d.lfdi IN ({}) AND m.vder_id = ?", pollrates.with_own_rates(), area.id))


def _span(balance: Balance) -> Span:
    """The horizon of an area's plans, from now on."""
    now = clock.now()
    return Span(now - now % balance.step_s, balance.horizon_steps, balance.step_s, now)


def _check_range(name: str, value: float | None, bounds: tuple[float, float]) -> None:
    if value is not None and not bounds[0] <= value <= bounds[1]:
        raise BadArgument(name, f"{value}: {bounds[0]:g} to {bounds[1]:g} are possible")


def _check_conflicts(area: VirtualDER) -> None:
    conflicts = dispatchgroups.conflicts(area)
    if conflicts:
        device, names = conflicts[0]
        raise Refused(
            409,
            f"{len(conflicts)} devices are in more than one virtual DER that could dispatch them; the first "
            f"is {device.name or device.lfdi}: {' and '.join(names)}",
        )


def list_areas() -> list[BalanceSettings]:
    """Return how each area is kept in balance that is, automatically or by a plan in force, by number."""
    query = Balance.select(Balance, VirtualDER).join(VirtualDER).where(
        Balance.automatic | Balance.plan_id.is_null(False))
    return [describe(balance) for balance in scopes.vders(query, Balance.vder).order_by(Balance.vder)]


def describe(balance: Balance) -> BalanceSettings:
    """Return how an area is kept in balance."""
    return {
        "vder": balance.vder.name,
        "automatic": balance.automatic,
        "approval": balance.approval,
        "addressing": balance.addressing,
        "step_s": balance.step_s,
        "horizon_steps": balance.horizon_steps,
        "replan_steps": balance.replan_steps,
        "reserve": balance.reserve,
        "plan": balance.plan_id,
        "last_step_start": balance.last_step_start,
        "last_error": balance.last_error,
        "meter": areameter.describe(areameter.of_area(balance.vder)),
        "warnings": _warnings(balance),
    }


def _warnings(balance: Balance) -> list[str]:
    if settings.post_rate <= balance.step_s:
        return []
    return [f"devices post readings every {settings.post_rate} s, so steps of {balance.step_s} s follow what "
            "was read before them; set post_rate to as much or less"]
