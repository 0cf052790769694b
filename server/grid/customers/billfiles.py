"""Bills of customers from a CSV file: a line for each reading, charge or sum of a period. Pure.

The first line names the columns. `device` or `vder` says whose it is, `start` and `end` the period. A line
with `bill` or `last_bill` states the sums of that BillingPeriod; one with `value` or `charge` a reading of
it: what was billed (history, the default), is expected (projection) or aimed at (target). Lines of one
reading, block and tier add their charges. Money is in the account's currency, values in `unit`.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal
from typing import Any, NamedTuple

from server.grid.customers import quantities
from server.grid.series import localtimes
from server.resources import csvlines
from server.resources.codes import ChargeKind
from server.units import Instant

REQUIRED = ("start", "end")
READINGS: Mapping[str, str] = {"history": "HistoricalReading", "projection": "ProjectionReading",
                               "target": "TargetReading"}
CHARGES: Mapping[str, int] = {kind.name.lower(): kind.value for kind in ChargeKind}
MOST_BLOCKS, MOST_TIERS = 16, 15
_ACCOUNT = {"account": 42, "customer": 42, "currency": 9}  # with the most characters
_AGREEMENT = {"agreement": 42, "location": 42, "tariff": 64}
OPTIONAL = ("device", "vder", *_ACCOUNT, *_AGREEMENT, "bill", "last_bill", "reading", "quantity", "unit",
            "direction", "block", "tier", "value", "charge", "charge_kind", "charge_text")
Period = tuple[Instant, Instant]  # from the start to the end, which is not part of it


class Charge(NamedTuple):
    """A charge of a reading: money, its kind (ChargeKind) and what it is for."""
    amount: Decimal
    kind: int
    text: str


@dataclass
class BilledReading:
    """A value of one block and tier, in its unit (None: not stated), and its charges."""
    position: str
    value: Decimal | None = None
    charges: list[Charge] = field(default_factory=list)


@dataclass
class Quantity:
    """What is read of one kind, unit and direction: by period, and in it by block and tier."""
    position: str
    unit: str
    direction: str
    sets: dict[Period, dict[tuple[int, int], BilledReading]] = field(default_factory=dict)


@dataclass
class Sums:
    """The sums of a billing period; None: not stated."""
    position: str
    bill: Decimal | None = None
    last_bill: Decimal | None = None


@dataclass
class Agreement:
    """What a file says of one agreement: `stated` has location and tariff where they are, `quantities` are by
    the element of the reading and its description."""
    position: str
    stated: dict[str, str] = field(default_factory=dict)
    periods: dict[Period, Sums] = field(default_factory=dict)
    quantities: dict[tuple[str, str], Quantity] = field(default_factory=dict)


@dataclass
class Account:
    """What a file says of one account: `stated` has customer and currency where they are; agreements are by
    their number."""
    position: str
    stated: dict[str, str] = field(default_factory=dict)
    agreements: dict[str, Agreement] = field(default_factory=dict)
    amounts: list[tuple[str, Decimal]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many readings and sums it has."""
        return sum(len(agreement.periods) + sum(len(of_set) for quantity in agreement.quantities.values()
                                                for of_set in quantity.sets.values())
                   for agreement in self.agreements.values())


class Owner(NamedTuple):
    """Whose an account is, as the file names it: a device, or a virtual DER."""
    device: str
    vder: str


Accounts = dict[tuple[Owner, str], Account]


class _Line(NamedTuple):
    position: str
    cells: Mapping[str, str]
    decimal_comma: bool
    zone: tzinfo

    def text(self, column: str) -> str:
        return self.cells.get(column, "")

    def refuse(self, column: str, reason: str) -> Any:
        csvlines.refuse(f"{self.position}, {column}", reason)

    def number(self, column: str) -> Decimal | None:
        value = csvlines.number(self.text(column), f"{self.position}, {column}", self.decimal_comma)
        return None if value is None else Decimal(repr(value))

    def whole(self, column: str, most: int) -> int:
        text = self.text(column)
        if text and not (text.isascii() and text.isdigit() and int(text) <= most):
            self.refuse(column, f"{text!r} is not a whole number from 0 to {most}")
        return int(text or 0)

    def choice(self, column: str, choices: Mapping[str, Any], default: str) -> str:
        text = self.text(column) or default
        if text not in choices:
            self.refuse(column, f"{text!r} is not one of {', '.join(choices)}")
        return text

    def instant(self, column: str) -> Instant:
        time = localtimes.parse(self.text(column), self.zone, f"{self.position}, {column}")
        return localtimes.single(time, self.zone)


