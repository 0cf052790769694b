"""Plans as they are recorded: saved, shown, compared, approved, put in force.

A plan is a draft until it is approved, where the balance of its virtual DER asks for a second person, and
published; then it is carried out step by step (see `controller`) until its end, or until another replaces it.
In a plan's body consumption is positive; what is shown of virtual DERs is injection.
"""
from __future__ import annotations

from typing import Any

from server import actors, audit, clock, scopes
from server.errors import Refused
from server.grid.balance.results import PlanDetail, PlanDifference, PlanState, PlanStep, PlanSummary
from server.grid.groups import activeareas, powerlimits, virtualders
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.balanceproblem import ClusterSchedule
from server.grid.optimisation.clusters import BATTERY, SESSION, THERMAL, Labels
from server.models import Balance, Plan, VirtualDER, changes, is_postgres, vder_audience
from server.resources import store
from server.units import Instant, Watts

KIND_NAMES = {BATTERY: "storage", SESSION: "ev", THERMAL: "thermal"}
_MIN_DIFFERENCE_W = 1.0  # a smaller difference between two plans is not listed
Data = dict[str, Any]


def plan_body(
    schedule: ClusterSchedule,
    labels: Labels,
    dispatch_groups: list[VirtualDER],
    *,
    net: Floats,
    before: Floats,
    pv: Floats,
) -> Data:
    """Return what is recorded of a plan: the schedule of its clusters, the imbalance before and after, and
    what was expected [T]: `net` demand and generation (`pv`)."""
    series = {
        "power": schedule.power,
        "energy": schedule.energy,
        "curtailed": schedule.curtailed,
        "imbalance": schedule.imbalance,
        "net": net,
        "before": before,
        "pv": pv,
    }
    return {
        "dispatch_groups": [vder.id for vder in dispatch_groups],
        "names": [vder.name for vder in dispatch_groups],
        **{name: values.tolist() for name, values in labels._asdict().items()},
        **{name: np.round(values, 1).tolist() for name, values in series.items()},
        "exceeded": [round(excess, 1) for excess in schedule.exceeded],
        "unmet": [round(energy_wh, 1) for energy_wh in schedule.unmet],
    }


def restore(plan: Plan) -> tuple[ClusterSchedule, Labels]:
    """Return the schedule of a plan and the labels of its clusters, as they were when it was made."""
    body = plan.body
    count = len(body["kind"])

    def of_clusters(name: str) -> Floats:
        return np.array(body[name], dtype=float).reshape(count, plan.steps)

    schedule = ClusterSchedule(
        of_clusters("power"),
        of_clusters("energy"),
        np.array(body["curtailed"], dtype=float),
        np.array(body["imbalance"], dtype=float),
        tuple(body["exceeded"]),
        plan.solver,
        tuple(body.get("unmet", [0.0] * count)),  # plans of earlier releases have none
    )
    return schedule, Labels(*(np.array(body[name], dtype=np.intp) for name in Labels._fields))


def save(vder: VirtualDER, start: Instant, step_s: int, body: Data, **columns: Any) -> Plan:
    """Add a plan, a draft unless `columns` say otherwise, and return it."""
    return Plan.create(
        vder=vder,
        start=start,
        step_s=step_s,
        steps=len(body["imbalance"]),
        created_at=clock.now(),
        body=body,
        **columns,
    )


def rms(values: Any) -> float:
    """Return the root mean square; 0 of none."""
    array = np.asarray(values, dtype=float)
    return float(np.sqrt(np.mean(np.square(array)))) if array.size else 0.0


def describe(plan: Plan) -> PlanSummary:
    """Return a plan in brief."""
    before, after = plan.body["before"], plan.body["imbalance"]
    rms_before_w, rms_after_w = rms(before), rms(after)
    return {
        "id": plan.id,
        "vder": plan.vder.name,
        "state": plan.state,
        "start": plan.start,
        "end": _end(plan),
        "step_s": plan.step_s,
        "rms_before_w": rms_before_w,
        "rms_after_w": rms_after_w,
        "rms_cut": 1 - rms_after_w / rms_before_w if rms_before_w else None,
        "peak_before_w": float(np.abs(before).max(initial=0)),
        "peak_after_w": float(np.abs(after).max(initial=0)),
        "solver": plan.solver,
        "solver_s": plan.solver_s,
        "requested_by": plan.requested_by,
        "approved_by": plan.approved_by,
        "reason": plan.reason,
        "created_at": plan.created_at,
        "supersedes": plan.supersedes,
        "warnings": scopes.texts(plan.warnings, plan.requested_by),
    }


