"""Bills of customers from CSV files: what a file says is there, once, or nothing of it is."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.customers import billimport, bills
from server.grid.groups import virtualders
from server.models import Document
from server.resources import store
from tests import peers
from tests.conftest import on_sqlite
from tests.peers import Peer

MAY, JUNE, JULY = 1_777_593_600, 1_780_272_000, 1_782_864_000  # the first of each of 2026, UTC
COLUMNS = ("device,account,customer,agreement,location,start,end,bill,last_bill,reading,block,tier,value,"
           "charge,charge_kind,charge_text\n")
FILE = COLUMNS + """one,A-1,R. Berg,S-1,12 Elm Street,2026-05-01,2026-06-01,48.20,51.00,,,,,,,
one,A-1,,S-1,,2026-05-01,2026-06-01,,,history,1,1,100.5,20.10,,peak
one,A-1,,S-1,,2026-05-01,2026-06-01,,,history,1,2,150,22.50,,off peak
one,A-1,,S-1,,2026-05-01,2026-06-01,,,history,1,2,,5.60,tax,VAT
one,A-1,,S-1,,2026-06-01,2026-07-01,,,projection,,,240,46.00,,
one,A-1,,S-1,,2026-06-01,2026-07-01,,,target,,,220,,,
"""


@pytest.fixture
def customer(device: Peer) -> Peer:
    settings.timezone = "UTC"
    return device


def load(text: str, **more: Any) -> dict[str, Any]:
    return dict(billimport.load(text, "bills.csv", **{"currency": "EUR", **more}))


def line(columns: str, *cells: str) -> str:
    return f"device,start,end,{columns}\n" + "\n".join(f"one,2026-05-01,2026-06-01,{cell}" for cell in cells)


def counts(result: dict[str, Any]) -> tuple[int, int, int]:
    return result["added"], result["changed"], result["removed"]


def contents() -> dict[str, Any]:
    return {row.href: row.submitted for row in Document.select().where(Document.href.startswith("/bill/"))}


@on_sqlite
def test_a_long_file_is_written_in_parts_and_goes_on_where_it_was_interrupted(
    customer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "device,account,start,end,bill\n" + "\n".join(
        f"one,A-{number},2026-05-01,2026-06-01,{number}.00" for number in range(5))
    monkeypatch.setattr(billimport, "TOGETHER", 2)
    whole = billimport._put
    parts: list[int] = []

    def put(accounts: Any, *more: Any) -> Any:
        if len(parts) == 2:
            raise KeyboardInterrupt
        parts.append(len(accounts))
        return whole(accounts, *more)

    monkeypatch.setattr(billimport, "_put", put)
    with pytest.raises(KeyboardInterrupt):
        load(text)
    assert parts == [2, 2] and len(store.items("/bill")) == 4
    monkeypatch.setattr(billimport, "_put", whole)
    result = load(text)
    assert (counts(result), result["unchanged"], len(result["accounts"])) == ((3, 0, 0), 12, 5)
    before = contents()
    with pytest.raises(Refused, match="line 7"):
        load(f"{text}\ntwo,A-9,2026-05-01,2026-06-01,1.00")
    assert contents() == before


def test_the_owner_reads_what_a_file_says_over_its_device(
    customer: Peer, peer: Callable[[int], Peer]
) -> None:
    enrolment.enrol(peers.lfdi(2))
    result = load(FILE, supplier={"description": "Municipal utility", "phone": "+49 30 1"})
    assert (result["lines"], counts(result), result["accounts"]) == (6, (17, 0, 0), ["/bill/1"])
    account = customer.get("/bill/1").data
    assert (account["customerName"], account["customerAccount"], account["currency"],
            account["pricePowerOfTenMultiplier"]) == ("R. Berg", "A-1", 978, -2)
    assert customer.get(account["ServiceSupplierLink"]["href"]).data["phone"] == "+49 30 1"
    agreement, = customer.get("/bill/1/ca?l=9").data["CustomerAgreement"]
    assert (agreement["serviceLocation"], agreement["serviceAccount"]) == ("12 Elm Street", "S-1")
    period, = customer.get(f"{agreement['href']}/bp?l=9").data["BillingPeriod"]
    assert period["interval"] == {"start": MAY, "duration": JUNE - MAY}
    assert (period["billToDate"], period["billLastPeriod"]) == (4820, 5100)
    history, = customer.get(f"{agreement['href']}/ver?l=9").data["HistoricalReading"]
    kind = customer.get(history["ReadingTypeLink"]["href"]).data
    assert (kind["uom"], kind["kind"], kind["flowDirection"], kind["numberOfConsumptionBlocks"],
            kind["numberOfTouTiers"]) == (72, 12, 1, 1, 2)
    of_set, = customer.get(f"{history['href']}/brs?l=9").data["BillingReadingSet"]
    peak, off_peak = customer.get(f"{of_set['href']}/br?l=9").data["BillingReading"]
    assert (peak["value"], off_peak["value"], off_peak["touTier"]) == (100_500, 150_000, 2)
    assert off_peak["Charge"] == [{"description": "off peak", "kind": 0, "value": 2250},
                                  {"description": "VAT", "kind": 4, "value": 560}]
    projection, = customer.get(f"{agreement['href']}/pro?l=9").data["ProjectionReading"]
    assert projection["BillingReadingSetListLink"]["all"] == 1
    assert peer(2).get("/bill/1").status == peer(2).get(f"{of_set['href']}/br/1").status == 404


def test_imported_again_it_changes_nothing_and_corrected_what_was_corrected(customer: Peer) -> None:
    load(FILE, supplier={"description": "Municipal utility"})
    before = contents()
    again = load(FILE, supplier={"description": "Municipal utility"})
    assert (counts(again), again["unchanged"], contents() == before) == ((0, 0, 0), 17, True)
    lines = FILE.replace("48.20", "49.20").splitlines(keepends=True)
    corrected = load("".join(line for line in lines if not line.endswith("peak\n") or "off peak" in line))
    assert counts(corrected) == (0, 1, 1)
    assert customer.get("/bill/1/ca/1/bp/1").data["billToDate"] == 4920
    assert customer.get("/bill/1/ca/1/ver/1/brs/1/br").data["all"] == 1
    assert store.reindex() == 0


def test_the_next_month_is_added(customer: Peer) -> None:
    load(FILE)
    result = load(FILE.replace("2026-05-01,2026-06-01,,,history", "2026-06-01,2026-07-01,,,history"))
    assert counts(result) == (3, 0, 0)
    sets = customer.get("/bill/1/ca/1/ver/1/brs?l=9").data["BillingReadingSet"]
    assert [of_set["timePeriod"]["start"] for of_set in sets] == [JUNE, MAY]


@on_sqlite
def test_a_dry_run_says_what_would_be_done(customer: Peer) -> None:
    result = load(FILE, dry_run=True)
    assert (result["added"], result["dry_run"], contents()) == (16, True, {})


@on_sqlite
def test_an_agreement_leads_to_meter_tariff_and_prepayment(customer: Peer) -> None:
    """A meter of the premises is meant rather than a submeter."""
    for number, flags in (("AA", "0048"), ("AB", "0002")):
        customer.post("/mup", "MirrorUsagePoint", {
            "mRID": number, "deviceLFDI": customer.lfdi, "roleFlags": flags, "serviceCategoryKind": 0,
            "status": 1})
    store.add("TariffProfile", "/tp", {"primacy": 1, "serviceCategoryKind": 0, "rateCode": "TOU-A"})
    store.add("Prepayment", "/ppy", {"prepayMode": 0}, customer.lfdi)
    load(line("bill,tariff", "1,TOU-A"))
    agreement = customer.get("/bill/1/ca/1").data
    assert customer.get(agreement["UsagePointLink"]["href"]).data["mRID"].endswith("AB")
    assert agreement["TariffProfileLink"]["href"] == "/tp/1"
    assert agreement["PrepaymentLink"]["href"] == "/ppy/1"


@on_sqlite
def test_the_devices_of_a_household_share_its_bill(customer: Peer, peer: Callable[[int], Peer]) -> None:
    enrolment.enrol(peers.lfdi(2), name="two")
    virtualders.create("home", members=["one", "two"])
    load(line("bill", "1").replace("device,", "vder,").replace("one,", "home,"))
    assert customer.get("/bill/1").status == peer(2).get("/bill/1").status == 200
    row, = bills.list_accounts()
    assert (row["owner"], bills.show("vder:home")["href"]) == ("vder:home", "/bill/1")


@on_sqlite
def test_semicolons_and_decimal_commas(customer: Peer) -> None:
    text = "device;start;end;bill;value\none;2026-05-01;2026-06-01;1.048,25;12,5\n"
    load(text)
    detail = bills.show("one")
    assert (detail["periods"][0]["bill"], detail["readings"][0]["quantity_value"]) == ("1048.25", "12500")


REFUSED = [
    ("bill", ["x"], "line 2, bill: 'x' is not a number"),
    ("bill", ["1", "2"], "line 3, bill: it is 2.0, and 1.0 in a line before of the same period"),
    ("value", [""], "line 2, value: the line states none of"),
    ("value,unit", ["1,MWatt"], "line 2, unit: 'MWatt' is not one of"),
    ("value,tier", ["1,16"], "line 2, tier: '16' is not a whole number from 0 to 15"),
    ("value,unit", ["1,kWh", "1,W"], None),
    ("value,unit,quantity", ["1,kWh,Use", "1,W,Use"],
     "line 3, unit: Use is in W delivered, and in kWh delivered"),
    ("value", ["1", "2"], "line 3, value: it is 2.0, and 1.0 in a line before of the same reading"),
    ("charge,charge_kind", ["1,fee"], "line 2, charge_kind: 'fee' is not one of consumption"),
    ("charge", ["99999999999"], "line 2: it does not fit into 32 bits"),
    ("bill,customer", ["1,A", "1,B"], "line 3, customer: it is 'B', and 'A' in a line before"),
    ("bill,customer", [f"1,{'x' * 43}"], "line 2, customer: it has 43 characters; 42 are possible"),
    ("bill,currency", ["1,EURO"], "line 2: it is no currency; write letters"),
    ("bill,tariff", ["1,TOU"], "line 2, tariff: there is no tariff TOU"),
    ("bill,colour", ["1,red"], "line 1: the columns are"),
]


@on_sqlite
@pytest.mark.parametrize("columns, cells, why", REFUSED)
def test_what_is_wrong_is_refused_by_its_line_and_nothing_is_done(
    customer: Peer, columns: str, cells: list[str], why: str | None
) -> None:
    if why is None:
        load(line(columns, *cells))
        return
    with pytest.raises(Refused) as refused:
        load(line(columns, *cells))
    assert f"bills.csv, {why}" in refused.value.why
    assert contents() == {}


@on_sqlite
@pytest.mark.parametrize("text, why", [
    ("device,start,end,bill\n", "it has no lines but the first"),
    ("device,vder,start,end,bill\n,,2026-05-01,2026-06-01,1", "name either a device or"),
    ("device,start,end,bill\nnine,2026-05-01,2026-06-01,1", "line 2: "),
    ("device,start,end,bill\none,2026-06-01,2026-06-01,1", "line 2, end: it is not after the start"),
    ("device,start,end,bill\none,May,2026-06-01,1", "line 2, start: 'May' is not a time"),
])
def test_owners_and_times_that_cannot_be(customer: Peer, text: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        load(text)
    assert "bills.csv" in refused.value.why and why in refused.value.why
    assert contents() == {}


@on_sqlite
def test_an_account_keeps_its_currency_and_its_decimals(customer: Peer) -> None:
    load(line("bill", "1.25"))
    for columns, cells, why in (("bill,currency", "1,USD", "an account keeps its currency"),
                                ("bill", "1.255", "it has more than 2 decimals")):
        with pytest.raises(Refused, match=why):
            load(line(columns, cells), currency=None)
    with pytest.raises(Refused, match="nothing says its currency"):
        load(line("bill,account", "1,B"), currency=None)


@on_sqlite
def test_of_several_accounts_one_has_to_be_named(customer: Peer) -> None:
    load(line("bill,account", "1,A", "2,B"))
    with pytest.raises(Refused, match="there are 2 accounts; name one"):
        load(line("bill", "3"))
    with pytest.raises(Refused, match="name one by its href: /bill/"):
        bills.show("one")
    assert bills.show("/bill/2")["account"] == "B"


def test_an_account_is_removed_with_all_below_it(customer: Peer) -> None:
    load(FILE)
    assert [row["owner"] for row in bills.list_accounts("one")] == ["one"]
    detail = bills.show("one")
    assert [(row["reading"], row["tier"], row["quantity_value"], row["charge"])
            for row in detail["readings"]] == [
        ("history", 1, "100500", "20.10"), ("history", 2, "150000", "28.10"),
        ("projection", 0, "240000", "46.00"), ("target", 0, "220000", "")]
    assert [(row["amount"], row["kind"]) for row in detail["charges"]][1:3] == [
        ("22.50", "consumption"), ("5.60", "tax")]
    assert dict(bills.remove("one"))["below"] == 15
    assert contents() == {} and customer.get("/bill").data["all"] == 0
    with pytest.raises(Refused, match="one has no account"):
        bills.remove("one")
