"""Plans as they are kept: made, shown, compared, approved, published.

A plan is a draft until it is approved, where the balance of its virtual DER asks for a second person, and
published; then it is carried out step by step (see `balancing`) until its end, or until another takes its
place. Functions return dicts fit to be shown. In a plan's body consumption is positive; what is shown of
virtual DERs is injection.
"""
from __future__ import annotations

from typing import Any

from server import audit, clock
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.optimisation import balanceprogram
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.clusters import BATTERY, SESSION, THERMAL, Labels
from server.models import Balance, Plan, VirtualDER, is_postgres
from server.resources import store

KIND_NAMES = {BATTERY: "storage", SESSION: "ev", THERMAL: "thermal"}
Data = dict[str, Any]


def plan_body(
    made: balanceprogram.ClusterSchedule,
    labels: Labels,
    leaves: list[VirtualDER],
    net: Floats,
    before: Floats,
    sun: Floats,
) -> Data:
    """What is kept of a plan: powers and energies of its clusters, what it left of the imbalance, what there
    was before."""
    return {"leaves": [leaf.id for leaf in leaves], "names": [leaf.name for leaf in leaves],
            **{name: part.tolist() for name, part in labels._asdict().items()},
            **{name: np.round(part, 1).tolist() for name, part in (
                ("power", made.power), ("energy", made.energy), ("curtailed", made.curtailed),
                ("imbalance", made.imbalance), ("net", net), ("before", before), ("pv", sun))},
            "exceeded": [round(one, 1) for one in made.exceeded]}


def restore(row: Plan) -> tuple[balanceprogram.ClusterSchedule, Labels]:
    """The plan and its clusters' labels, as they were when it was made."""
    said = row.body
    size = len(said["kind"])

    def table(name: str) -> Floats:
        return np.array(said[name], dtype=float).reshape(size, row.steps)

    return (
        balanceprogram.ClusterSchedule(
            table("power"),
            table("energy"),
            np.array(said["curtailed"], dtype=float),
            np.array(said["imbalance"], dtype=float),
            tuple(said["exceeded"]),
            row.solver,
        ),
        Labels(*(np.array(said[name], dtype=np.intp) for name in Labels._fields)),
    )


def save(vder: VirtualDER, start: int, step: int, said: Data, **rest: Any) -> Plan:
    """Keep a plan, as a draft unless `rest` says otherwise."""
    return Plan.create(
        vder=vder,
        start=start,
        step_s=step,
        steps=len(said["imbalance"]),
        created_at=clock.now(),
        body=said,
        **rest,
    )


def rms(values: Any) -> float:
    """Root of the mean square."""
    array = np.asarray(values, dtype=float)
    return float(np.sqrt(np.mean(np.square(array)))) if array.size else 0.0


def describe(row: Plan) -> Data:
    """A plan in brief: the imbalance's RMS and peak before and after, in W, and the part of the RMS that is
    cut."""
    before, after = row.body["before"], row.body["imbalance"]
    rms_before, rms_after = rms(before), rms(after)
    return {
        "id": row.id,
        "vder": row.vder.name,
        "state": row.state,
        "start": row.start,
        "end": row.start + row.step_s * row.steps,
        "step_s": row.step_s,
        "rms_before_w": rms_before,
        "rms_after_w": rms_after,
        "cut": 1 - rms_after / rms_before if rms_before else None,
        "peak_before_w": float(np.abs(before).max(initial=0)),
        "peak_after_w": float(np.abs(after).max(initial=0)),
        "solver": row.solver,
        "solver_s": row.solver_s,
        "requested_by": row.requested_by,
        "approved_by": row.approved_by,
        "reason": row.reason,
        "created": row.created_at,
        "supersedes": row.supersedes,
        "warnings": row.warnings,
    }


def show(number: int) -> Data:
    """A plan step by step: the imbalance (consumption +) before and after, and what each virtual DER is to
    inject beside what it would, by kind, in W."""
    row = plan_of(number)
    return {
        **describe(row),
        "steps": [
            {
                "start": row.start + step * row.step_s,
                "before_w": row.body["before"][step],
                "after_w": row.body["imbalance"][step],
                **{key: values[step] for key, values in injection_targets(row).items()},
                **({"curtailed_w": row.body["curtailed"][step]} if any(row.body["curtailed"]) else {}),
            }
            for step in range(row.steps)
        ],
    }


def injection_targets(row: Plan) -> dict[str, list[float]]:
    """By virtual DER and kind ("batteries storage"), what the plan has it inject in each step, W."""
    found: dict[str, Floats] = {}
    for kind, group, power in zip(row.body["kind"], row.body["group"], row.body["power"], strict=True):
        name = f"{row.body['names'][group]} {KIND_NAMES[kind]}"
        found[name] = found.get(name, np.zeros(row.steps)) - np.array(power, dtype=float)
    return {name: np.round(values, 1).tolist() for name, values in sorted(found.items())}


