"""What a file says of accounts, written as documents."""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from server import currencies
from server.errors import Refused
from server.grid.customers import owners, quantities
from server.grid.customers.billfiles import (Account, Accounts, Agreement, BilledReading, Period, Quantity,
                                             Sums)
from server.models import Document
from server.resources import documents, hexbinary, numbering, store, table
from server.resources.codes import RoleFlags
from server.units import Href

Data = dict[str, Any]
Change = Literal["added", "changed", "removed", "unchanged"]
ADDED: Literal["added"] = "added"
CHANGED: Literal["changed"] = "changed"
REMOVED: Literal["removed"] = "removed"
SAME: Literal["unchanged"] = "unchanged"
INT32, INT48 = 32, 48
ACCOUNTS = table.rows["CustomerAccountList"].path
_STEPS = {"HistoricalReading": "ver", "ProjectionReading": "pro", "TargetReading": "tar"}
_NEW = "0"  # in place of the number of an item that is not written


def write(
    accounts: Accounts, currency: str | None, supplier: Mapping[str, str], writes: bool = True
) -> tuple[list[Href], Mapping[Change, int]]:
    """Write accounts in the caller's transaction, or only look whether that is possible; return their hrefs
    and what that changed. Refused (400, 404, 409) with the line, the reason and what to do."""
    writer = BillWriter(currency, supplier, writes)
    hrefs = []
    for (owner, number), account in accounts.items():
        audience = _at(account.position, partial(owners.audience, owner.device, owner.vder))
        hrefs.append(writer.account(audience, number, account))
    return hrefs, writer.counts


def _at(position: str, task: Any) -> Any:
    """Do a task; what it refuses names the position."""
    try:
        return task()
    except Refused as refused:
        raise Refused(refused.status, f"{position}: {refused.why}") from None
    except ValueError as error:
        raise Refused(400, f"{position}: it {error}") from None