def show(number: int) -> PlanDetail:
    """Return a plan step by step."""
    plan = find_plan(number)
    targets = injection_targets(plan)
    steps: list[PlanStep] = []
    for step in range(plan.steps):
        row: PlanStep = {
            "start": plan.start + step * plan.step_s,
            "before_w": plan.body["before"][step],
            "after_w": plan.body["imbalance"][step],
            "injection_w": {name: values[step] for name, values in targets.items()},
        }
        if any(plan.body["curtailed"]):
            row["curtailed_w"] = plan.body["curtailed"][step]
        steps.append(row)
    from server.grid.balance import blockplans  # much else, which other commands on plans do without
    return {**describe(plan), "calls": blockplans.described(plan.body),
            "cost": plan.body.get("cost"), "bound": plan.body.get("bound"), "gap": plan.body.get("gap"),
            "steps": steps}


def injection_targets(plan: Plan) -> dict[str, list[Watts]]:
    """Return the injection planned beside the baseline in each step, by virtual DER and kind ("batteries
    storage")."""
    targets: dict[str, Floats] = {}
    for kind, group, load_w in zip(plan.body["kind"], plan.body["group"], plan.body["power"], strict=True):
        name = f"{plan.body['names'][group]} {KIND_NAMES[kind]}"
        targets[name] = targets.get(name, np.zeros(plan.steps)) - np.array(load_w, dtype=float)
    return {name: np.round(values, 1).tolist() for name, values in sorted(targets.items())}


def list_plans(vder: str | int | VirtualDER | None = None, limit: int = 50) -> list[PlanSummary]:
    """Return the plans of a virtual DER, or all, newest first."""
    query = scopes.vders(Plan.select(), Plan.vder).order_by(Plan.id.desc()).limit(limit)
    if vder is not None:
        query = query.where(Plan.vder == virtualders.find(vder))
    return [describe(plan) for plan in query]


def diff(first: int, second: int) -> list[PlanDifference]:
    """Return the steps in which two plans for one virtual DER differ.

    Refused (409) where their virtual DERs or steps differ.
    """
    old, new = find_plan(first), find_plan(second)
    if old.vder_id != new.vder_id or old.step_s != new.step_s:
        raise Refused(
            409,
            f"plan {first} is for {old.vder.name} in steps of {old.step_s} s, plan {second} for "
            f"{new.vder.name} in steps of {new.step_s} s",
        )
    old_targets, new_targets = injection_targets(old), injection_targets(new)
    rows: list[PlanDifference] = []
    for start in range(max(old.start, new.start), min(_end(old), _end(new)), old.step_s):
        old_step, new_step = (start - old.start) // old.step_s, (start - new.start) // new.step_s
        net_w = new.body["net"][new_step] - old.body["net"][old_step]
        changes = {
            name: new_targets.get(name, [0.0] * new.steps)[new_step]
            - old_targets.get(name, [0.0] * old.steps)[old_step]
            for name in sorted(old_targets.keys() | new_targets.keys())
        }
        if any(abs(change_w) >= _MIN_DIFFERENCE_W for change_w in (net_w, *changes.values())):
            rows.append(
                {
                    "start": start,
                    "net_w": net_w,
                    "after_1_w": old.body["imbalance"][old_step],
                    "after_2_w": new.body["imbalance"][new_step],
                    "injection_w": changes,
                }
            )
    return rows


def _end(plan: Plan) -> Instant:
    return plan.start + plan.step_s * plan.steps


def find_plan(number: int) -> Plan:
    """Return the plan of this number. Refused (404) where there is none."""
    plan = Plan.get_or_none(Plan.id == number)
    if plan is None or not scopes.sees_vder(plan.vder_id):
        raise Refused(404, f"there is no plan {number}")
    return plan


