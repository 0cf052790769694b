"""Prepaid accounts, as operators look at them: list, show (IEEE 2030.5-2018, 10.8).

Changes are in `prepaychanges`.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from server import clock, currencies
from server.grid.customers import owners, quantities
from server.models import Document
from server.resources import codec, documents, refresh, retrieve, store, table, transactions
from server.resources.codes import CreditStatus, CreditType, PrepayMode, ServiceStatus
from server.units import Href, Instant, Seconds

Data = dict[str, Any]
ACCOUNTS = table.rows["PrepaymentList"].path
MODES: Mapping[str, PrepayMode] = {mode.name.lower().replace("_", "-"): mode for mode in PrepayMode}
SERVICES: Mapping[str, ServiceStatus] = {
    status.name.lower().replace("_", "-"): status for status in ServiceStatus}
CREDIT_TYPES: Mapping[str, CreditType] = {kind.name.lower().replace("_", "-"): kind for kind in CreditType}
LEVELS: Mapping[str, str] = {"expiry": "creditExpiryLevel", "low": "lowCreditWarningLevel",
                             "low_emergency": "lowEmergencyCreditWarningLevel"}


class PrepaymentRow(TypedDict):
    """A prepaid account. `owner` is the device's name, or `vder:NAME`; credit is a decimal in the currency,
    "" where nothing was said of it. `service` is the state of supply that devices see."""
    href: Href
    owner: str
    mode: str
    currency: str
    credit: str
    status: str
    emergency: str
    emergency_status: str
    service: str


class PendingChange(TypedDict):
    """A change to come: of supply, of the credit in use, or of the credit itself."""
    at: Instant
    change: str


class RegisterRow(TypedDict):
    """A CreditRegister; `pending` until it takes effect."""
    href: Href
    at: Instant
    amount: str
    type: str
    token: str
    description: str
    pending: bool


class OverrideRow(TypedDict):
    """A span in which supply is kept on; `active` while it runs."""
    href: Href
    start: Instant
    duration_s: Seconds
    description: str
    active: bool


class PrepaymentDetail(PrepaymentRow):
    """A prepaid account with its levels, what is to come, its newest credits and its overrides."""
    levels: dict[str, str]
    credit_in_use: str
    changes: list[PendingChange]
    credits: list[RegisterRow]
    overrides: list[OverrideRow]
    warnings: list[str]


def list_accounts(name: str | None = None) -> Iterator[PrepaymentRow]:
    """Yield the prepaid accounts of a device or `vder:NAME`, or all, in the order of the list."""
    if name is not None:
        yield from _rows(documents.own(ACCOUNTS, owners.find(name)))
        return
    for page in documents.pages(ACCOUNTS):
        yield from _rows(page)


def _rows(page: list[Document]) -> Iterator[PrepaymentRow]:
    names = owners.names(account.audience for account in page)
    hrefs = [account.href for account in page]
    refresh.freshen(hrefs, hrefs)
    transactions.render_touched()
    for account in page:
        balance, status = _served(f"{account.href}/ab"), _served(f"{account.href}/os")
        service = status.get("serviceStatus")
        yield {
            "href": account.href, "owner": names[account.audience],
            "mode": _name(MODES, account.submitted["prepayMode"]), "currency": _currency(account, balance),
            "credit": _amount(balance, "availableCredit"),
            "status": _status(balance, "creditStatus"),
            "emergency": _amount(balance, "emergencyCredit"),
            "emergency_status": _status(balance, "emergencyCreditStatus"),
            "service": "" if service is None else _name(SERVICES, service)}


def _served(href: Href) -> Data:
    """Return a document as devices get it; {} where they get none."""
    document = retrieve.single(href, None)
    return {} if document is None else codec.decode(codec.wrap(document.kind, document.body))[1]


def _currency(account: Document, balance: Data) -> str:
    amounts = [*(account.submitted.get(key) for key in LEVELS.values()), balance.get("availableCredit")]
    return next((currencies.name(amount["monetaryUnit"]) for amount in amounts if amount), "")


def _amount(data: Data, key: str) -> str:
    amount = data.get(key)
    return "" if amount is None else quantities.written(amount["value"], amount["multiplier"])


def _status(balance: Data, key: str) -> str:
    return CreditStatus(balance[key]).name.lower() if key in balance else ""


def _name(names: Mapping[str, int], code: int) -> str:
    return next((name for name, value in names.items() if value == code), str(code))


def find(name: str) -> Document:
    """Return the prepaid account of this href, or the only one of a device or `vder:NAME`; see
    `owners.find_account`."""
    return owners.find_account(ACCOUNTS, name, "prepaid account", "open one by prepay set")


def show(name: str) -> PrepaymentDetail:
    """Return a prepaid account. For `name`, and what is refused, see `find`."""
    account = find(name)
    row, = _rows([account])
    status, now = _served(f"{account.href}/os"), clock.now()
    registers = [_register(item) for item in store.items(f"{account.href}/cr")]
    in_use = status.get("creditTypeInUse")
    return {
        **row,
        "levels": {key: _amount(account.submitted, element) for key, element in LEVELS.items()
                   if element in account.submitted},
        "credit_in_use": "" if in_use is None else _name(CREDIT_TYPES, in_use),
        "changes": _changes(status, registers),
        "credits": registers[:quantities.SHOWN],
        "overrides": [_override(item, now) for item in store.items(f"{account.href}/si")
                      if end_of(item) > now],
        "warnings": _warnings(row)}


def _warnings(row: PrepaymentRow) -> list[str]:
    missing = [word for word, text in (("balance", row["credit"]), ("state of supply", row["service"]))
               if not text]
    return [f"devices see no {' and no '.join(missing)}, since nothing was said of it"] if missing else []


def _changes(status: Data, registers: list[RegisterRow]) -> list[PendingChange]:
    changes = [PendingChange(at=row["at"], change=f"credit {row['amount']} {row['type']}")
               for row in registers if row["pending"]]
    for key, new, names in (
            ("serviceChange", "newStatus", SERVICES), ("creditTypeChange", "newType", CREDIT_TYPES)):
        if key in status:
            changes.append({"at": status[key]["startTime"], "change": _name(names, status[key][new])})
    return sorted(changes, key=lambda change: change["at"])


def _register(register: Document) -> RegisterRow:
    data = register.submitted
    return {"href": register.href, "at": data["effectiveTime"], "amount": _amount(data, "creditAmount"),
            "type": _name(CREDIT_TYPES, data.get("creditType", CreditType.REGULAR)), "token": data["token"],
            "description": data.get("description", ""), "pending": register.fresh_until is not None}


def _override(override: Document, now: Instant) -> OverrideRow:
    data = override.submitted
    return {"href": override.href, "start": data["interval"]["start"],
            "duration_s": data["interval"]["duration"],
            "description": data.get("description", ""),
            "active": data["interval"]["start"] <= now < end_of(override)}


def end_of(override: Document) -> Instant:
    interval = override.submitted["interval"]
    return int(interval["start"] + interval["duration"])
