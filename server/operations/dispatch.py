"""`dispatch`: orders on virtual DERs, and what came of them."""
from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from server.errors import BadArgument
from server.grid.dispatch import orderchanges, ordercreation, orderoverride, orders
from server.grid.dispatch.allocation import BROADCAST, DEVICE
from server.grid.dispatch.orderrequest import OrderRequest, single_quantity
from server.grid.dispatch.reactive import POWER_FACTOR, REACTIVE
from server.grid.dispatch.results import CreatedOrder, OrderSummary, RecordedShare
from server.grid.dispatch.sharing import POLICIES
from server.grid.reports import orderprogress
from server.grid.reports.results import OrderDetail
from server.models import VirtualDER
from server.models.pages import Pages
from server.operations import orderedpower, progress
from server.operations.controls import HOUR_S, CancelAt, CancelReason, OptionalVder, Randomized, Start
from server.operations.declaration import Arg, DryRun, Group, Reason, Role, VderName
from server.operators.approvals import WaitingApproval
from server.units import Percent, Seconds, SecondsExact, Vars, Watts, WattsPerSecond

dispatch = Group("dispatch", """
    Order power of a virtual DER: `dispatch VDER --watts 5000 --duration 1h`; see `dispatch order --help`.

    Then follow the order with `dispatch show ORDER`.
    """, default="order")
GROUPS = (dispatch,)
# The argument of each quantity, as a refusal names it.
_QUANTITY_ARGUMENTS = {
    "watts": "`delta_w`", "target": "`target_w`", "limit": "`limit_percent`", "limit_watts": "`limit_w`",
    "percent": "`percent`", "connect": "`connect`", "energize": "`energize`",
    REACTIVE: "`reactive_var`", POWER_FACTOR: "`power_factor`"}
OrderNumber = Annotated[int, Arg("The order's number.", metavar="ORDER")]


def _of_order(values: Mapping[str, Any]) -> tuple[VirtualDER, Watts]:
    """The power of an order, which is tried for that."""
    tried: Any = order(**{**values, "dry_run": True})
    return orderedpower.of_created(tried)


def _of_override(values: Mapping[str, Any]) -> tuple[VirtualDER, Watts]:
    tried: Any = override(**{**values, "dry_run": True})
    return orderedpower.of_created(tried)


@dispatch.operation("order", role=Role.OPERATOR, in_parts=True, in_subtree=True, power=_of_order)
def order(
    vder: VderName,
    *,
    delta_w: Annotated[Watts | None, Arg(
        "More (+) or less (-) injection than now, by the whole group.", option="watts")] = None,
    target_w: Annotated[Watts | None, Arg("Injection (+) or consumption (-) by the whole group.")] = None,
    percent: Annotated[Percent | None, Arg(
        "Of its own rating by each device: + discharge or generation, - charge.")] = None,
    limit_percent: Annotated[Percent | None, Arg(
        "Greatest generation by each device, in percent of its rating.")] = None,
    limit_w: Annotated[Watts | None, Arg(
        "Greatest generation by the whole group.", option="limit-watts")] = None,
    connect: Annotated[bool | None, Arg("To be galvanically connected.")] = None,
    energize: Annotated[bool | None, Arg("To exchange power at all.")] = None,
    reactive_var: Annotated[Vars | None, Arg(
        "Reactive power injected (+, over-excited) or absorbed (-) by the whole group.",
        option="reactive-var")] = None,
    power_factor: Annotated[float | None, Arg(
        "Of each device, with `excitation`.", least=0.01, most=1)] = None,
    excitation: Annotated[str | None, Arg(
        "Of a power factor: over-excited injects vars, under-excited absorbs them.",
        choices=("over", "under"))] = None,
    start: Start = None,
    duration_s: Seconds,
    ramp_s: Annotated[SecondsExact | None, Arg("Time in which to reach the value.")] = None,
    ramp_rate_w_per_s: Annotated[WattsPerSecond | None, Arg(
        "How fast the whole group changes its power, instead of `ramp_s`.", least=0.01)] = None,
    randomize_s: Annotated[Seconds, Arg(
        "Spread start and end by up to so much.", least=-HOUR_S, most=HOUR_S)] = 0,
    per_device: Annotated[bool, Arg(
        "Give each device its own share, in proportion to its headroom.")] = False,
    policy: Annotated[str, Arg(
        "How a per-device order is shared: in proportion to headroom or rating, so that states of charge "
        "become equal, in turn, or tier by tier.", choices=tuple(POLICIES))] = "headroom",
    reason: Reason = "",
    dry_run: DryRun = False,
) -> CreatedOrder | WaitingApproval:
    """Order one quantity of a virtual DER. Power is positive for injection, active and reactive.

    An order that would break an import or export limit over its members is clipped, and it is said by how
    much; an administrator may override that. One of more power than a person may order alone waits for
    somebody else's approval (see `approval`).
    """
    quantity, value = single_quantity({
        "watts": delta_w, "target": target_w, "percent": percent, "limit": limit_percent,
        "limit_watts": limit_w, "connect": connect, "energize": energize,
        REACTIVE: reactive_var, POWER_FACTOR: _excited(power_factor, excitation),
    }, names=_QUANTITY_ARGUMENTS)
    return ordercreation.create_order(
        OrderRequest(
            vder=vder,
            quantity=quantity,
            value=value,
            duration_s=duration_s,
            start=start,
            addressing=DEVICE if per_device else BROADCAST,
            ramp_s=ramp_s,
            ramp_rate_w_per_s=ramp_rate_w_per_s,
            randomize_s=randomize_s,
            policy=policy,
            reason=reason,
            dry_run=dry_run,
        ),
        partial(progress.report, "publishing controls"),
    )


