"""What a number or text means, as a type: aliases that carry unit and sign.

Arguments and results of operations are annotated with them, so that tables, JSON, help texts and forms are
made from one declaration. For the type checker each is the plain type.

    class OrderRow(TypedDict):
        start: Instant
        injection_w: Watts | None
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any


@dataclass(frozen=True)
class Meaning:
    """What the values of a type are: the unit as it is printed, and a sentence for people."""
    unit: str
    help: str


Instant = Annotated[int, Meaning("instant", "seconds since 1970, UTC")]
Seconds = Annotated[int, Meaning("s", "whole seconds")]
SecondsExact = Annotated[float, Meaning("s", "seconds, with their fraction")]
Watts = Annotated[float, Meaning("W", "power; the name says the sign")]
Vars = Annotated[float, Meaning("var", "reactive power; injected (over-excited) is positive")]
WattsPerSecond = Annotated[float, Meaning("W/s", "how fast power changes; a magnitude")]
WattHours = Annotated[float, Meaning("Wh", "energy; the name says the sign")]
KilowattHours = Annotated[float, Meaning("kWh", "energy; the name says the sign")]
Percent = Annotated[float, Meaning("%", "percent")]
Fraction = Annotated[float, Meaning("1", "a part of the whole, 0 to 1")]
Quantity = Annotated[str, Meaning("quantity", "a number, with its unit where it has one: 5kW")]
Hours = Annotated[float, Meaning("h", "hours")]
Day = Annotated[date, Meaning("date", "a local day, such as 2026-11-26")]
Month = Annotated[date, Meaning("month", "a local month, such as 2026-11")]
Lfdi = Annotated[str, Meaning("LFDI", "40 hexadecimal digits")]
Href = Annotated[str, Meaning("href", "the path of a resource")]
Xml = Annotated[str, Meaning("XML", "a document as devices read it")]
Elements = Annotated[dict[str, Any], Meaning("elements", "a type of the standard, by its element names")]

# How names end that carry a unit. Tables show the unit instead, options leave it out.
SUFFIXES: Mapping[str, str] = {
    "W/s": "_w_per_s", "%": "_percent", "kWh": "_kwh", "Wh": "_wh", "instant": "_at", "W": "_w",
    "var": "_var", "s": "_s", "h": "_h"}
