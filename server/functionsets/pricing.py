"""Pricing: the checks of RateComponent and ConsumptionTariffInterval (IEEE 2030.5-2018, 10.5)."""
from __future__ import annotations

from server.errors import Refused
from server.resources import store, table
from server.resources.hooks import Change, after, before

_FLOW_LIMITS = ("flowRateStartLimit", "flowRateEndLimit")


@before("POST", "RateComponent")
@before("PUT", "RateComponent")
def _check_flow_limits(change: Change) -> None:
    """Refuse (400) one limit without the other."""
    missing = [name for name in _FLOW_LIMITS if name not in change.data]
    if len(missing) == 1:
        raise Refused(400, f"RateComponent/{missing[0]}: it is missing; the two limits are there together or "
                           "not at all")


@after("POST", "ConsumptionTariffInterval")
def _check_start_value(change: Change) -> None:
    """Refuse (400) a first block of a TimeTariffInterval that does not begin at 0, and a next one that does
    not begin above those before it."""
    others = [block.submitted["startValue"] for block in store.items(table.parent(change.href))
              if block.href != change.href]
    value, least = change.data["startValue"], max(others) + 1 if others else 0
    if value < least or not others and value:
        raise Refused(400, f"ConsumptionTariffInterval/startValue: it is {value}, and "
                           f"{f'{least} is the least after the others' if others else 'the first is 0'}")
