"""An order that limits have clipped, ordered in full by an administrator."""
from __future__ import annotations

from server import actors, clock
from server.errors import BadArgument, Refused
from server.grid.dispatch.ordercreation import create_order
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.dispatch.orders import ACTIVE, SCHEDULED, find_order, status_of
from server.grid.dispatch.orderwork import Progress
from server.grid.dispatch.results import CreatedOrder


def override_order(
    number: int, reason: str, dry_run: bool = False, progress: Progress | None = None
) -> CreatedOrder:
    """Order again, from now on, all that was asked by an order which limits have clipped, over these limits.

    Refused (400) without a reason, which a dry run needs not, (409) where the order was not clipped, or is
    over or cancelled.
    """
    order, actor = find_order(number), actors.actor()
    if not (dry_run or reason.strip() or (actor.reason.strip() if actor else "")):
        raise BadArgument("reason", "say why the limits are overridden")
    if not order.clipped_w or order.asked is None:
        raise Refused(409, f"order {number} was not clipped by a limit")
    status = status_of(order)
    if status not in (SCHEDULED, ACTIVE):
        raise Refused(409, f"order {number} is {status}")
    start, end = max(order.start, clock.now()), order.start + order.duration_s
    request = OrderRequest.again(order, start, end - start, reason, dry_run=dry_run, override=True)
    return create_order(request, progress)