class BillWriter:
    """Writes accounts, and counts what that changes; unless it `writes`, it only refuses what it would."""

    def __init__(self, currency: str | None, supplier: Mapping[str, str], writes: bool) -> None:
        self.currency, self.supplier, self.writes = currency, supplier, writes
        self.counts: Counter[Change] = Counter()

    def account(self, audience: str, number: str, account: Account) -> Href:
        """Write an account with all below it; return its href."""
        found = _find_account(audience, number, account.position)
        data = dict(found.submitted) if found is not None else self._new_account(account, number)
        stated = account.stated
        if "currency" in stated:
            code = _at(account.position, partial(currencies.number, stated["currency"]))
            if found is not None and data["currency"] != code:
                own = currencies.name(data["currency"])
                raise Refused(409, f"{account.position}, currency: {found.href} is in {own}; an account "
                                   "keeps its currency")
            data["currency"] = code
        if "customer" in stated:
            data["customerName"] = stated["customer"]
        multiplier = data["pricePowerOfTenMultiplier"]
        for position, amount in account.amounts:
            _at(position, partial(quantities.integer, amount, multiplier, INT48))
        href = self._write("CustomerAccount", ACCOUNTS, found, data, audience)
        if self.supplier:
            self._single(f"{href}/ss", {"mRID": numbering.new_mrid(), **self.supplier}, ("mRID",))
        for service, agreement in account.agreements.items():
            self._agreement(href, audience, service, agreement, multiplier)
        return href

    def _new_account(self, account: Account, number: str) -> Data:
        text = account.stated.get("currency") or self.currency
        if not text:
            raise Refused(400, f"{account.position}, currency: the account is new and nothing says its "
                               "currency; add the column, or name one for all")
        decimals = quantities.decimals(amount for _, amount in account.amounts)
        if decimals > quantities.MOST_DECIMALS:
            raise Refused(400, f"{account.position}: an amount has {decimals} decimals; "
                               f"{quantities.MOST_DECIMALS} are possible")
        return {"currency": _at(account.position, partial(currencies.number, text)),
                "pricePowerOfTenMultiplier": -decimals, **({"customerAccount": number} if number else {})}

    def _agreement(
        self, account: Href, audience: str, service: str, agreement: Agreement, multiplier: int
    ) -> None:
        list_href = f"{account}/ca"
        found = next((item for item in store.items(list_href)
                      if item.submitted.get("serviceAccount", "") == service), None)
        data: Data = dict(found.submitted) if found is not None else {
            **({"serviceAccount": service} if service else {}), **_links(audience)}
        if "location" in agreement.stated:
            data["serviceLocation"] = agreement.stated["location"]
        if "tariff" in agreement.stated:
            tariff = partial(_tariff, agreement.stated["tariff"])
            data["TariffProfileLink"] = {"href": _at(f"{agreement.position}, tariff", tariff)}
        href = self._write("CustomerAgreement", list_href, found, data)
        for period, sums in agreement.periods.items():
            self._period(href, period, sums, multiplier)
        for (kind, name), quantity in agreement.quantities.items():
            self._reading(href, kind, name, quantity, multiplier)

    def _period(self, agreement: Href, period: Period, sums: Sums, multiplier: int) -> None:
        list_href, interval = f"{agreement}/bp", _interval(period)
        found = _timed(list_href, "interval", interval)
        data = {"interval": interval} if found is None else dict(found.submitted)
        before = {**data}
        for key, amount in (("billToDate", sums.bill), ("billLastPeriod", sums.last_bill)):
            if amount is not None:
                data[key] = quantities.integer(amount, multiplier, INT48)
        if data != before:
            data.pop("statusTimeStamp", None)  # the server notes when the sums were stated
        self._write("BillingPeriod", list_href, found, data)

    def _reading(self, agreement: Href, kind: str, name: str, quantity: Quantity, multiplier: int) -> None:
        list_href = f"{agreement}/{_STEPS[kind]}"
        found = next((item for item in store.items(list_href)
                      if item.submitted.get("description", "") == name), None)
        data = {"description": name} if found is None else found.submitted
        href = self._write(kind, list_href, found, data)
        self._reading_type(href, name, quantity)
        for period, values in quantity.sets.items():
            self._set(href, period, values, quantity.unit, multiplier)

    def _reading_type(self, reading: Href, name: str, quantity: Quantity) -> None:
        """Write what a reading measures; the numbers of blocks and tiers only rise."""
        unit, stored = quantities.UNITS[quantity.unit], store.get(f"{reading}/rt")
        before = stored.submitted if stored is not None else {}
        if before and before.get("uom", unit.uom) != unit.uom:
            raise Refused(409, f"{quantity.position}, unit: {reading}, {name}, is not in {quantity.unit}; "
                               "give this one another name in the column quantity")
        keys = [key for values in quantity.sets.values() for key in values]
        blocks, tiers = (max(before.get(count, 0), *(key[index] for key in keys))
                         for index, count in enumerate(("numberOfConsumptionBlocks", "numberOfTouTiers")))
        self._single(f"{reading}/rt", quantities.reading_type(
            unit, quantities.DIRECTIONS[quantity.direction], blocks, tiers))

    def _set(self, reading: Href, period: Period, values: Mapping[tuple[int, int], BilledReading], unit: str,
             multiplier: int) -> None:
        """Write a set of readings; what is in it and not in the file is removed."""
        list_href, interval = f"{reading}/brs", _interval(period)
        found = _timed(list_href, "timePeriod", interval)
        data = {"timePeriod": interval} if found is None else found.submitted
        href = self._write("BillingReadingSet", list_href, found, data)
        stored = {(item.submitted.get("consumptionBlock", 0), item.submitted.get("touTier", 0)): item
                  for item in store.items(f"{href}/br")}
        for key in stored.keys() - values.keys():
            self.counts[REMOVED] += 1
            if self.writes:
                store.remove(stored[key].href)
        for key, value in values.items():
            content = _at(value.position, partial(_billed, key, value, interval, unit, multiplier))
            self._write("BillingReading", f"{href}/br", stored.get(key), content)

    def _write(self, kind: str, list_href: Href, found: Document | None, data: Data,
               audience: Any = store.INHERIT) -> Href:
        """Write an item of a list, in place of the one that was found; return its href."""
        if found is None:
            self.counts[ADDED] += 1
            return store.add(kind, list_href, data, audience) if self.writes else f"{list_href}/{_NEW}"
        self._put(found, data)
        return found.href

    def _single(self, href: Href, data: Data, kept: tuple[str, ...] = ()) -> None:
        """Write a resource that is no item; of one that is there, `kept` elements stay."""
        found = store.get(href)
        if found is None or found.submitted is None:
            self.counts[ADDED] += 1
            if self.writes:
                store.put(href, data)
        else:
            self._put(found, {**data, **{key: found.submitted[key] for key in kept}})

    def _put(self, found: Document, data: Data) -> None:
        before = {key: value for key, value in found.submitted.items() if key != "version" or key in data}
        if hexbinary.comparable(before) == hexbinary.comparable(data):
            self.counts[SAME] += 1
            return
        self.counts[CHANGED] += 1
        if self.writes:
            store.put(found.href, data)


