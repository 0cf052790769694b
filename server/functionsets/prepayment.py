"""Prepayment: an account, its checks, and how its credit changes (IEEE 2030.5-2018, 10.8).

A CreditRegister changes the AccountBalance when it takes effect: at once, in the transaction that adds it, or
at its effectiveTime, when that is ahead. It does so once. Whoever removes it later takes nothing back: the
opposite amount does. An AccountBalance that the operator states takes the place of what was counted.

An AccountBalance or PrepayOperationStatus of which nothing has been said is not served: no credit of 0 and no
supply that is on would be true. creditStatus and emergencyCreditStatus follow from the levels of the
Prepayment. Whether supply is on is in `supply`.
"""
from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from server import clock
from server.errors import Refused
from server.resources import accounting, documents, sql, store, table
from server.resources.accounting import NOTHING, Amount, Credit
from server.resources.codes import CreditType, PrepayMode, ServiceStatus
from server.resources.hooks import Change, Derived, after, before, derived, due, rebuild
from server.units import Href

Data = dict[str, Any]
_STATUSES = ("creditStatus", "emergencyCreditStatus")


# --- checks ---------------------------------------------------------------------------------------

@before("POST", "Prepayment")
@before("PUT", "Prepayment")
def _check_prepayment(change: Change) -> None:
    _check_code("Prepayment/prepayMode", change.data["prepayMode"], PrepayMode)
    amounts = {f"Prepayment/{key}": change.data[key] for key in accounting.LEVELS if key in change.data}
    balance = store.get(f"{change.href}/ab") if change.href else None
    _check_units(amounts, _amounts(balance.submitted if balance else None))


@before("PUT", "AccountBalance")
def _check_balance(change: Change) -> None:
    """Refuse (400) what has another unit than the levels; settle what is due before, so that it is not added
    to what replaces it."""
    for key in _STATUSES:
        change.data.pop(key, None)  # they follow from the levels
    settle(table.parent(change.href))
    prepayment = store.get(table.parent(change.href))
    levels = prepayment.submitted if prepayment else {}
    _check_units({f"AccountBalance/{key}": amount for key, amount in _amounts(change.data).items()},
                 {f"Prepayment/{key}": levels[key] for key in accounting.LEVELS if key in levels})


@before("POST", "CreditRegister")
@before("PUT", "CreditRegister")
def _check_register(change: Change) -> None:
    """Refuse (400) an amount of another unit than the account's; (409) another one once it was added."""
    data, old = change.data, change.old
    _check_code("CreditRegister/creditType", data.get("creditType", CreditType.REGULAR), CreditType)
    if old is not None:
        for key in ("creditAmount", "creditType", "effectiveTime"):
            if data.get(key) != old.get(key):
                raise Refused(409, f"CreditRegister/{key}: it has been added to the account; "
                                   "add the difference by another CreditRegister")
    if not change.href:
        return  # a POST, which is checked against its list once it has an href
    _check_register_unit(change)


def _check_register_unit(change: Change) -> None:
    prepayment = table.parent(table.parent(change.href))
    known = _known_amounts(prepayment)
    _check_units({"CreditRegister/creditAmount": change.data["creditAmount"]}, known)


@before("PUT", "PrepayOperationStatus")
def _check_status(change: Change) -> None:
    data = change.data
    for path, code, codes in (
            ("serviceStatus", data["serviceStatus"], ServiceStatus),
            ("serviceChange/newStatus", data.get("serviceChange", {}).get("newStatus"), ServiceStatus),
            ("creditTypeInUse", data.get("creditTypeInUse"), CreditType),
            ("creditTypeChange/newType", data.get("creditTypeChange", {}).get("newType"), CreditType)):
        if code is not None:
            _check_code(f"PrepayOperationStatus/{path}", code, codes)


@before("POST", "SupplyInterruptionOverride")
@before("PUT", "SupplyInterruptionOverride")
def _check_override(change: Change) -> None:
    if not change.data["interval"]["duration"]:
        raise Refused(400, "SupplyInterruptionOverride/interval/duration: it is 0; state for how many "
                           "seconds supply is kept on")


def _check_code(path: str, code: int, codes: Any) -> None:
    if code not in [*codes]:
        raise Refused(400, f"{path}: {code} is reserved; 0 to {max(codes):d} are possible")


def _check_units(amounts: dict[str, Amount], known: dict[str, Amount]) -> None:
    """Refuse (400) an amount, by its path, that counts something else than those before it."""
    first: tuple[str, accounting.AccountUnit] | None = None
    for path, amount in (*known.items(), *amounts.items()):
        unit = accounting.unit(amount)
        if first is None:
            first = path, unit
        elif unit != first[1]:
            raise Refused(400, f"{path}: it is in {unit}, and {first[0]} in {first[1]}; an account "
                               "has one unit")


def _known_amounts(prepayment: Href) -> dict[str, Amount]:
    """Return the amounts of a Prepayment and of its AccountBalance, by their paths."""
    known: dict[str, Amount] = {}
    for document in documents.among("href", (prepayment, f"{prepayment}/ab")):
        content = document.submitted or {}
        known |= {f"{document.kind}/{key}": content[key]
                  for key in (*accounting.LEVELS, *accounting.CREDITS) if key in content}
    return known


