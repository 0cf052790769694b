"""Billing: the checks of accounts, periods and billed readings, and the links of agreements to other function
sets (IEEE 2030.5-2018, 10.7).

A CustomerAgreement links to a TariffProfile, a UsagePoint and a Prepayment that there are, and no longer once
they are removed. HistoricalReading, ProjectionReading and TargetReading have a ReadingType and reading sets
of their own below them.
"""
from __future__ import annotations

import json
from typing import Any

from server import clock
from server.errors import Refused
from server.models import Document
from server.resources import sql, store, table
from server.resources.codes import ChargeKind
from server.resources.hooks import Change, after, before

Data = dict[str, Any]
MOST_BLOCKS, MOST_TIERS = 16, 15  # ConsumptionBlockType and TOUType name so many
_LINKS = {"TariffProfileLink": "TariffProfile", "UsagePointLink": "UsagePoint",
          "PrepaymentLink": "Prepayment"}
_AGREEMENTS = table.rows["CustomerAccountList"].path


@before("POST", "CustomerAgreement")
@before("PUT", "CustomerAgreement")
def _check_links(change: Change) -> None:
    """Refuse (400) a link to what is not there."""
    for key, kind in _LINKS.items():
        if key not in change.data or change.old and change.old.get(key) == change.data[key]:
            continue
        href = change.data[key]["href"]
        document = store.get(href)
        if document is None or document.kind != kind or document.visibility == Document.WITHDRAWN:
            raise Refused(400, f"CustomerAgreement/{key}: there is no {kind} {href}; leave it out, or link "
                               "to one that there is")


@after("DELETE", *_LINKS.values())
def _unlink(change: Change) -> None:
    """Let agreements no longer link to what is removed."""
    unlink(change.kind, change.href)


def unlink(kind: str, href: str) -> None:
    """Take the link to what was removed, or is not served any more, from the agreements that have it."""
    key = next(key for key, of in _LINKS.items() if of == kind)
    linked = sql.rows(
        f"SELECT href, submitted FROM document WHERE {sql.below('href')} AND kind = 'CustomerAgreement' "
        "AND submitted LIKE ?", *sql.bounds(_AGREEMENTS), f'%"{href}"%')
    store.put_all({agreement: {name: value for name, value in content.items() if name != key}
                   for agreement, submitted in linked
                   if (content := json.loads(submitted)).get(key, {}).get("href") == href})


@before("POST", "BillingPeriod")
@before("PUT", "BillingPeriod")
def _check_period(change: Change) -> None:
    """Refuse (400) an empty period; note when its sums were computed, where that is not said."""
    data = change.data
    if not data["interval"]["duration"]:
        raise Refused(400, "BillingPeriod/interval/duration: it is 0; state the seconds that are billed")
    sums = {key: data[key] for key in ("billToDate", "billLastPeriod") if key in data}
    old = change.old or {}
    if sums and "statusTimeStamp" not in data:
        same = sums == {key: old[key] for key in sums.keys() & old.keys()}
        data["statusTimeStamp"] = old["statusTimeStamp"] if same and "statusTimeStamp" in old else clock.now()


@before("POST", "BillingReadingSet")
@before("PUT", "BillingReadingSet")
def _check_set(change: Change) -> None:
    if not change.data["timePeriod"]["duration"]:
        raise Refused(400, "BillingReadingSet/timePeriod/duration: it is 0; state the seconds of the set")


@before("POST", "BillingReading")
@before("PUT", "BillingReading")
def _check_reading(change: Change) -> None:
    """Refuse (400) codes that are reserved."""
    data = change.data
    for key, most in (("consumptionBlock", MOST_BLOCKS), ("touTier", MOST_TIERS)):
        if data.get(key, 0) > most:
            raise Refused(400, f"BillingReading/{key}: {data[key]} is reserved; 0 to {most} are possible")
    for charge in data.get("Charge", []):
        if "kind" in charge and charge["kind"] not in [*ChargeKind]:
            raise Refused(400, f"BillingReading/Charge/kind: {charge['kind']} is reserved; 0 to "
                               f"{max(ChargeKind):d} are possible")


@after("POST", "BillingReading")
@after("PUT", "BillingReading")
def _check_time(change: Change) -> None:
    """Refuse (400) a reading that is not within the time of its set."""
    time, of_set = change.data.get("timePeriod"), store.get(table.parent(table.parent(change.href)))
    if time is None or of_set is None or of_set.submitted is None:
        return
    span = of_set.submitted["timePeriod"]
    if time["start"] < span["start"] or _end(time) > _end(span):
        raise Refused(400, f"BillingReading/timePeriod: {time['start']} to {_end(time)} is not within its "
                           f"set, which is from {span['start']} to {_end(span)}")


def _end(period: Data) -> int:
    return int(period["start"] + period["duration"])