def read(text: str, source: str, zone: tzinfo) -> tuple[Accounts, int]:
    """Return the accounts in a CSV text, and how many lines it has. Times without offset are local ones of
    `zone`. Refused (400) with the line, the column and the reason."""
    table = csvlines.table(text, source, REQUIRED, OPTIONAL)
    accounts: Accounts = {}
    for position, cells in table.rows:
        _add(accounts, _Line(position, cells, table.decimal_comma, zone))
    if not table.rows:
        csvlines.refuse(source, "it has no lines but the first; write one for each reading, charge or period")
    return accounts, len(table.rows)


def _add(accounts: Accounts, line: _Line) -> None:
    owner = Owner(line.text("device"), line.text("vder"))
    if bool(owner.device) == bool(owner.vder):
        line.refuse("device", "name either a device or, in the column vder, a virtual DER")
    for column, most in {**_ACCOUNT, **_AGREEMENT, "quantity": 32, "charge_text": 20}.items():
        if len(line.text(column)) > most:
            line.refuse(column, f"it has {len(line.text(column))} characters; {most} are possible")
    account = accounts.setdefault((owner, line.text("account")), Account(line.position))
    _state(account, line, "customer", "currency")
    agreement = account.agreements.setdefault(line.text("agreement"), Agreement(line.position))
    _state(agreement, line, "location", "tariff")
    period = line.instant("start"), line.instant("end")
    if period[1] <= period[0]:
        line.refuse("end", "it is not after the start; the end is not part of the period: a month ends on "
                           "the first of the next")
    sums = {column: line.number(column) for column in ("bill", "last_bill")}
    value, charge = line.number("value"), line.number("charge")
    if all(number is None for number in (*sums.values(), value, charge)):
        line.refuse("value", "the line states none of bill, last_bill, value and charge")
    account.amounts += [(f"{line.position}, {column}", number)
                        for column, number in (*sums.items(), ("charge", charge)) if number is not None]
    _add_sums(agreement, line, period, sums)
    if value is not None or charge is not None:
        _add_reading(agreement, line, period, value, charge)


def _state(item: Account | Agreement, line: _Line, *columns: str) -> None:
    """Take what a line states of an account or agreement, which is the same in all of its lines."""
    for column in columns:
        text = line.text(column)
        if text and item.stated.setdefault(column, text) != text:
            line.refuse(column, f"it is {text!r}, and {item.stated[column]!r} in a line before")


def _add_sums(agreement: Agreement, line: _Line, period: Period, sums: Mapping[str, Decimal | None]) -> None:
    for column, number in sums.items():
        if number is None:
            continue
        of_period = agreement.periods.setdefault(period, Sums(line.position))
        before = getattr(of_period, column)
        if before not in (None, number):
            line.refuse(column, f"it is {number}, and {before} in a line before of the same period")
        setattr(of_period, column, number)


def _add_reading(
    agreement: Agreement, line: _Line, period: Period, value: Decimal | None, charge: Decimal | None
) -> None:
    unit = line.choice("unit", quantities.UNITS, "kWh")
    direction = line.choice("direction", quantities.DIRECTIONS, "delivered")
    kind = READINGS[line.choice("reading", READINGS, "history")]
    noun = quantities.UNITS[unit].noun
    name = line.text("quantity") or (noun if direction == "delivered" else f"{noun} received")
    quantity = agreement.quantities.setdefault((kind, name), Quantity(line.position, unit, direction))
    if (quantity.unit, quantity.direction) != (unit, direction):
        line.refuse("unit", f"{name} is in {unit} {direction}, and in {quantity.unit} {quantity.direction} "
                            "in a line before; give one of them another name in the "
                            "column quantity")
    key = line.whole("block", MOST_BLOCKS), line.whole("tier", MOST_TIERS)
    reading = quantity.sets.setdefault(period, {}).setdefault(key, BilledReading(line.position))
    if value is not None and reading.value not in (None, value):
        line.refuse("value", f"it is {value}, and {reading.value} in a line before of the same reading")
    reading.value = reading.value if value is None else value
    if charge is not None:
        reading.charges.append(Charge(charge, CHARGES[line.choice("charge_kind", CHARGES, "consumption")],
                                      line.text("charge_text")))