def _state(number: int) -> PlanState:
    plan = find_plan(number)
    return {"id": plan.id, "vder": plan.vder.name, "state": plan.state, "approved_by": plan.approved_by}


@audit.audited("plan approve", "{vder} plan {id}", state=_state)
def approve(number: int) -> PlanSummary:
    """Approve a draft. Refused (409) where it is not a draft, or was made by the same person."""
    with store.transaction():
        plan = find_plan(number)
        if plan.state != Plan.DRAFT:
            raise Refused(409, f"plan {number} is {plan.state}, no draft")
        operator = actors.who()
        if actors.same_person(operator, plan.requested_by):
            raise Refused(409, f"plan {number} was made by {operator}: a second person approves it")
        plan.state, plan.approved_by = Plan.APPROVED, operator
        plan.save()
        return describe(plan)


@audit.audited("plan publish", "{vder} plan {id}", state=_state)
def publish(number: int) -> PlanSummary:
    """Put a plan in force, in place of the one that was.

    Refused (409) where it is over, was superseded, or has to be approved first, and where a member is in
    another area that commands its members.
    """
    with store.transaction():
        plan = find_plan(number)
        balance = balance_of(plan.vder, lock=True)
        if plan.state == Plan.PUBLISHED and balance.plan_id == plan.id:
            raise Refused(409, f"plan {number} is published already")
        if plan.state not in (Plan.DRAFT, Plan.APPROVED):
            raise Refused(409, f"plan {number} is {plan.state}")
        if balance.approval and plan.state != Plan.APPROVED:
            raise Refused(409, f"plan {number} waits for a second person: plan approve {number}")
        _check_power(plan)
        if clock.now() >= _end(plan):
            raise Refused(409, f"plan {number} is over")
        in_force = find_plan(balance.plan_id) if balance.plan_id is not None else None
        if in_force is not None and in_force.created_at > plan.created_at:
            raise Refused(
                409, f"plan {in_force.id} was made after plan {number} and is in force: make a new one"
            )
        activeareas.check_sole(plan.vder, clock.now())
        return describe(enforce(balance, plan))


def _check_power(plan: Plan) -> None:
    """Refuse (409) a plan of more power than one person may order alone, until another has approved it."""
    if plan.state == Plan.APPROVED or actors.actor() is None or not powerlimits.has_any():
        return
    totals = np.sum([np.array(values) for values in injection_targets(plan).values()], axis=0)
    power_w, limit_w = float(np.max(np.abs(totals), initial=0.0)), powerlimits.of(plan.vder)
    if power_w > limit_w:
        raise Refused(409, f"plan {plan.id} orders up to {power_w:.0f} W; more than {limit_w:.0f} W "
                           f"needs a second person: plan approve {plan.id}")


def enforce(balance: Balance, plan: Plan) -> Plan:
    """Put a plan in force, within the caller's transaction."""
    plan.supersedes = end(balance) or plan.supersedes
    plan.state, balance.plan_id = Plan.PUBLISHED, plan.id
    plan.save()
    balance.save()
    return plan


def end(balance: Balance) -> int | None:
    """Take the plan in force out of force and return its number, within the caller's transaction.

    The caller has to save `balance`.
    """
    ended: int | None = balance.plan_id
    if ended is not None:
        in_force = (Plan.id == ended) & (Plan.state == Plan.PUBLISHED)
        if Plan.update(state=Plan.SUPERSEDED).where(in_force).execute():
            changes.note(changes.PLAN, Plan.SUPERSEDED, ended, vder_audience(balance.vder_id))
    balance.plan_id = None
    return ended


def balance_of(vder: VirtualDER, lock: bool = False) -> Balance:
    """Return how a virtual DER is kept in balance; with default values where nothing was set.

    With `lock`, others wait to change it until the caller's transaction ends.
    """
    if not lock:
        return Balance.get_or_none(Balance.vder == vder) or Balance(vder=vder)
    Balance.insert(vder=vder).on_conflict_ignore().execute()
    query = Balance.select().where(Balance.vder == vder)
    return (query.for_update() if is_postgres() else query).get()
