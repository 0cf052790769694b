"""What an operator orders of a virtual DER."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from server.errors import Refused
from server.grid.dispatch.allocation import BROADCAST, DispatchOptions
from server.grid.dispatch.sharing import HEADROOM
from server.models import DispatchOrder, VirtualDER
from server.units import Instant, Lfdi, Seconds, SecondsExact, Watts, WattsPerSecond


@dataclass(frozen=True, kw_only=True)
class OrderRequest:
    """An order: a `quantity` (one of `allocation.QUANTITIES` or `reactive.QUANTITIES`) and its `value`, in
    W, percent or var.

    It lasts `duration_s` from `start` (None: now) on. `addressing` is "broadcast" or "device", `policy` one
    of `sharing.POLICIES`. Devices reach their power in `ramp_s`, or in the time in which the group changes
    by `ramp_rate_w_per_s`; `randomize_s` (signed) spreads start and end.
    With `dry_run` the order is rolled back, and the result has its XML. With `override` it is not clipped to
    the limits of virtual DERs. `baselines` are what members inject without it where that is known from
    before, and not by their newest reading.
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
    override: bool = False
    baselines: Mapping[Lfdi, Watts] = field(default_factory=dict)

    @property
    def asked(self) -> dict[str, Any]:
        """What is kept of the request so that it can be made again (see `again`)."""
        return {"value": self.value, "policy": self.policy, "ramp_s": self.ramp_s,
                "ramp_rate_w_per_s": self.ramp_rate_w_per_s, "randomize_s": self.randomize_s,
                "override": self.override}

    @classmethod
    def again(
        cls, order: DispatchOrder, start: Instant, duration_s: Seconds, reason: str, **changes: Any
    ) -> Self:
        """Return the request of an order once more, for another time, with these changes."""
        assert order.asked is not None, order.id
        return cls(vder=order.vder, quantity=order.quantity, duration_s=duration_s, start=start,
                   addressing=order.addressing, reason=reason, **{**order.asked, **changes})

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