def _excited(power_factor: float | None, excitation: str | None) -> float | None:
    """A power factor, negative where it is under-excited. Refused (400) where one is given without the
    other; a power factor of 1 is neither."""
    if power_factor is None and excitation is not None:
        raise BadArgument("excitation", "it says something of a power factor: give `power_factor`")
    if power_factor is None or power_factor == 1:
        return power_factor
    if excitation is None:
        raise BadArgument("excitation", "is the power factor over (injecting vars) or under (absorbing)?")
    return -power_factor if excitation == "under" else power_factor


@dispatch.operation("override", role=Role.ADMINISTRATOR, in_parts=True, power=_of_override)
def override(
    order: OrderNumber,
    *,
    reason: Reason = "",
    dry_run: DryRun = False,
) -> CreatedOrder | WaitingApproval:
    """Order all that was asked by an order which limits of virtual DERs have clipped, over these limits. It
    needs a reason."""
    return orderoverride.override_order(
        order, reason, dry_run, partial(progress.report, "publishing controls"))


@dispatch.operation("list", role=Role.VIEWER, in_subtree=True)
def list_orders(
    vder: OptionalVder = None,
    *,
    plans: Annotated[bool, Arg("Also those that plans have made.")] = False,
    limit: Annotated[int, Arg("How many at most.", least=1)] = 100,
) -> list[OrderSummary]:
    """List orders, of a virtual DER and those below it or of all, newest first."""
    return orders.list_orders(vder, plans, limit)


@dispatch.operation("show", role=Role.VIEWER, in_subtree=True)
def show(order: OrderNumber) -> OrderDetail:
    """Show an order: who received, started, completed, opted out or did not answer, and what was delivered of
    what was asked, as reports have it."""
    return orderprogress.show(order)


@dispatch.operation("shares", role=Role.VIEWER, in_subtree=True)
def shares(order: OrderNumber) -> Pages[RecordedShare]:
    """List the share of each device of an order, the control that carries it, and why."""
    return orders.list_shares(order)


@dispatch.operation("extend", role=Role.OPERATOR, in_parts=True, in_subtree=True,
                    power=orderedpower.of_recorded)
def extend(
    order: OrderNumber,
    *,
    duration_s: Annotated[Seconds, Arg("How much longer.", option="by")],
    reason: Reason = "",
) -> OrderSummary | WaitingApproval:
    """Extend an order: the same is ordered again, from its end on."""
    return orderchanges.extend(order, duration_s, reason)


@dispatch.operation("cancel", role=Role.OPERATOR, in_parts=True, in_subtree=True)
def cancel(
    order: OrderNumber,
    *,
    at: CancelAt = None,
    randomized: Randomized = False,
    reason: CancelReason = None,
) -> OrderSummary:
    """Cancel an order."""
    return orderchanges.cancel(order, at, randomized, reason)
