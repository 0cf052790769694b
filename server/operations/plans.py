"""`plan`: plans that keep an area in balance."""
from __future__ import annotations

from typing import Annotated, Literal

from server.grid.balance import areasettings, plans
from server.grid.balance.results import BalanceSettings, PlanDetail, PlanDifference, PlanSummary
from server.grid.groups import virtualders
from server.operations.declaration import Arg, DryRun, Group, Reason, Role
from server.operations.signals import Area
from server.units import Fraction, Seconds

plan = Group("plan", """
    Plan for an area, a virtual DER that has a signal: look at a plan, have it approved, carry it out, or
    leave it all to the automatic balance. `work` carries out what is published.
    """)
GROUPS = (plan,)
PlanNumber = Annotated[int, Arg("The plan's number.", metavar="PLAN")]


@plan.operation("run", role=Role.OPERATOR, in_parts=True)
def run(
    area: Area,
    *,
    horizon_s: Annotated[Seconds, Arg("How far it reaches.")] = 86400,
    reason: Reason = "",
    dry_run: DryRun = False,
) -> PlanDetail:
    """Make a plan; it is a draft until it is published."""
    from server.grid.balance import planning  # the whole fleet and HiGHS, which `plan list` does without
    step_s = plans.balance_of(virtualders.find(area)).step_s
    return planning.make_plan(
        area, horizon_steps=max(horizon_s // step_s, 1), reason=reason, dry_run=dry_run
    )


@plan.operation("areas", role=Role.VIEWER, in_subtree=True)
def list_areas() -> list[BalanceSettings]:
    """List the areas that are kept in balance, automatically or by plans: how, and what is wrong with it."""
    return areasettings.list_areas()


@plan.operation("list", role=Role.VIEWER, in_subtree=True)
def list_plans(area: Annotated[str | None, Arg(metavar="AREA")] = None) -> list[PlanSummary]:
    """List plans, newest first."""
    return plans.list_plans(area)


@plan.operation("show", role=Role.VIEWER, in_subtree=True)
def show(number: PlanNumber) -> PlanDetail:
    """Show a plan step by step: the imbalance before and after, and what each virtual DER is to inject."""
    return plans.show(number)


@plan.operation("diff", role=Role.VIEWER, in_subtree=True)
def diff(first: PlanNumber, second: PlanNumber) -> list[PlanDifference]:
    """List where two plans for an area differ."""
    return plans.diff(first, second)


@plan.operation("approve", role=Role.APPROVER)
def approve(number: PlanNumber) -> PlanSummary:
    """Approve a draft that somebody else has made."""
    return plans.approve(number)


@plan.operation("publish", role=Role.OPERATOR, in_parts=True)
def publish(number: PlanNumber) -> PlanSummary:
    """Have a plan carried out, in place of the one in force."""
    return plans.publish(number)


@plan.operation("auto", role=Role.OPERATOR)
def auto(
    area: Area,
    state: Annotated[Literal["on", "off"] | None, Arg(metavar="[on|off]")] = None,
    *,
    replan_steps: Annotated[int | None, Arg(
        "A new plan after so many steps.", option="every", least=areasettings.REPLAN_RANGE[0],
        most=areasettings.REPLAN_RANGE[1])] = None,
    step_s: Annotated[Seconds | None, Arg(
        "How long a step is: 300 s, or 900 s times 1 to 4.", least=areasettings.STEP_RANGE_S[0],
        most=areasettings.STEP_RANGE_S[1])] = None,
    horizon_steps: Annotated[int | None, Arg(
        "How many steps a plan has.", option="horizon", least=areasettings.HORIZON_RANGE[0],
        most=areasettings.HORIZON_RANGE[1])] = None,
    reserve: Annotated[Fraction | None, Arg(
        "The part of each battery's capacity that plans leave free at either end, for what forecasts do not "
        "predict. 0 if never set: in simulations 0.05 gained nothing, and 0.1 made the imbalance larger.",
        least=areasettings.RESERVE_RANGE[0], most=areasettings.RESERVE_RANGE[1])] = None,
    addressing: Annotated[Literal["hybrid", "device"] | None, Arg(
        "One event for all storage, or one for each.")] = None,
    approval: Annotated[bool | None, Arg("Whether a second person has to approve a plan.")] = None,
) -> BalanceSettings:
    """Keep an area in balance automatically, or stop; or show how that is done and what is wrong with it."""
    return areasettings.set_automatic(
        area,
        None if state is None else state == "on",
        replan_steps=replan_steps,
        step_s=step_s,
        horizon_steps=horizon_steps,
        reserve=reserve,
        addressing=addressing,
        approval=approval,
    )
