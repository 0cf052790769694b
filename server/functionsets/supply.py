"""PrepayOperationStatus: whether supply is on, and on what credit (IEEE 2030.5-2018, 10.8).

A serviceChange or creditTypeChange is in force from its startTime on. Where this server counts the credit
(modes ESI and local), supply is off once it is spent; a SupplyInterruptionOverride keeps it on. Otherwise the
state is what the operator has stated; of which nothing was stated is not served.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from server import clock
from server.resources import accounting, documents, sql, table
from server.resources.accounting import Credit, Levels
from server.resources.codes import PrepayMode, ServiceStatus
from server.resources.hooks import Derived, derived
from server.units import Href, Instant

Data = dict[str, Any]
COUNTED = frozenset({PrepayMode.ESI, PrepayMode.LOCAL})  # the modes in which this server counts the credit
_OFF = (ServiceStatus.DISCONNECTED, ServiceStatus.ARMED_FOR_DISCONNECT)
_CHANGES = (("serviceStatus", "serviceChange", "newStatus"),
            ("creditTypeInUse", "creditTypeChange", "newType"))


class PrepaidAccount(NamedTuple):
    """What a PrepayOperationStatus follows from: `overrides` are the [start, end) in which supply is kept."""
    mode: int
    levels: Levels
    credit: Credit | None
    overrides: list[tuple[Instant, Instant]]


@derived("PrepayOperationStatus")
def _operation_statuses(submitted: dict[Href, Data | None]) -> dict[Href, Derived]:
    """Return the state of supply and the credit in use, as `operation_status` says."""
    now, accounts = clock.now(), _accounts([table.parent(href) for href in submitted])
    return {href: Derived(served=False) if data is None or table.parent(href) not in accounts
            else Derived(*operation_status(data, accounts[table.parent(href)], now))
            for href, data in submitted.items()}


def _accounts(prepayments: list[Href]) -> dict[Href, PrepaidAccount]:
    stored = {document.href: document for document in documents.among(
        "href", (href for prepayment in prepayments for href in (prepayment, f"{prepayment}/ab")))}
    overrides: dict[Href, list[tuple[Instant, Instant]]] = {prepayment: [] for prepayment in prepayments}
    for parent, start, end in sql.among(
            "SELECT parent, at, until FROM document WHERE parent IN ({}) AND until > ?",
            (f"{prepayment}/si" for prepayment in prepayments), clock.now()):
        overrides[table.parent(parent)].append((start, end))
    accounts = {}
    for prepayment in prepayments:
        owner, balance = stored.get(prepayment), stored.get(f"{prepayment}/ab")
        if owner is not None and owner.submitted is not None:
            accounts[prepayment] = PrepaidAccount(
                owner.submitted["prepayMode"], accounting.levels(owner.submitted),
                accounting.credit(balance.submitted if balance is not None else None),
                sorted(overrides[prepayment]))
    return accounts


def operation_status(data: Data, account: PrepaidAccount, now: Instant) -> tuple[Data, Instant | None]:
    """Return what is served of a PrepayOperationStatus in place of what was submitted (None: left out), and
    until when that holds. Pure.

    While an override runs supply that would be off for that is on, and a change to come says when it goes
    off.
    """
    shown: Data = {}
    instants = [start for start, _ in account.overrides if start > now]
    for key, change_key, new_key in _CHANGES:
        pending = data.get(change_key)
        if pending is not None and pending["startTime"] <= now:
            shown |= {key: pending[new_key], change_key: None}
        elif pending is not None:
            instants.append(pending["startTime"])
    service = _without_override({**data, **shown}["serviceStatus"], account)
    shown["serviceStatus"] = service
    kept_until = _kept_until(account.overrides, now)
    if kept_until is not None and service in _OFF:
        instants.append(kept_until)
        if shown.get("serviceChange", data.get("serviceChange")) is None:
            shown["serviceChange"] = {"newStatus": service, "startTime": kept_until}
        shown["serviceStatus"] = ServiceStatus.CONNECTED
    if "creditTypeInUse" not in {**data, **shown} and account.credit is not None:
        shown["creditTypeInUse"] = accounting.in_use(account.credit, account.levels)
    return shown, min(instants, default=None)


def _without_override(stated: int, account: PrepaidAccount) -> int:
    """Return the state of supply that is stated, or off where credit that is counted here is spent."""
    spent = (account.mode in COUNTED and account.credit is not None
             and accounting.is_spent(account.credit, account.levels))
    is_on = stated in (ServiceStatus.CONNECTED, ServiceStatus.LOAD_LIMITED)
    return ServiceStatus.DISCONNECTED if spent and is_on else stated


def _kept_until(overrides: Iterable[tuple[Instant, Instant]], now: Instant) -> Instant | None:
    """Return until when overrides (sorted) that follow each other keep supply on; None where none runs."""
    until = None
    for start, end in overrides:
        if start <= (now if until is None else until) < end:
            until = end
    return until
