"""Pricing: a tariff has its components, its counts of tiers and blocks are right, and prices that are
published stay (IEEE 2030.5-2018, 10.5).

A TariffProfile comes with the two RateComponents that it must have, of energy delivered and received
(10.5.3.2); each has a ReadingType of its own, which says what a price is for. Its numberOfTouTiers and
numberOfConsumptionBlocks are raised to the greatest that were ever used.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from server.devices import enrolment
from server.errors import Refused
from server.resources import documents, retrieve, store, table
from server.resources.codes import (Commodity, CostKind, FlowDirection, ReadingKind, RoleFlags, ServiceKind,
                                    Uom)
from server.resources.hooks import Change, after, after_all, before
from server.resources.quantities import FULL, MAX_CONSUMPTION_BLOCK, MAX_TOU_TIER
from server.units import Href

Data = dict[str, Any]
TIERS, BLOCKS = "numberOfTouTiers", "numberOfConsumptionBlocks"
KILO = 3  # powerOfTenMultiplier of a ReadingType in kWh
_FLOW_LIMITS = ("flowRateStartLimit", "flowRateEndLimit")
# What prices of a service are for; of other services a ReadingType says the direction alone.
_SOLD: dict[int, Data] = {
    ServiceKind.ELECTRICITY: {"commodity": Commodity.ELECTRICITY_SECONDARY, "kind": ReadingKind.ENERGY,
                              "powerOfTenMultiplier": KILO, "uom": Uom.WH},
    ServiceKind.GAS: {"commodity": Commodity.NATURAL_GAS, "uom": Uom.CUBIC_METRES},
    ServiceKind.WATER: {"commodity": Commodity.POTABLE_WATER, "uom": Uom.CUBIC_METRES},
}
_DIRECTIONS = {FlowDirection.FORWARD: "delivered", FlowDirection.REVERSE: "received"}


# --- tariffs and their components -----------------------------------------------------------------

@after("POST", "TariffProfile")
@after("PUT", "TariffProfile")
def _add_components(change: Change) -> None:
    """Give a new tariff its components, of energy delivered and received."""
    if change.old is not None:
        return
    sold = _SOLD.get(change.data["serviceCategoryKind"], {})
    for direction, description in _DIRECTIONS.items():
        component = store.add("RateComponent", f"{change.href}/rc", {
            "description": description, "roleFlags": f"{RoleFlags.PREMISES:04X}"})
        store.put(f"{component}/rt", {**sold, "flowDirection": direction})


@before("POST", "RateComponent")
@before("PUT", "RateComponent")
def _check_flow_limits(change: Change) -> None:
    """Refuse (400) one limit without the other, and an end below the start."""
    missing = [name for name in _FLOW_LIMITS if name not in change.data]
    if len(missing) == 1:
        raise Refused(400, f"RateComponent/{missing[0]}: it is missing; the two limits are there together or "
                           "not at all")
    if not missing:
        start, end = (change.data[name] for name in _FLOW_LIMITS)
        if start["unit"] == end["unit"] and _value(end) < _value(start):
            raise Refused(400, "RateComponent/flowRateEndLimit: it is below flowRateStartLimit")


def _value(limit: Data) -> float:
    return float(limit["value"] * 10.0 ** limit["multiplier"])


@after("DELETE", "RateComponent")
def _keep_directions(change: Change) -> None:
    _check_directions(table.parent(change.href))


@after("PUT", "ReadingType")
def _check_reading_type(change: Change) -> None:
    """Refuse (400) a ReadingType of a RateComponent with fewer tiers or blocks than have been used."""
    match = table.match(change.href)
    if match is None or match.row.name != "RateComponentReadingType" or change.old is None:
        return
    for name in (TIERS, BLOCKS):
        used = change.old.get(name, 0)
        if change.data.get(name, 0) < used:
            raise Refused(400, f"ReadingType/{name}: {used} have been used; it never falls")
    _check_directions(table.parent(table.parent(change.href)))


def _check_directions(components: Href) -> None:
    """Refuse (409) a tariff without a component of either direction (10.5.3.2)."""
    hrefs = [f"{component.href}/rt" for component in store.items(components)]
    present = {(document.submitted or {}).get("flowDirection") for document in documents.among("href", hrefs)}
    for direction, description in _DIRECTIONS.items():
        if direction not in present:
            raise Refused(409, f"{components}: a tariff has a RateComponent for energy {description} "
                               f"(flowDirection {direction:d}); give another one that direction first")


# --- intervals and prices -------------------------------------------------------------------------

@before("POST", "TimeTariffInterval")
@before("PUT", "TimeTariffInterval")
def _check_tier(change: Change) -> None:
    tier = change.data["touTier"]
    if tier > MAX_TOU_TIER:
        raise Refused(400, f"TimeTariffInterval/touTier: {tier} is reserved; 0 to {MAX_TOU_TIER} are "
                           "possible")


@after_all("POST", "TimeTariffInterval")
@after_all("PUT", "TimeTariffInterval")
def _count_tiers(changes: list[Change]) -> None:
    _raise_counts(TIERS, ((table.parent(table.parent(change.href)), change.data["touTier"])
                          for change in changes))


@before("POST", "ConsumptionTariffInterval")
@before("PUT", "ConsumptionTariffInterval")
def _check_block(change: Change) -> None:
    """Refuse (400) what is reserved or impossible."""
    block = change.data["consumptionBlock"]
    if block > MAX_CONSUMPTION_BLOCK:
        raise Refused(400, f"ConsumptionTariffInterval/consumptionBlock: {block} is reserved; 0 to "
                           f"{MAX_CONSUMPTION_BLOCK} are possible")
    for cost in change.data.get("EnvironmentalCost", ()):
        for fault in _cost_faults(cost):
            raise Refused(400, f"ConsumptionTariffInterval/EnvironmentalCost/{fault}")


def _cost_faults(cost: Data) -> Iterator[str]:
    """Yield what is wrong with an EnvironmentalCost. Pure."""
    kind, level, levels = cost["costKind"], cost["costLevel"], cost["numCostLevels"]
    if kind not in [*CostKind]:
        yield f"costKind: {kind} is reserved; 0 to {max(CostKind):d} are possible"
    if level >= levels:
        yield f"costLevel: {level}, and there are {levels} levels (numCostLevels), from 0 on"
    if kind == CostKind.RENEWABLE_GENERATION and cost["amount"] > FULL // 100:
        yield f"amount: {cost['amount']} %, of which at most 100 can be renewable"


@after_all("POST", "ConsumptionTariffInterval")
@after_all("PUT", "ConsumptionTariffInterval")
def _check_blocks(changes: list[Change]) -> None:
    """Refuse (400) blocks of an interval of which the first does not begin at 0, or a next one not above the
    one before."""
    blocks: dict[Href, list[Data]] = defaultdict(list)
    for document in documents.among("parent", {table.parent(change.href) for change in changes}):
        blocks[document.parent].append(document.submitted)
    for of_interval in blocks.values():
        of_interval.sort(key=lambda block: (block["startValue"], block["consumptionBlock"]))
        first = of_interval[0]["startValue"]
        if first:
            raise Refused(400, f"ConsumptionTariffInterval/startValue: it is {first}, and the first is 0")
        for lower, upper in pairwise(of_interval):
            for name in ("startValue", "consumptionBlock"):
                if upper[name] <= lower[name]:
                    raise Refused(400, f"ConsumptionTariffInterval/{name}: it is {upper[name]} after "
                                       f"{lower[name]}; startValue and consumptionBlock rise together")
    _raise_counts(BLOCKS, ((list_href.rsplit("/", 3)[0], max(1, of_interval[-1]["consumptionBlock"]))
                           for list_href, of_interval in blocks.items()))


def _raise_counts(name: str, used: Iterable[tuple[Href, int]]) -> None:
    """Raise a count in the ReadingTypes of components, by their hrefs, to what is used."""
    greatest: dict[Href, int] = {}
    for component, count in used:
        greatest[f"{component}/rt"] = max(greatest.get(f"{component}/rt", 0), count)
    store.put_all({document.href: {**(document.submitted or {}), name: greatest[document.href]}
                   for document in documents.among("href", greatest)
                   if (document.submitted or {}).get(name, 0) < greatest[document.href]})


# --- what devices submit --------------------------------------------------------------------------

@before("POST", "PriceResponseCfg")
@before("PUT", "PriceResponseCfg")
def _check_price_response(change: Change) -> None:
    """Refuse (400) thresholds for a component that the device does not see, and such that contradict each
    other. A second POST for a component updates the first."""
    href = change.data["RateComponentLink"]["href"]
    lfdi = change.audience or ""
    component = retrieve.single(href, lfdi)
    if component is None or component.kind != "RateComponent":
        raise Refused(400, f"PriceResponseCfg/RateComponentLink: there is no RateComponent {href} for {lfdi}")
    consume, reduce = change.data["consumeThreshold"], change.data["maxReductionThreshold"]
    if consume > reduce:
        raise Refused(400, f"PriceResponseCfg/consumeThreshold: {consume} is above maxReductionThreshold, "
                           f"{reduce}; between them the device would do both")
    if change.method == "POST":
        device = enrolment.find(lfdi)
        for earlier in documents.own(f"{enrolment.href(device)}/cfg/prcfg", lfdi):
            if earlier.submitted["RateComponentLink"]["href"] == href:
                change.href, change.old = earlier.href, earlier.submitted
