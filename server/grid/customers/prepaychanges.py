"""Prepaid accounts, as operators change them: open, credit, switch, override, remove (IEEE 2030.5, 10.8).

What follows from a change (the balance, how good it is, whether supply is on) is in functionsets/prepayment
and functionsets/supply, whoever makes it.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from server import audit, clock, currencies
from server.errors import BadArgument, Refused
from server.grid.customers import owners, prepayments, quantities
from server.grid.customers.prepayments import (ACCOUNTS, CREDIT_TYPES, LEVELS, MODES, SERVICES,
                                               PrepaymentDetail)
from server.models import Document
from server.resources import accounting, documents, numbering, sql, store
from server.resources.codes import ServiceStatus
from server.units import Href, Instant, Seconds

Data = dict[str, Any]
DECIMALS = -2  # the multiplier of amounts of a new account; finer ones are kept exactly
BALANCES: Mapping[str, str] = {"balance": "availableCredit", "emergency": "emergencyCredit"}
_NO_AMOUNTS: Mapping[str, str | None] = {}


class RemovedPrepayment(TypedDict):
    """A prepaid account that was removed, and how many documents below it."""
    href: Href
    owner: str
    below: int


def _logged(detail: PrepaymentDetail) -> Data:
    return {key: value for key, value in detail.items() if key not in ("credits", "warnings")}


def _before(name: str) -> Data:
    return _logged(prepayments.show(name))


@audit.audited("prepay set", "{owner} {href}", state=_before)
def configure(
    name: str, mode: str | None = None, currency: str | None = None,
    amounts: Mapping[str, str | None] = _NO_AMOUNTS
) -> PrepaymentDetail:
    """Set the mode, levels and balance of a prepaid account (keys of LEVELS and BALANCES, decimals), which is
    opened where the device or `vder:NAME` has none; what is not given stays.

    A new account needs mode and currency; it is connected. A level of "none" is taken away. Refused (400,
    404, 409).
    """
    given = {key: text for key, text in amounts.items() if text is not None}
    with store.transaction():
        href = _existing_or_new(name, mode, currency)
        account = store.get(href)
        assert account is not None
        unit = _unit(account, currency)
        data = {**account.submitted, **({} if mode is None else {"prepayMode": MODES[mode]})}
        for key, text in given.items():
            if key in LEVELS and text == "none":
                data.pop(LEVELS[key], None)
            elif key in LEVELS:
                data[LEVELS[key]] = _parse(key, text, unit)
        if data != account.submitted:
            store.put(href, data)
        balances = {BALANCES[key]: _parse(key, text, unit) for key, text in given.items() if key in BALANCES}
        if balances:
            balance = store.get(f"{href}/ab")
            stored = (balance.submitted if balance else None) or {}
            if "availableCredit" not in {**stored, **balances}:
                raise BadArgument("balance", "the account has none yet, and emergency credit stands beside "
                                             "it: state both")
            store.put(f"{href}/ab", {**stored, **balances})
        return prepayments.show(href)


def _existing_or_new(name: str, mode: str | None, currency: str | None) -> Href:
    try:
        return str(prepayments.find(name).href)
    except Refused as refused:
        if refused.status != 404 or name.startswith("/"):
            raise
        audience = owners.find(name)
    for argument, value in (("mode", mode), ("currency", currency)):
        if not value:
            raise BadArgument(argument, f"{name} has no prepaid account; a new one needs a mode and a "
                                        "currency")
    assert mode is not None
    points = documents.own("/upt", audience)
    href = store.add("Prepayment", ACCOUNTS, {
        "prepayMode": MODES[mode], "creditExpiryLevel": _new_amount(currency or ""),
        **({"UsagePointLink": {"href": points[0].href}} if len(points) == 1 else {})}, audience)
    store.put(f"{href}/os", {"serviceStatus": ServiceStatus.CONNECTED})
    return href


def _new_amount(currency: str) -> Data:
    try:
        return {"monetaryUnit": currencies.number(currency), "multiplier": DECIMALS, "value": 0}
    except ValueError as error:
        raise BadArgument("currency", f"{currency!r} {error}") from None


def _unit(account: Document, currency: str | None = None) -> accounting.Amount:
    """Return an amount of an account, whose unit others take. Refused (409) where there is none yet, or it
    has another currency."""
    balance = store.get(f"{account.href}/ab")
    amounts = [account.submitted.get(key) for key in LEVELS.values()]
    stated = (balance.submitted if balance else None) or {}
    found = next(filter(None, [stated.get("availableCredit"), *amounts]), None)
    if found is None:
        if not currency:
            raise BadArgument("currency", f"nothing says the currency of {account.href} yet: name it")
        return _new_amount(currency)
    if currency and _new_amount(currency)["monetaryUnit"] != found["monetaryUnit"]:
        own = currencies.name(found["monetaryUnit"])
        raise Refused(409, f"{account.href} is in {own}; an account keeps its currency")
    return {**found, "multiplier": max(found["multiplier"], DECIMALS)}


def _parse(argument: str, text: str, like: accounting.Amount) -> Data:
    """Return an amount. Refused (400) where the text is none."""
    try:
        number = quantities.decimal(text)
    except ValueError as error:
        raise BadArgument(argument, f"{text!r} {error}") from None
    try:
        return accounting.amount(number, like, -quantities.MOST_DECIMALS)
    except Refused as refused:
        raise BadArgument(argument, refused.why) from None


@audit.audited("prepay credit", "{owner} {href}", state=_before)
def credit(
    name: str, amount: str, kind: str = "regular", at: Instant | None = None, token: str | None = None,
    description: str = "", currency: str | None = None
) -> PrepaymentDetail:
    """Credit an account, or debit it by a negative amount, now or at an instant that lies ahead.

    `token` is what proves the transaction; a number is made where there is none. Refused (400, 404, 409).
    """
    with store.transaction():
        account = prepayments.find(name)
        change = _parse("amount", amount, _unit(account, currency))
        if not change["value"]:
            raise BadArgument("amount", "it is 0, which changes nothing")
        register = {"creditAmount": change, "creditType": CREDIT_TYPES[kind],
                    "effectiveTime": clock.now() if at is None else at,
                    "token": token or numbering.new_mrid(),
                    **({"description": description} if description else {})}
        store.add("CreditRegister", f"{account.href}/cr", register)
        return prepayments.show(account.href)


@audit.audited("prepay service", "{owner} {href}", state=_before)
def switch(name: str, status: str, at: Instant | None = None) -> PrepaymentDetail:
    """State the supply of an account as it is, or with `at` as it will be from then on. Refused (400,
    404)."""
    with store.transaction():
        account, now = prepayments.find(name), clock.now()
        document = store.get(f"{account.href}/os")
        data = dict((document.submitted if document else None) or {})
        if at is not None and at <= now:
            raise BadArgument("at", "it is over; leave it out to state what is")
        if at is None:
            data = {key: value for key, value in data.items() if key != "serviceChange"}
            data["serviceStatus"] = SERVICES[status]
        else:
            pending = data.get("serviceChange")
            if pending is not None and pending["startTime"] <= now:
                data["serviceStatus"] = pending["newStatus"]
            if "serviceStatus" not in data:
                raise BadArgument("at", "nothing says what supply is until then; state that first, without "
                                        "it")
            data["serviceChange"] = {"newStatus": SERVICES[status], "startTime": at}
        store.put(f"{account.href}/os", data)
        return prepayments.show(account.href)


@audit.audited("prepay override", "{owner} {href}", state=_before)
def override(
    name: str, duration_s: Seconds | None, start: Instant | None = None, description: str = "",
    clear: bool = False
) -> PrepaymentDetail:
    """Keep the supply of an account on for a time, whatever its credit; with `clear` no more. Refused (400,
    404)."""
    if bool(duration_s) == clear:
        raise BadArgument("duration_s", "say for how long supply is kept on, or `clear`")
    with store.transaction():
        account, now = prepayments.find(name), clock.now()
        begin = now if start is None else start
        if clear:
            for item in store.items(f"{account.href}/si"):
                if prepayments.end_of(item) > now:
                    store.remove(item.href)
        else:
            if begin + (duration_s or 0) <= now:
                raise BadArgument("start", "the time is over")
            store.add("SupplyInterruptionOverride", f"{account.href}/si", {
                "interval": {"start": begin, "duration": duration_s},
                **({"description": description} if description else {})})
        return prepayments.show(account.href)


@audit.audited("prepay remove", "{owner} {href}", answer=dict)
def remove(name: str) -> RemovedPrepayment:
    """Remove a prepaid account with all below it. For `name`, and what is refused, see `find`."""
    with store.transaction():
        account = prepayments.find(name)
        owner = owners.names([account.audience])[account.audience]
        (below,) = sql.row(f"SELECT count(*) FROM document WHERE {sql.below('href')}",
                           *sql.bounds(account.href))
        store.remove(account.href)
        return {"href": account.href, "owner": owner, "below": below}