def _amounts(balance: Data | None) -> dict[str, Amount]:
    return {key: balance[key] for key in accounting.CREDITS if key in balance} if balance else {}


# --- the account ----------------------------------------------------------------------------------

@after("POST", "CreditRegister")
@after("PUT", "CreditRegister")
def _register(change: Change) -> None:
    """Let a new CreditRegister change the balance, unless its time is still to come."""
    if change.old is not None:
        return
    _check_register_unit(change)
    prepayment = table.parent(table.parent(change.href))
    if change.data["effectiveTime"] <= clock.now():
        settle(prepayment)  # what was due before comes first
        _apply(prepayment, [change.data])
    else:
        store.touch(f"{prepayment}/ab")


@after("DELETE", "CreditRegister")
def _register_removed(change: Change) -> None:
    store.touch(f"{table.parent(table.parent(change.href))}/ab")


@due("CreditRegister", "AccountBalance")
def _settle_due(hrefs: list[Href]) -> None:
    for prepayment in {"/".join(href.split("/")[:3]) for href in hrefs}:
        settle(prepayment)


def settle(prepayment: Href) -> int:
    """Let the CreditRegisters of a Prepayment whose time has come change its balance, each once; return how
    many did."""
    rows = sql.rows("SELECT href, submitted FROM document WHERE parent = ? AND fresh_until <= ? "
                    "ORDER BY at, href", f"{prepayment}/cr", clock.now())
    if rows:
        sql.many("UPDATE document SET fresh_until = NULL WHERE href = ?", [(href,) for href, _ in rows])
        _apply(prepayment, [json.loads(submitted) for _, submitted in rows])
    return len(rows)


def _apply(prepayment: Href, registers: Iterable[Data]) -> None:
    document, owner = store.get(f"{prepayment}/ab"), store.get(prepayment)
    balance: Data = dict(document.submitted or {}) if document is not None else {}
    levels = accounting.levels(owner.submitted if owner is not None else {})
    for register in registers:
        change: Amount = register["creditAmount"]
        like: Amount = balance.get("availableCredit", change)
        finest: int = change["multiplier"]
        credit = accounting.credited(
            accounting.credit(balance) or Credit(NOTHING, None), accounting.size(change),
            CreditType(register.get("creditType", CreditType.REGULAR)), levels)
        balance["availableCredit"] = accounting.amount(credit.regular, like, finest)
        if credit.emergency is not None:
            balance["emergencyCredit"] = accounting.amount(
                credit.emergency, balance.get("emergencyCredit", like), finest)
    store.put(f"{prepayment}/ab", balance)


@after("PUT", "Prepayment")
@after("PUT", "AccountBalance")
@after("POST", "SupplyInterruptionOverride")
@after("PUT", "SupplyInterruptionOverride")
@after("DELETE", "SupplyInterruptionOverride")
def _follow(change: Change) -> None:
    """Render again what is derived from a Prepayment's levels, credit and overrides."""
    prepayment = "/".join(change.href.split("/")[:3])
    store.touch(*(href for href in (f"{prepayment}/ab", f"{prepayment}/os") if href != change.href))


@rebuild
def _settle_all() -> int:
    """Settle every account in which something is due; return how many were."""
    parents = sql.rows("SELECT DISTINCT parent FROM document WHERE kind = 'CreditRegister' "
                       "AND fresh_until <= ?", clock.now())
    return sum(settle(table.parent(parent)) > 0 for parent, in parents)


# --- what is served -------------------------------------------------------------------------------

@derived("CreditRegister")
def _register_timers(submitted: dict[Href, Data | None]) -> dict[Href, Derived]:
    """Return when each takes effect; one whose time has come is due until it is settled."""
    now = clock.now()
    waiting = dict(sql.among("SELECT href, fresh_until FROM document WHERE href IN ({}) "
                             "AND fresh_until IS NOT NULL", submitted))
    instants = {href: data["effectiveTime"] if data and data["effectiveTime"] > now else waiting.get(href)
                for href, data in submitted.items()}
    return {href: Derived(fresh_until=instant) for href, instant in instants.items()}


@derived("AccountBalance")
def _balances(submitted: dict[Href, Data | None]) -> dict[Href, Derived]:
    """Return how good the credits are, and when the next CreditRegister takes effect."""
    lists = {f"{table.parent(href)}/cr": href for href in submitted}
    next_at = {lists[parent]: instant for parent, instant in sql.among(
        "SELECT parent, min(fresh_until) FROM document WHERE parent IN ({}) AND fresh_until IS NOT NULL "
        "GROUP BY parent", lists)}
    prepayments = {document.href: document.submitted or {}
                   for document in documents.among("href", map(table.parent, submitted))}
    found = {}
    for href, data in submitted.items():
        credit, overrides = accounting.credit(data), {}
        if credit is not None:
            levels = accounting.levels(prepayments.get(table.parent(href), {}))
            overrides = {"creditStatus": accounting.status(credit.regular, levels.expiry, levels.low)}
            if credit.emergency is not None:
                overrides["emergencyCreditStatus"] = accounting.status(
                    credit.emergency, low=levels.low_emergency)
        found[href] = Derived(overrides, next_at.get(href), served=data is not None)
    return found
