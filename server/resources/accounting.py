"""Amounts of accounts, and how good a credit is (IEEE 2030.5-2018, 10.8: AccountingUnit, CreditStatus). Pure.

An AccountingUnit is an amount of money or, where it has an energyUnit, of energy; `multiplier` is its decimal
exponent. Amounts of one account have one currency and one energyUnit; their multipliers may differ.
"""
from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from server.errors import Refused
from server.resources.codes import CreditStatus, CreditType

Amount = Mapping[str, Any]
MULTIPLIERS = range(-9, 10)
NOTHING = Decimal(0)
LEVELS = ("creditExpiryLevel", "lowCreditWarningLevel", "lowEmergencyCreditWarningLevel")
CREDITS = ("availableCredit", "emergencyCredit")
_INT32 = range(-2 ** 31, 2 ** 31)


class AccountUnit(NamedTuple):
    """What amounts count: the currency (ISO 4217), and the energy in Wh of each, None for money."""
    currency: int
    energy_wh: Decimal | None

    def __str__(self) -> str:
        return f"currency {self.currency}" + ("" if self.energy_wh is None else
                                              f", energyUnit {self.energy_wh.normalize():f} Wh")


class Credit(NamedTuple):
    """The credit of an account: regular, and for when that is used up (None: there is none)."""
    regular: Decimal
    emergency: Decimal | None


class Levels(NamedTuple):
    """The levels of a Prepayment: regular credit at which supply may change, and at which credit is low."""
    expiry: Decimal = NOTHING
    low: Decimal | None = None
    low_emergency: Decimal | None = None


def unit(amount: Amount) -> AccountUnit:
    """Return what an amount counts."""
    energy = amount.get("energyUnit")
    return AccountUnit(amount["monetaryUnit"],
                None if energy is None else scaled(energy["value"], energy.get("multiplier", 0)))


def scaled(value: int, multiplier: int) -> Decimal:
    """Return value times ten to the multiplier."""
    return Decimal(value).scaleb(multiplier)


def size(amount: Amount) -> Decimal:
    """Return how much an amount is, in its unit."""
    return scaled(amount["value"], amount["multiplier"])


def levels(prepayment: Mapping[str, Any]) -> Levels:
    """Return the levels of a Prepayment."""
    sizes = [size(prepayment[key]) if key in prepayment else None for key in LEVELS]
    return Levels(NOTHING if sizes[0] is None else sizes[0], *sizes[1:])


def credit(balance: Mapping[str, Any] | None) -> Credit | None:
    """Return the credit of an AccountBalance; None where nothing was said of it."""
    if not balance:
        return None
    available, emergency = (balance.get(key) for key in CREDITS)
    assert available is not None
    return Credit(size(available), None if emergency is None else size(emergency))


def amount(number: Decimal, like: Amount, least: int | None = None) -> dict[str, Any]:
    """Return an amount of this size in the unit of another.

    It has the other's multiplier, or a finer one that it needs (down to `least`), or one so coarse that the
    value fits. Refused (409) where none is exact.
    """
    begin = min(like["multiplier"], like["multiplier"] if least is None else least)
    for multiplier in (like["multiplier"], *range(like["multiplier"] - 1, begin - 1, -1),
                       *range(like["multiplier"] + 1, MULTIPLIERS.stop)):
        value = number.scaleb(-multiplier)
        if value == value.to_integral_value() and int(value) in _INT32:
            return {**like, "multiplier": multiplier, "value": int(value)}
    raise Refused(409, f"{number} does not fit into a value of 32 bits; keep the account with a greater "
                       "multiplier")


def status(credit: Decimal, expiry: Decimal = NOTHING, low: Decimal | None = None) -> CreditStatus:
    """Return how good a credit is: negative below 0, else exhausted at the level where it expires, low at the
    level where it is warned of."""
    if credit < 0:
        return CreditStatus.NEGATIVE
    if credit <= expiry:
        return CreditStatus.EXHAUSTED
    return CreditStatus.LOW if low is not None and credit <= low else CreditStatus.OK


def is_spent(credit: Credit, levels: Levels) -> bool:
    """Return whether neither credit is left, so that supply may be cut."""
    return credit.regular <= levels.expiry and (credit.emergency is None or credit.emergency <= 0)


def in_use(credit: Credit, levels: Levels) -> CreditType:
    """Return which credit is being used."""
    if credit.regular > levels.expiry or credit.emergency is None or credit.emergency <= 0:
        return CreditType.REGULAR
    return CreditType.EMERGENCY


def credited(credit: Credit, change: Decimal, kind: CreditType, levels: Levels) -> Credit:
    """Return a credit after a change, which is a debit where it is negative.

    Of the types with two credits, what is added goes to the first. What is taken comes from the first as far
    as there is any (the regular one down to its expiry level), then from the second as far as there is any,
    and what is left over is owed by the regular credit.
    """
    emergency = credit.emergency
    if kind is CreditType.REGULAR or change >= 0 and kind is CreditType.REGULAR_THEN_EMERGENCY:
        return Credit(credit.regular + change, emergency)
    if kind is CreditType.EMERGENCY or change >= 0:
        return Credit(credit.regular, (emergency or NOTHING) + change)
    regular_left = max(credit.regular - levels.expiry, NOTHING)
    emergency_left = max(emergency or NOTHING, NOTHING)
    debit = -change
    if kind is CreditType.REGULAR_THEN_EMERGENCY:
        of_emergency = min(max(debit - regular_left, NOTHING), emergency_left)
    else:
        of_emergency = min(debit, emergency_left)
    return Credit(credit.regular - (debit - of_emergency),
                  emergency if emergency is None else emergency - of_emergency)