def _find_account(audience: str, number: str, position: str) -> Document | None:
    own = documents.own(ACCOUNTS, audience)
    found = [account for account in own if account.submitted.get("customerAccount", "") == number]
    if not number and len(own) == 1:
        found = own
    if not number and not found and len(own) > 1:
        raise Refused(409, f"{position}, account: there are {len(own)} accounts; name one")
    return found[0] if found else None


def _links(audience: str) -> Data:
    """Return the links of a new agreement to the usage point and the prepayment of its owner, where there is
    one that it can be: a meter of the premises rather than a submeter."""
    points = documents.own("/upt", audience)
    premises = [point for point in points
                if hexbinary.bits(point.submitted["roleFlags"]) & RoleFlags.PREMISES] or points
    prepayments = documents.own("/ppy", audience)
    return {**({"UsagePointLink": {"href": premises[0].href}} if len(premises) == 1 else {}),
            **({"PrepaymentLink": {"href": prepayments[0].href}} if len(prepayments) == 1 else {})}


def _tariff(name: str) -> Href:
    """Return the TariffProfile of this href, rateCode or description. Refused (404, 409) where there is none,
    or more."""
    found = [tariff.href for tariff in store.items("/tp")
             if name in (tariff.href, tariff.submitted.get("rateCode"), tariff.submitted.get("description"))]
    if len(found) != 1:
        if not found:
            raise Refused(404, f"there is no tariff {name}; write its href, rateCode or description")
        raise Refused(409, f"there are {len(found)} tariffs {name}; write the href of one")
    return found[0]


def _timed(list_href: Href, key: str, interval: Data) -> Document | None:
    """Return the item of a list with this time."""
    return next((item for item in store.items(list_href) if item.submitted[key] == interval), None)


def _interval(period: Period) -> Data:
    return {"start": period[0], "duration": period[1] - period[0]}


def _billed(key: tuple[int, int], value: BilledReading, interval: Data, unit: str, multiplier: int) -> Data:
    """Return the BillingReading of a block and tier. ValueError where a number does not fit."""
    data: Data = {"timePeriod": interval}
    for name, number in zip(("consumptionBlock", "touTier"), key, strict=True):
        if number:
            data[name] = number
    if value.value is not None:
        of_unit = quantities.UNITS[unit]
        data["value"] = quantities.integer(value.value * of_unit.factor, of_unit.multiplier, INT48)
    charges = [{"kind": charge.kind, "value": quantities.integer(charge.amount, multiplier, INT32),
                **({"description": charge.text} if charge.text else {})} for charge in value.charges]
    return {**data, **({"Charge": charges} if charges else {})}
