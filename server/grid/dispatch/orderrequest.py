"""What an operator orders of a virtual DER."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from server.errors import Refused
from server.grid.dispatch.allocation import BROADCAST, DispatchOptions
from server.grid.dispatch.sharing import HEADROOM
from server.models import VirtualDER
from server.units import Instant, Seconds, SecondsExact, WattsPerSecond


@dataclass(frozen=True, kw_only=True)
class OrderRequest:
    """An order: a `quantity` (one of `allocation.QUANTITIES` or `reactive.QUANTITIES`) and its `value`, in
    W, percent or var.

    It lasts `duration_s` from `start` (None: now) on. `addressing` is "broadcast" or "device", `policy` one
    of `sharing.POLICIES`. Devices reach their power in `ramp_s`, or in the time in which the group changes
    by `ramp_rate_w_per_s`; `randomize_s` (signed) spreads start and end.
    With `dry_run` the order is rolled back, and the result has its XML.
    """
    vder: str | int | VirtualDER
    quantity: str
    value: float
    duration_s: Seconds
    start: Instant | None = None
    addressing: str = BROADCAST
    policy: str = HEADROOM
    ramp_s: SecondsExact | None = None
    ramp_rate_w_per_s: WattsPerSecond | None = None
    randomize_s: Seconds = 0
    reason: str = ""
    dry_run: bool = False

    @property
    def options(self) -> DispatchOptions:
        return DispatchOptions(self.addressing, self.policy, max(self.duration_s, 1) / 3600)


def single_quantity(
    values: Mapping[str, float | bool | None], names: Mapping[str, str] | None = None
) -> tuple[str, float]:
    """Return the quantity that has a value, and its value.

    Refused (400) unless it is exactly one; the message calls quantities by `names`, where it has one.
    """
    specified = {name: float(value) for name, value in values.items() if value is not None}
    if len(specified) != 1:
        def listed(quantities: Iterable[str]) -> str:
            return ", ".join((names or {}).get(quantity, quantity) for quantity in quantities)

        raise Refused(400, f"specify exactly one of {listed(values)}; given: {listed(specified) or 'none'}")
    return next(iter(specified.items()))
