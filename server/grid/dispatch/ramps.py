"""Ramps of orders: how fast a group changes its power, as the time that each control gives its device. Pure.

All members take the same time, so that each changes in proportion to its share and the group as fast as was
ordered. The standard has the time in hundredths of a second, 16 bits of them (rampTms).
"""
from __future__ import annotations

from collections.abc import Mapping

from server.errors import Refused
from server.grid.dispatch import reactive
from server.grid.dispatch.allocation import GroupAllocation
from server.grid.dispatch.orderrequest import OrderRequest
from server.units import Lfdi, SecondsExact, WattsPerSecond

LONGEST_S = 655.35


def of_order(request: OrderRequest, allocated: GroupAllocation) -> SecondsExact | None:
    """Return the time of the ramp of an order; None where it asks for none. Refused (400) where it makes no
    sense."""
    if request.ramp_rate_w_per_s is None:
        return request.ramp_s
    if request.ramp_s is not None:
        raise Refused(400, "specify the time of a ramp or its rate, not both")
    if request.quantity in reactive.QUANTITIES:
        raise Refused(400, f"a ramp rate is of active power, not of {request.quantity}: specify its time")
    return ramp_s(allocated, request.ramp_rate_w_per_s)


def ramp_s(allocated: GroupAllocation, rate_w_per_s: WattsPerSecond) -> SecondsExact | None:
    """Return the time in which an allocation's members change their power, so that they do so at this rate
    together; None where nothing changes. Refused (400) where it is longer than a control can say."""
    change_w = abs(allocated.planned_w - allocated.baseline_w)
    duration_s = round(change_w / rate_w_per_s, 2)
    if duration_s > LONGEST_S:
        raise Refused(400, f"ramp rate {rate_w_per_s:g} W/s: {change_w:.0f} W would take {duration_s:.0f} s; "
                           f"a control can say {LONGEST_S} s at most, so {change_w / LONGEST_S:.1f} W/s")
    return duration_s or None


def warnings(
    allocated: GroupAllocation, duration_s: SecondsExact | None, gradient_w_per_s: Mapping[Lfdi, float]
) -> list[str]:
    """Return a warning where members, by what they report (setGradW), cannot change so fast."""
    slow_s = [
        change_w / gradient for part in allocated.parts
        if (change_w := abs(part.planned_w - part.baseline_w))
        and (gradient := gradient_w_per_s.get(part.member.lfdi))
        and change_w / gradient > (duration_s or 0.0) + 0.01
    ]
    if duration_s is None or not slow_s:
        return []
    return [f"{len(slow_s)} members are slower than the ramp of {duration_s:g} s: by their setGradW they "
            f"take up to {max(slow_s):.0f} s"]
