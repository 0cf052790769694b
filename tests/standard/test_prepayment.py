"""Prepayment: an account, its credit, and whether supply is on (IEEE 2030.5-2018, 10.8)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import assignments, virtualders
from server.resources import refresh, store
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer

EUR = 978
OK, LOW, EXHAUSTED, NEGATIVE = range(4)
CONNECTED, DISCONNECTED, ARMED_FOR_CONNECT, ARMED_FOR_DISCONNECT, NO_CONTACTOR, LOAD_LIMITED = range(6)
CENTRAL_WALLET, ESI, LOCAL, CREDIT = range(4)
HOUR = 3600


def amount(value: int, multiplier: int = -2, currency: int = EUR, **more: Any) -> dict[str, Any]:
    return {"monetaryUnit": currency, "multiplier": multiplier, "value": value, **more}


LEVELS = {"creditExpiryLevel": amount(0), "lowCreditWarningLevel": amount(1000),
          "lowEmergencyCreditWarningLevel": amount(300)}


def open_account(audience: str = "", mode: int = ESI, balance: dict[str, Any] | None = None,
                 status: dict[str, Any] | None = None, **more: Any) -> str:
    href = store.add("Prepayment", "/ppy", {"prepayMode": mode, **more}, audience or peers.lfdi(1))
    if balance is not None:
        store.put(f"{href}/ab", balance)
    store.put(f"{href}/os", {"serviceStatus": CONNECTED} if status is None else status)
    return href


def credit(value: int, at: int = NOON, kind: int | None = None, **more: Any) -> str:
    data = {"creditAmount": amount(value, **more), "effectiveTime": at, "token": "t"}
    return store.add("CreditRegister", "/ppy/1/cr", data if kind is None else {**data, "creditType": kind})


def override(start: int, duration: int) -> str:
    return store.add("SupplyInterruptionOverride", "/ppy/1/si", {
        "interval": {"start": start, "duration": duration}})


def balance(device: Peer) -> tuple[int, int | None, int, int | None]:
    """The regular and the emergency credit in hundredths, and how good each is."""
    data = device.get("/ppy/1/ab").data
    values = [None if key not in data else data[key]["value"] * 10 ** (data[key]["multiplier"] + 2)
              for key in ("availableCredit", "emergencyCredit")]
    return values[0], values[1], data["creditStatus"], data.get("emergencyCreditStatus")


def supply(device: Peer) -> int:
    return int(device.get("/ppy/1/os").data["serviceStatus"])


def to(instant: int) -> None:
    clock.turn_to(instant)
    refresh.forget()


# --- what is said, and to whom --------------------------------------------------------------------

@on_sqlite
def test_a_new_account_says_no_balance_that_nobody_has_stated(device: Peer) -> None:
    """10.8.3: availableCredit and serviceStatus are required, so a resource that has none is not there."""
    store.add("Prepayment", "/ppy", {"prepayMode": ESI}, device.lfdi)
    account = device.get("/ppy/1").data
    assert account["AccountBalanceLink"] == {"href": "/ppy/1/ab"}
    assert device.get("/ppy/1/ab").status == device.get("/ppy/1/os").status == 404
    credit(500)
    assert balance(device) == (500, None, OK, None)
    store.put("/ppy/1/os", {"serviceStatus": NO_CONTACTOR})
    assert supply(device) == NO_CONTACTOR


@on_sqlite
def test_an_account_is_its_customer_s_alone(device: Peer, peer: Callable[[int], Peer]) -> None:
    """10.8.1: whose account it is sees it whole, another device nothing of it."""
    enrolment.enrol(peers.lfdi(2))
    open_account(balance={"availableCredit": amount(5)})
    credit(5)
    override(NOON, HOUR)
    for href in ("/ppy/1", "/ppy/1/ab", "/ppy/1/os", "/ppy/1/cr/1", "/ppy/1/si/1", "/ppy/1/actsi"):
        assert (device.get(href).status, peer(2).get(href).status) == (200, 404), href
    assert (device.get("/ppy").data["all"], peer(2).get("/ppy").data["all"]) == (1, 0)


def test_a_device_finds_its_account_by_its_assignments(device: Peer, peer: Callable[[int], Peer]) -> None:
    """8.6, 10.8.1: FunctionSetAssignments link to the PrepaymentList of who has a Prepayment."""
    enrolment.enrol(peers.lfdi(2), name="two")
    virtualders.create("street", members=["one", "two"])
    assert "PrepaymentListLink" not in device.get("/edev/1/fsa/1").data
    href = open_account()
    assert device.get("/edev/1/fsa/1").data["PrepaymentListLink"] == {"href": "/ppy", "all": 1}
    assert "PrepaymentListLink" not in peer(2).get("/edev/2/fsa/1").data
    store.remove(href)
    assert "PrepaymentListLink" not in device.get("/edev/1/fsa/1").data
    assert store.reindex() == 0


@on_sqlite
def test_an_account_of_a_household_is_found_by_all_its_devices(
    device: Peer, peer: Callable[[int], Peer]
) -> None:
    """8.6: what is for the members of a virtual DER is assigned to each of them, as long as it is one."""
    enrolment.enrol(peers.lfdi(2), name="two")
    virtualders.create("home", members=["one"])
    open_account("vder:1")
    assert peer(2).get("/ppy/1").status == 404
    with store.transaction():
        assignments.join([(enrolment.find("two"), virtualders.find("home"))])
    assert peer(2).get("/edev/2/fsa/1").data["PrepaymentListLink"] == {"href": "/ppy", "all": 1}
    assert peer(2).get("/ppy/1").status == 200


@on_sqlite
def test_accounts_are_ordered_by_mrid_and_registers_by_time(device: Peer) -> None:
    """10.8.2, table 46: Prepayment by mRID, descending; CreditRegister by effectiveTime, descending, then
    mRID, descending; SupplyInterruptionOverride by start, then duration."""
    for mrid in ("0A", "0C", "0B"):
        open_account(mRID=mrid)
    assert [item["mRID"][-2:] for item in device.get("/ppy?l=9").data["Prepayment"]] == ["0C", "0B", "0A"]
    for at, mrid in ((NOON - 2, "01"), (NOON - 1, "02"), (NOON - 1, "03"), (NOON - 3, "04")):
        store.add("CreditRegister", "/ppy/1/cr", {"mRID": mrid, "creditAmount": amount(1),
                                                  "effectiveTime": at, "token": "t"})
    listed = device.get("/ppy/1/cr?l=9").data["CreditRegister"]
    assert [item["mRID"][-2:] for item in listed] == ["03", "02", "01", "04"]
    for start, duration in ((NOON + 5, 9), (NOON, 9), (NOON, 3)):
        override(start, duration)
    intervals = [item["interval"] for item in
                 device.get("/ppy/1/si?l=9").data["SupplyInterruptionOverride"]]
    assert intervals == [{"start": NOON, "duration": 3}, {"start": NOON, "duration": 9},
                         {"start": NOON + 5, "duration": 9}]


# --- the credit -----------------------------------------------------------------------------------

STATUSES = [
    (2000, OK, 900, OK), (1001, OK, 301, OK), (1000, LOW, 300, LOW), (1, LOW, 1, LOW),
    (0, EXHAUSTED, 0, EXHAUSTED), (-1, NEGATIVE, -1, NEGATIVE)]


@pytest.mark.parametrize("regular, status, emergency, emergency_status", STATUSES)
@on_sqlite
def test_credit_is_low_at_its_warning_level(
    device: Peer, regular: int, status: int, emergency: int, emergency_status: int
) -> None:
    """10.8.3: the status of a credit is low at its warning level, used up where it expires, negative below
    0."""
    open_account(balance={"availableCredit": amount(regular), "emergencyCredit": amount(emergency)}, **LEVELS)
    assert balance(device) == (regular, emergency, status, emergency_status)


@on_sqlite
def test_the_level_at_which_credit_expires_need_not_be_0(device: Peer) -> None:
    """10.8.3: creditExpiryLevel is the credit at which supply may change, 0 as a rule."""
    open_account(balance={"availableCredit": amount(400)}, creditExpiryLevel=amount(500))
    assert (balance(device)[2], supply(device)) == (EXHAUSTED, DISCONNECTED)
    account = store.get("/ppy/1")
    assert account is not None
    store.put("/ppy/1", {**account.submitted, "creditExpiryLevel": amount(-5, 0)})
    assert (balance(device)[2], supply(device)) == (OK, CONNECTED)


CREDITS = [
    (None, 500, 1500, 200), (0, 500, 1500, 200), (0, -1200, -200, 200), (1, 300, 1000, 500),
    (1, -300, 1000, -100), (2, 300, 1300, 200), (3, 300, 1000, 500),
    (2, -1100, 0, 100), (2, -1300, -100, 0), (3, -150, 1000, 50), (3, -700, 500, 0)]


@pytest.mark.parametrize("kind, value, regular, emergency", CREDITS)
@on_sqlite
def test_a_register_changes_the_credit_of_its_type(
    device: Peer, kind: int | None, value: int, regular: int, emergency: int
) -> None:
    """10.8.3: a CreditRegister adds to, or takes from, the regular credit, the emergency credit, or one after
    the other."""
    open_account(balance={"availableCredit": amount(1000), "emergencyCredit": amount(200)})
    credit(value, kind=kind)
    assert balance(device)[:2] == (regular, emergency)


def test_a_register_that_lies_ahead_takes_effect_at_its_time_once(device: Peer) -> None:
    """10.8.3: effectiveTime may lie ahead; until then the credit is what it was."""
    open_account(balance={"availableCredit": amount(1000)})
    credit(-300, NOON + HOUR)
    credit(-50, NOON + 2 * HOUR)
    assert balance(device)[0] == 1000
    to(NOON + HOUR - 1)
    assert balance(device)[0] == 1000
    to(NOON + HOUR)
    assert balance(device)[0] == 700
    assert (refresh.run(), balance(device)[0]) == (0, 700)
    to(NOON + 3 * HOUR)
    assert store.reindex() > 0 and store.reindex() == 0
    assert balance(device)[0] == 650
    to(NOON + 4 * HOUR)
    assert (refresh.run(), balance(device)[0]) == (0, 650)


def test_the_worker_applies_what_nobody_has_asked_for(device: Peer) -> None:
    """10.8.3: a debit that lies ahead is taken whether a client looks or not."""
    open_account(balance={"availableCredit": amount(100)}, **LEVELS)
    credit(-100, NOON + HOUR)
    to(NOON + HOUR)
    assert refresh.run() > 0 and refresh.run() == 0
    document, status = store.get("/ppy/1/ab"), store.get("/ppy/1/os")
    assert document is not None and document.submitted["availableCredit"]["value"] == 0
    assert status is not None and b"<serviceStatus>1<" in bytes(status.body)


@on_sqlite
def test_a_balance_that_is_stated_replaces_what_was_counted(device: Peer) -> None:
    """10.8.1: the back office may state the balance, in which all is counted that has taken effect by
    then."""
    open_account(balance={"availableCredit": amount(1000)})
    credit(-300, NOON + HOUR)
    credit(-100)
    store.put("/ppy/1/ab", {"availableCredit": amount(7, 0)})
    assert balance(device)[0] == 700
    clock.turn_to(NOON + HOUR)
    store.put("/ppy/1/ab", {"availableCredit": amount(6, 0)})
    refresh.forget()
    assert balance(device)[0] == 600


@on_sqlite
def test_a_register_that_is_removed_before_its_time_never_counts(device: Peer) -> None:
    """10.8.3: one that has taken effect is a record of that, and the balance stays when it goes."""
    open_account(balance={"availableCredit": amount(1000)})
    ahead, past = credit(-300, NOON + HOUR), credit(-100)
    store.remove(ahead)
    store.remove(past)
    to(NOON + 2 * HOUR)
    assert balance(device)[0] == 900


@on_sqlite
def test_amounts_of_finer_multipliers_are_exact(device: Peer) -> None:
    """10.8.3, AccountingUnit: an amount is value times ten to the multiplier, whatever that is."""
    open_account(balance={"availableCredit": amount(1, 1)})
    credit(125, multiplier=-3)
    assert device.get("/ppy/1/ab").data["availableCredit"] == amount(10125, -3)
    with pytest.raises(Refused, match="does not fit"):
        credit(2 ** 31 - 1, multiplier=9)
    assert (device.get("/ppy/1/cr").data["all"], balance(device)[0]) == (1, 1012.5)


REFUSED = [
    ("Prepayment", {"prepayMode": 4}, "Prepayment/prepayMode: 4 is reserved"),
    ("Prepayment", {"prepayMode": 1, "lowCreditWarningLevel": amount(1, currency=840)}, "currency 840"),
    ("AccountBalance", {"availableCredit": amount(1, currency=36)}, "currency 36"),
    ("AccountBalance", {"availableCredit": amount(1, energyUnit={"multiplier": 3, "value": 1})}, "1000 Wh"),
    ("AccountBalance", {"availableCredit": amount(1), "emergencyCredit": amount(1, currency=36)}, "36"),
    ("CreditRegister", {"creditAmount": amount(1, currency=0)}, "currency 0"),
    ("CreditRegister", {"creditAmount": amount(1), "creditType": 4}, "CreditRegister/creditType: 4"),
    ("PrepayOperationStatus", {"serviceStatus": 6}, "serviceStatus: 6"),
    ("PrepayOperationStatus", {"serviceStatus": 0, "creditTypeInUse": 9}, "creditTypeInUse: 9"),
    ("PrepayOperationStatus", {"serviceStatus": 0, "serviceChange": {"newStatus": 7, "startTime": 1}}, "7"),
    ("SupplyInterruptionOverride", {"interval": {"start": NOON, "duration": 0}}, "duration: it is 0"),
]


@pytest.mark.parametrize("kind, data, why", REFUSED)
@on_sqlite
def test_what_contradicts_itself_is_refused(server: None, kind: str, data: dict[str, Any], why: str) -> None:
    """10.8.3: levels, balance and registers of an account have one unit; codes beyond the tables are
    reserved."""
    open_account(balance={"availableCredit": amount(5)}, **LEVELS)
    more = {"effectiveTime": NOON, "token": "t"} if kind == "CreditRegister" else {}
    with pytest.raises(Refused, match=why) as refused:
        if kind in ("CreditRegister", "SupplyInterruptionOverride"):
            store.add(kind, f"/ppy/1/{'cr' if more else 'si'}", {**data, **more})
        else:
            store.put({"Prepayment": "/ppy/1", "AccountBalance": "/ppy/1/ab"}.get(kind, "/ppy/1/os"), data)
    assert refused.value.status == 400


@on_sqlite
def test_a_register_that_was_added_keeps_its_amount(device: Peer) -> None:
    """10.8.3: a CreditRegister is a record; the difference is another one."""
    open_account()
    href = credit(100)
    data = store.get(href).submitted  # type: ignore[union-attr]
    store.put(href, {**data, "description": "paid at the shop"})
    with pytest.raises(Refused, match="another CreditRegister"):
        store.put(href, {**data, "creditAmount": amount(200)})
    assert balance(device)[0] == 100


@on_sqlite
def test_a_device_cannot_credit_itself(device: Peer) -> None:
    """10.8.1: tokens are only carried; who redeems them is the utility."""
    open_account()
    register = {"mRID": "0A", "creditAmount": amount(100), "effectiveTime": NOON, "token": "x"}
    assert device.post("/ppy/1/cr", "CreditRegister", register).status == 403
    assert device.put("/ppy/1/ab", "AccountBalance", {"availableCredit": amount(1)}).status == 403


# --- supply ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode, counted", [(CENTRAL_WALLET, 0), (ESI, 1), (LOCAL, 1), (CREDIT, 0)])
@on_sqlite
def test_supply_is_off_once_credit_is_spent_where_the_server_counts_it(
    device: Peer, mode: int, counted: int
) -> None:
    """10.8.1: with ESI and local the server counts the credit, with the others somebody else does."""
    open_account(mode=mode, balance={"availableCredit": amount(100), "emergencyCredit": amount(50)})
    for change, status, in_use in ((-100, CONNECTED, 1), (-50, [CONNECTED, DISCONNECTED][counted], 0),
                                   (500, CONNECTED, 0)):
        credit(change, kind=2)
        data = device.get("/ppy/1/os").data
        assert (data["serviceStatus"], data["creditTypeInUse"]) == (status, in_use), change


@on_sqlite
def test_changes_to_come_are_in_force_from_their_time_on(device: Peer) -> None:
    """10.8.3: a serviceChange or creditTypeChange is pending until its startTime."""
    change = {"serviceChange": {"newStatus": LOAD_LIMITED, "startTime": NOON + HOUR},
              "creditTypeChange": {"newType": 1, "startTime": NOON + 2 * HOUR}}
    status = {"serviceStatus": CONNECTED, "creditTypeInUse": 0, **change}
    open_account(balance={"availableCredit": amount(5)}, status=status)
    assert device.get("/ppy/1/os").data.items() >= status.items()
    to(NOON + HOUR)
    data = device.get("/ppy/1/os").data
    assert (data["serviceStatus"], data["creditTypeInUse"]) == (LOAD_LIMITED, 0)
    assert "serviceChange" not in data
    to(NOON + 2 * HOUR)
    data = device.get("/ppy/1/os").data
    assert "creditTypeChange" not in data and data["creditTypeInUse"] == 1
    assert store.reindex() == 0


def test_an_override_keeps_supply_on_though_credit_is_gone(device: Peer) -> None:
    """10.8.3: while a SupplyInterruptionOverride runs, supply is not cut; what is served says when it will
    be."""
    open_account(balance={"availableCredit": amount(0)})
    assert supply(device) == DISCONNECTED
    override(NOON + 60, 60)
    override(NOON + 120, 60)
    for instant, status, active in ((0, DISCONNECTED, 0), (60, CONNECTED, 1), (120, CONNECTED, 1),
                                    (179, CONNECTED, 1), (180, DISCONNECTED, 0)):
        to(NOON + instant)
        data = device.get("/ppy/1/os").data
        assert (data["serviceStatus"], device.get("/ppy/1/actsi").data["all"]) == (status, active), instant
        pending = {"newStatus": DISCONNECTED, "startTime": NOON + 180} if status == CONNECTED else None
        assert data.get("serviceChange") == pending, instant


@on_sqlite
def test_an_override_that_is_ended_early_lets_supply_go(device: Peer) -> None:
    """10.8.3: an override that is removed keeps nothing on any more."""
    open_account(balance={"availableCredit": amount(-1)}, mode=LOCAL)
    href = override(NOON, HOUR)
    assert supply(device) == CONNECTED
    store.remove(href)
    assert supply(device) == DISCONNECTED


@on_sqlite
def test_what_the_utility_has_switched_off_stays_off_without_an_override(device: Peer) -> None:
    """10.8.3: without credit counted here, the state of supply is what was stated."""
    open_account(mode=CENTRAL_WALLET, status={"serviceStatus": ARMED_FOR_DISCONNECT})
    assert supply(device) == ARMED_FOR_DISCONNECT
    override(NOON, HOUR)
    assert supply(device) == CONNECTED
    to(NOON + HOUR)
    assert supply(device) == ARMED_FOR_DISCONNECT
