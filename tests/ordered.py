"""An order on a virtual DER, in one line of a test."""
from __future__ import annotations

from typing import Any

from server.grid.dispatch import ordercreation
from server.grid.dispatch.allocation import QUANTITIES
from server.grid.dispatch.orderrequest import OrderRequest, single_quantity
from server.grid.dispatch.orderwork import Progress


def create_order(
    vder: str,
    duration_s: int,
    start: int | None = None,
    *,
    ramp: float | None = None,
    randomize: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Order one of the quantities (`watts=1000`, `limit=50`, ...) of a virtual DER."""
    quantity, value = single_quantity({name: options.pop(name, None) for name in QUANTITIES})
    request = OrderRequest(
        vder=vder,
        quantity=quantity,
        value=value,
        duration_s=duration_s,
        start=start,
        ramp_s=ramp,
        randomize_s=randomize,
        **options,
    )
    return ordercreation.create_order(request, progress)
