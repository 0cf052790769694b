"""Money and measured quantities: decimals as people write them, integers as the standard has them. Pure."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from server.resources.codes import AccumulationBehaviour, Commodity, FlowDirection, ReadingKind, Uom

SHOWN = 20  # credits of an account that are shown, the newest
FEWEST_DECIMALS, MOST_DECIMALS = 2, 9  # of the amounts of a new account; multipliers go down to -9
MOST = Decimal(10) ** 12  # of any amount or quantity; what is beyond is a typing error


class Unit(NamedTuple):
    """A unit of billed quantities: how many of the base unit `uom` it is, the multiplier of values in it, and
    what is counted."""
    uom: int
    factor: Decimal
    multiplier: int
    kind: int
    commodity: int
    noun: str


_ELECTRICITY, _GAS = Commodity.ELECTRICITY_SECONDARY, Commodity.NATURAL_GAS
UNITS: Mapping[str, Unit] = {
    **{f"{prefix}{symbol}": Unit(uom, Decimal(factor), 0, kind, _ELECTRICITY, noun)
       for prefix, factor in (("", 1), ("k", 1_000), ("M", 1_000_000))
       for symbol, uom, kind, noun in (("Wh", Uom.WH, ReadingKind.ENERGY, "Energy"),
                                       ("varh", Uom.VARH, ReadingKind.ENERGY, "Reactive energy"),
                                       ("W", Uom.W, ReadingKind.DEMAND, "Demand"))},
    "m3": Unit(Uom.CUBIC_METRES, Decimal(1), -3, 0, 0, "Volume"),
    "therm": Unit(Uom.THERM, Decimal(1), -3, ReadingKind.ENERGY, _GAS, "Gas")}
DIRECTIONS: Mapping[str, int] = {"delivered": FlowDirection.FORWARD, "received": FlowDirection.REVERSE}


def decimal(text: str) -> Decimal:
    """Return a number. ValueError where the text is none that can be."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError("is not a number such as 12.50") from None
    if not number.is_finite() or abs(number) > MOST:
        raise ValueError("is beyond any plausible size")
    return number


def decimals(numbers: Iterable[Decimal]) -> int:
    """Return how many decimals amounts have, at least FEWEST_DECIMALS."""
    most = max((-int(number.normalize().as_tuple().exponent) for number in numbers), default=0)
    return max(FEWEST_DECIMALS, most)


def integer(number: Decimal, multiplier: int, bits: int) -> int:
    """Return a number as an integer times ten to the multiplier. ValueError where it is none of so many
    bits."""
    value = number.scaleb(-multiplier)
    if value != value.to_integral_value():
        raise ValueError(f"has more than {max(-multiplier, 0)} decimals" if multiplier <= 0 else
                         f"is not a multiple of {10 ** multiplier}")
    if not -2 ** (bits - 1) <= value < 2 ** (bits - 1):
        raise ValueError(f"does not fit into {bits} bits with {max(-multiplier, 0)} decimals")
    return int(value)


def written(value: int | None, multiplier: int) -> str:
    """Return an integer times ten to the multiplier as people write it; "" for None."""
    return "" if value is None else f"{Decimal(value).scaleb(multiplier):f}"


def reading_type(unit: Unit, direction: int, blocks: int, tiers: int) -> dict[str, Any]:
    """Return the ReadingType of billed quantities."""
    accumulation = AccumulationBehaviour.INDICATING if unit.kind == ReadingKind.DEMAND else (
        AccumulationBehaviour.DELTA)
    return {"accumulationBehaviour": accumulation, "commodity": unit.commodity, "flowDirection": direction,
            "kind": unit.kind, "numberOfConsumptionBlocks": blocks, "numberOfTouTiers": tiers,
            "powerOfTenMultiplier": unit.multiplier, "uom": unit.uom}


def unit_of(uom: int) -> str:
    """Return the unit in which values of a ReadingType are shown to people."""
    return next((name for name, unit in UNITS.items() if unit.uom == uom), "")
