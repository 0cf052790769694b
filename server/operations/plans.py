"""`plan`: plans that keep an area in balance."""
from __future__ import annotations

from typing import Annotated, Any, Literal

from server.grid.balance import controller, plans
from server.grid.groups import virtualders
from server.operations.declaration import Arg, DryRun, Group, Reason, Role
from server.operations.signals import Area
from server.units import Fraction, Seconds

Data = dict[str, Any]
plan = Group("plan", """
    Plan for an area, a virtual DER that has a signal: look at a plan, have it approved, carry it out, or
    leave it all to the automatic balance. `work` carries out what is published.
    """)
GROUPS = (plan,)
PlanNumber = Annotated[int, Arg("The plan's number.", metavar="PLAN")]


@plan.operation("run", role=Role.OPERATOR)
def run(
    area: Area,
    *,
    horizon_s: Annotated[Seconds, Arg("How far it reaches.")] = 86400,
    reason: Reason = "",
    dry_run: DryRun = False,
) -> Data:
    """Make a plan; it is a draft until it is published."""
    step_s = plans.balance_of(virtualders.find(area)).step_s
    return controller.make_plan(area, horizon=max(horizon_s // step_s, 1), reason=reason, dry_run=dry_run)


@plan.operation("list", role=Role.VIEWER)
def list_plans(area: Annotated[str | None, Arg(metavar="AREA")] = None) -> list[Data]:
    """List plans, newest first."""
    return plans.list_plans(area)


@plan.operation("show", role=Role.VIEWER)
def show(number: PlanNumber) -> Data:
    """Show a plan step by step: the imbalance before and after, and what each virtual DER is to inject."""
    return plans.show(number)


@plan.operation("diff", role=Role.VIEWER)
def diff(first: PlanNumber, second: PlanNumber) -> list[Data]:
    """List where two plans for an area differ."""
    return plans.diff(first, second)


@plan.operation("approve", role=Role.APPROVER)
def approve(number: PlanNumber) -> Data:
    """Approve a draft that somebody else has made."""
    return plans.approve(number)


@plan.operation("publish", role=Role.OPERATOR)
def publish(number: PlanNumber) -> Data:
    """Have a plan carried out, in place of the one in force."""
    return plans.publish(number)


@plan.operation("auto", role=Role.OPERATOR)
def auto(
    area: Area,
    state: Annotated[Literal["on", "off"] | None, Arg(metavar="[on|off]")] = None,
    *,
    every: Annotated[int | None, Arg("A new plan after so many steps.")] = None,
    step_s: Annotated[Seconds | None, Arg("How long a step is.")] = None,
    horizon: Annotated[int | None, Arg("How many steps a plan has.")] = None,
    reserve: Annotated[Fraction | None, Arg(
        "The part of each battery's capacity that is kept for what forecasts do not predict.")] = None,
    addressing: Annotated[Literal["hybrid", "device"] | None, Arg(
        "One event for all storage, or one for each.")] = None,
    approval: Annotated[bool | None, Arg("Whether a second person has to approve a plan.")] = None,
) -> Data:
    """Keep an area in balance automatically, or stop; or show how that is done and what is wrong with it."""
    changes = {"every": every, "step": step_s, "horizon": horizon, "reserve": reserve,
               "addressing": addressing, "approval": approval}
    return controller.set_automatic(area, None if state is None else state == "on", **changes)