def list_plans(vder: str | int | VirtualDER | None = None, limit: int = 50) -> list[Data]:
    """Plans, newest first."""
    query = Plan.select().order_by(Plan.id.desc()).limit(limit)
    return [
        describe(row) for row in (query if vder is None else query.where(Plan.vder == virtualders.find(vder)))
    ]


def diff(first: int, second: int) -> list[Data]:
    """Where two plans for one virtual DER differ, step by step: what each leaves of the imbalance, and by how
    much more (+) the second has each virtual DER inject."""
    one, other = plan_of(first), plan_of(second)
    if one.vder_id != other.vder_id or one.step_s != other.step_s:
        raise Refused(
            409,
            f"plan {first} is for {one.vder.name} in steps of {one.step_s} s, plan {second} for "
            f"{other.vder.name} in steps of {other.step_s} s",
        )
    here, there = injection_targets(one), injection_targets(other)
    rows = []
    for instant in range(max(one.start, other.start), min(_end(one), _end(other)), one.step_s):
        a, b = (instant - one.start) // one.step_s, (instant - other.start) // other.step_s
        changes = {name: there.get(name, [0.0] * other.steps)[b] - here.get(name, [0.0] * one.steps)[a]
                   for name in sorted(here.keys() | there.keys())}
        if any(abs(change) >= 1 for change in changes.values()) or abs(
                one.body["net"][a] - other.body["net"][b]) >= 1:
            rows.append(
                {
                    "start": instant,
                    "net_w": other.body["net"][b] - one.body["net"][a],
                    "after_1_w": one.body["imbalance"][a],
                    "after_2_w": other.body["imbalance"][b],
                    **changes,
                }
            )
    return rows


def _end(row: Plan) -> int:
    return row.start + row.step_s * row.steps


def plan_of(number: int) -> Plan:
    """The plan of this number. Refused (404) where there is none."""
    row = Plan.get_or_none(Plan.id == number)
    if row is None:
        raise Refused(404, f"there is no plan {number}")
    return row


def _state(number: int) -> Data:
    row = plan_of(number)
    return {"id": row.id, "vder": row.vder.name, "state": row.state, "approved_by": row.approved_by}


@audit.audited("plan approve", "{vder} plan {id}", state=_state)
def approve(number: int) -> Data:
    """Approve a draft. Refused (409) where whoever made it would approve it."""
    with store.transaction():
        row = _draft(number)
        who = audit.who()
        if who == row.requested_by:
            raise Refused(409, f"plan {number} was made by {who}: a second person approves it")
        row.state, row.approved_by = Plan.APPROVED, who
        row.save()
        return describe(row)


@audit.audited("plan publish", "{vder} plan {id}", state=_state)
def publish(number: int) -> Data:
    """Have a plan carried out, in place of the one that was. Refused (409) where it is over, was superseded,
    or still has to be approved."""
    with store.transaction():
        row = plan_of(number)
        balance = balance_of(row.vder, lock=True)
        if row.state == Plan.PUBLISHED and balance.plan_id == row.id:
            raise Refused(409, f"plan {number} is published already")
        if row.state not in (Plan.DRAFT, Plan.APPROVED):
            raise Refused(409, f"plan {number} is {row.state}")
        if balance.approval and row.state != Plan.APPROVED:
            raise Refused(409, f"plan {number} waits for a second person: plan approve {number}")
        if clock.now() >= _end(row):
            raise Refused(409, f"plan {number} is over")
        newer = plan_of(balance.plan_id) if balance.plan_id is not None else None
        if newer is not None and newer.created_at > row.created_at:
            raise Refused(
                409, f"plan {newer.id} was made after plan {number} and is in force: make a new one"
            )
        return describe(enforce(balance, row))


def enforce(balance: Balance, row: Plan) -> Plan:
    """Put a plan in force, within the caller's transaction."""
    if balance.plan_id is not None:
        Plan.update(state=Plan.SUPERSEDED).where(
            (Plan.id == balance.plan_id) & (Plan.state == Plan.PUBLISHED)
        ).execute()
        row.supersedes = balance.plan_id
    row.state, balance.plan_id = Plan.PUBLISHED, row.id
    row.save()
    balance.save()
    return row


def balance_of(vder: VirtualDER, lock: bool = False) -> Balance:
    """How a virtual DER is kept in balance; as it is by default where nobody ever said. With `lock`, nobody
    else changes it before the transaction ends."""
    if not lock:
        return Balance.get_or_none(Balance.vder == vder) or Balance(vder=vder)
    Balance.insert(vder=vder).on_conflict_ignore().execute()
    query = Balance.select().where(Balance.vder == vder)
    return (query.for_update() if is_postgres() else query).get()


def _draft(number: int) -> Plan:
    row = plan_of(number)
    if row.state != Plan.DRAFT:
        raise Refused(409, f"plan {number} is {row.state}, no draft")
    return row
