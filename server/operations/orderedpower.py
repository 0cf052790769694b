"""The power that operations would order, in W, for whether somebody else has to approve it."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from server.devices import enrolment
from server.grid.dispatch.results import CreatedOrder
from server.grid.groups import powerlimits, virtualders
from server.models import Membership, VirtualDER
from server.resources import sql
from server.units import Watts

# Of these it is reckoned by how much injection changes. What members make of a limit, a part of their rating
# or a switch depends on what they do by themselves: it counts as all that they can do.
_RECKONED = ("watts", "target")
_CHANGE = "SELECT sum(coalesce(planned_w, 0) - coalesce(baseline_w, 0)) FROM share WHERE order_id = ?"


def of_created(created: CreatedOrder) -> tuple[VirtualDER, Watts]:
    """By how much an order that was tried would change the injection of its virtual DER."""
    vder = virtualders.find(created["vder"])
    if created["quantity"] not in _RECKONED:
        return vder, rated_w(vder)
    return vder, abs((created["planned_w"] or 0.0) - created["baseline_w"])


def of_recorded(values: Mapping[str, Any]) -> tuple[VirtualDER, Watts]:
    """By how much the order of a number changes the injection of its virtual DER."""
    from server.grid.dispatch import orders  # of which `vder list` has no need
    order = orders.find_order(values["order"])
    if order.quantity not in _RECKONED:
        return order.vder, rated_w(order.vder)
    return order.vder, abs(sql.row(_CHANGE, order.id)[0] or 0.0)


def of_control(values: Mapping[str, Any]) -> tuple[VirtualDER, Watts]:
    """The ratings of a virtual DER: what members make of a control in the standard's own modes is up to
    them."""
    vder = virtualders.find(values["vder"])
    return vder, rated_w(vder)


def of_default(values: Mapping[str, Any]) -> tuple[VirtualDER, Watts] | None:
    """Likewise what members make of a default; None where it is only shown."""
    return of_control(values) if values.get("modes") or values.get("also") or values.get("clear") else None


def of_grant(values: Mapping[str, Any]) -> tuple[VirtualDER, Watts] | None:
    """What a device is granted, and of the virtual DERs that it is in the one with the least limit; None
    where it is in none."""
    device = enrolment.find(values["device"])
    vders = list(VirtualDER.select().join(Membership).where(Membership.device == device))
    if not vders:
        return None
    return min(vders, key=lambda vder: (powerlimits.of(vder), -vder.id)), abs(values["charge_w"])


def rated_w(vder: VirtualDER) -> Watts:
    """The greater of what the members of a virtual DER can inject and absorb together."""
    from server.grid.flexibility import capability  # much else, which nobody needs without a limit
    known = capability.capability(vder)
    return max(known["rated_inject_w"], known["rated_absorb_w"])
