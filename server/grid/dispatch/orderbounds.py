"""What orders can promise of a virtual DER: the bounds of its injection, by the orders themselves.

They are what an order to each device, of more or of less than anybody could do, comes to: by set points,
cars, thermal loads and businesses, within limits. Injection is positive, in W.
"""
from __future__ import annotations

from server import clock
from server.errors import Refused
from server.grid.dispatch import orderplanning
from server.grid.dispatch.allocation import DEVICE
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.dispatch.results import OrderBounds
from server.grid.groups import virtualders
from server.models import VirtualDER
from server.units import Hours, Watts

_BEYOND_W = 1e6  # beyond the ratings, for members that report none


def bounds(vder: str | int | VirtualDER, rated_w: Watts, hours: Hours = 1.0) -> OrderBounds:
    """Return what an order of so many hours from now on can promise. `rated_w` is at least the sum of the
    ratings."""
    target = virtualders.find(vder)
    found: list[Watts | None] = []
    limits: list[str] = []
    requests = [OrderRequest(vder=target, quantity="target", value=beyond_w, duration_s=round(hours * 3600),
                             start=clock.now(), addressing=DEVICE)
                for beyond_w in (-2 * rated_w - _BEYOND_W, 2 * rated_w + _BEYOND_W)]
    known = orderplanning.present(requests[0])
    for request in requests:
        try:
            planned = orderplanning.plan(request, known)
        except Refused as refused:
            found.append(None)
            limits.append(refused.why)
        else:
            found.append(planned.planned_w)
            limits += [planned.limited.limit] if planned.limited.limit else []
    return {"low_w": found[0], "high_w": found[1], "limits": list(dict.fromkeys(limits))}
