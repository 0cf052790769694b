"""The accounts of customers, as operators look at them: list, show, remove (IEEE 2030.5-2018, 10.7)."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from server import audit, currencies
from server.grid.customers import owners, quantities
from server.models import Document
from server.resources import documents, sql, store, table
from server.resources.codes import ChargeKind, Uom
from server.units import Href, Instant, Seconds

ACCOUNTS = table.rows["CustomerAccountList"].path
_READINGS = {"history": "ver", "projection": "pro", "target": "tar"}


class AccountRow(TypedDict):
    """An account: `owner` is the name of the device whose it is, or `vder:NAME`; empty: nobody's."""
    href: Href
    owner: str
    account: str
    customer: str
    currency: str
    agreement_count: int


class PeriodRow(TypedDict):
    """A billing period of an agreement (its href), with the bill so far and that of the period before as
    decimals; "": not stated."""
    agreement: Href
    start: Instant
    duration_s: Seconds
    bill: str
    last_bill: str
    stated_at: Instant | None


class BilledRow(TypedDict):
    """What was billed (`reading` is history), is expected (projection) or aimed at (target) in one period,
    block and tier: `quantity_value` in `unit`; "": not stated. `href` is that of the BillingReading, `charge`
    the sum of its charges."""
    reading: str
    quantity: str
    start: Instant
    duration_s: Seconds
    block: int
    tier: int
    quantity_value: str
    unit: str
    charge: str
    href: Href


class ChargeRow(TypedDict):
    """A line of a bill: an amount, which kind it is, what for, and of which BillingReading."""
    amount: str
    kind: str
    text: str
    of: Href


class AgreementRow(TypedDict):
    """An agreement; links are "" where there are none."""
    href: Href
    agreement: str
    location: str
    tariff: Href
    usage_point: Href
    prepayment: Href


class Supplier(TypedDict):
    """A ServiceSupplier; "" for what it does not say, 0 for no enterprise number."""
    description: str
    email: str
    phone: str
    web: str
    providerID: int


class AccountDetail(AccountRow):
    """An account with its supplier, None where none is named, and what is below it."""
    supplier: Supplier | None
    agreements: list[AgreementRow]
    periods: list[PeriodRow]
    readings: list[BilledRow]
    charges: list[ChargeRow]


class RemovedAccount(TypedDict):
    """An account that was removed, and how many documents below it."""
    href: Href
    owner: str
    below: int


def list_accounts(name: str | None = None) -> Iterator[AccountRow]:
    """Yield the accounts of a device or `vder:NAME`, or all, in the order of the list."""
    if name is not None:
        yield from _rows(documents.own(ACCOUNTS, owners.find(name)))
        return
    for page in documents.pages(ACCOUNTS):
        yield from _rows(page)


def _rows(page: list[Document]) -> Iterator[AccountRow]:
    names = owners.names(account.audience for account in page)
    counts = dict(sql.among("SELECT parent, count(*) FROM document WHERE parent IN ({}) GROUP BY parent",
                            (f"{account.href}/ca" for account in page)))
    for account in page:
        data = account.submitted
        yield {"href": account.href, "owner": names[account.audience],
               "account": data.get("customerAccount", ""), "customer": data.get("customerName", ""),
               "currency": currencies.name(data["currency"]),
               "agreement_count": counts.get(f"{account.href}/ca", 0)}


def find(name: str) -> Document:
    """Return the account of this href, or the only one of a device or `vder:NAME`; see
    `owners.find_account`."""
    return owners.find_account(ACCOUNTS, name, "account", "import its bills")


def show(name: str) -> AccountDetail:
    """Return an account with all below it. For `name`, and what is refused, see `find`."""
    account = find(name)
    row, = _rows([account])
    supplier = store.get(f"{account.href}/ss")
    multiplier = account.submitted["pricePowerOfTenMultiplier"]
    agreements = store.items(f"{account.href}/ca")
    readings, charges = _readings(agreements, multiplier)
    return {**row, "supplier": _supplier(supplier.submitted) if supplier is not None else None,
            "agreements": [_agreement(item) for item in agreements],
            "periods": [_period(agreement.href, item.submitted, multiplier) for agreement in agreements
                        for item in store.items(f"{agreement.href}/bp")],
            "readings": readings, "charges": charges}


def _supplier(data: Mapping[str, Any]) -> Supplier:
    return {"description": data.get("description", ""), "email": data.get("email", ""),
            "phone": data.get("phone", ""), "web": data.get("web", ""),
            "providerID": data.get("providerID", 0)}


def _agreement(agreement: Document) -> AgreementRow:
    data = agreement.submitted
    tariff, point, prepayment = (data.get(f"{name}Link", {}).get("href", "")
                                 for name in ("TariffProfile", "UsagePoint", "Prepayment"))
    return {"href": agreement.href, "agreement": data.get("serviceAccount", ""),
            "location": data.get("serviceLocation", ""), "tariff": tariff, "usage_point": point,
            "prepayment": prepayment}


def _period(agreement: Href, data: dict[str, Any], multiplier: int) -> PeriodRow:
    return {"agreement": agreement, "start": data["interval"]["start"],
            "duration_s": data["interval"]["duration"],
            "bill": quantities.written(data.get("billToDate"), multiplier),
            "last_bill": quantities.written(data.get("billLastPeriod"), multiplier),
            "stated_at": data.get("statusTimeStamp")}


def _readings(agreements: list[Document], multiplier: int) -> tuple[list[BilledRow], list[ChargeRow]]:
    rows: list[BilledRow] = []
    charges: list[ChargeRow] = []
    for agreement in agreements:
        for name, step in _READINGS.items():
            for reading in store.items(f"{agreement.href}/{step}"):
                for of_set in store.items(f"{reading.href}/brs"):
                    for value in store.items(f"{of_set.href}/br"):
                        rows.append(_billed(name, reading, of_set, value, multiplier))
                        charges += _charges(value, multiplier)
    return rows, charges


def _billed(
    name: str, reading: Document, of_set: Document, value: Document, multiplier: int
) -> BilledRow:
    stored = store.get(f"{reading.href}/rt")
    reading_type = stored.submitted if stored is not None else {}
    span, data = of_set.submitted["timePeriod"], value.submitted
    amounts = [charge["value"] for charge in data.get("Charge", [])]
    return {"reading": name, "quantity": reading.submitted.get("description", ""),
            "start": span["start"], "duration_s": span["duration"],
            "block": data.get("consumptionBlock", 0), "tier": data.get("touTier", 0),
            "quantity_value": quantities.written(
                data.get("value"), reading_type.get("powerOfTenMultiplier", 0)),
            "unit": quantities.unit_of(reading_type.get("uom", Uom.NONE)),
            "charge": quantities.written(sum(amounts) if amounts else None, multiplier), "href": value.href}


def _charges(value: Document, multiplier: int) -> Iterator[ChargeRow]:
    for charge in value.submitted.get("Charge", []):
        yield {"amount": quantities.written(charge["value"], multiplier),
               "kind": ChargeKind(charge["kind"]).name.lower() if "kind" in charge else "",
               "text": charge.get("description", ""), "of": value.href}


@audit.audited("bill remove", "{owner} {href}", answer=dict)
def remove(name: str) -> RemovedAccount:
    """Remove an account with all that was billed. For `name`, and what is refused, see `find`."""
    with store.transaction():
        account = find(name)
        row, = _rows([account])
        (below,) = sql.row(f"SELECT count(*) FROM document WHERE {sql.below('href')}",
                           *sql.bounds(account.href))
        store.remove(account.href)
        return {"href": account.href, "owner": row["owner"], "below": below}
