"""Prepaid accounts as operators keep them: what they set, and what the owner's device then reads."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.devices import enrolment
from server.errors import Refused
from server.grid.customers import prepaychanges, prepayments
from server.resources import refresh, store
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer

HOUR = 3600


@pytest.fixture
def account(device: Peer) -> Peer:
    prepaychanges.configure("one", "esi", "EUR", {"balance": "20", "low": "5", "emergency": "10",
                                                "low_emergency": "3"})
    return device


def to(instant: int) -> None:
    clock.turn_to(instant)
    refresh.forget()


def test_an_account_is_opened_and_read_by_its_owner(account: Peer, peer: Callable[[int], Peer]) -> None:
    enrolment.enrol(peers.lfdi(2))
    data = account.get("/ppy/1").data
    assert (data["prepayMode"], data["lowCreditWarningLevel"]) == (
        1, {"monetaryUnit": 978, "multiplier": -2, "value": 500})
    assert account.get("/ppy/1/ab").data["availableCredit"]["value"] == 2000
    assert account.get("/ppy/1/os").data["serviceStatus"] == 0
    assert peer(2).get("/ppy/1/ab").status == 404
    detail = prepayments.show("one")
    assert (detail["credit"], detail["status"], detail["emergency"], detail["mode"], detail["currency"]) == (
        "20.00", "ok", "10.00", "esi", "EUR")
    assert [row["owner"] for row in prepayments.list_accounts()] == ["one"]


@on_sqlite
def test_credits_add_up_and_warn(account: Peer) -> None:
    assert prepaychanges.credit("one", "-16.50")["status"] == "low"
    detail = prepaychanges.credit("one", "-3.50", description="fee")
    assert (detail["credit"], detail["status"], detail["service"], detail["credit_in_use"]) == (
        "0.00", "exhausted", "connected", "emergency")
    assert prepaychanges.credit("one", "-10", "emergency")["service"] == "disconnected"
    detail = prepaychanges.credit("one", "50.125", token="7F3A")
    assert (detail["credit"], detail["service"]) == ("50.125", "connected")
    assert detail["credits"][0]["token"] == "7F3A"
    assert account.get("/ppy/1/cr").data["all"] == 4


@on_sqlite
def test_a_debit_that_lies_ahead(account: Peer) -> None:
    detail = prepaychanges.credit("one", "-20", at=NOON + HOUR)
    assert (detail["credit"], detail["changes"]) == (
        "20.00", [{"at": NOON + HOUR, "change": "credit -20.00 regular"}])
    to(NOON + HOUR)
    detail = prepayments.show("one")
    assert (detail["credit"], detail["changes"]) == ("0.00", [])


@on_sqlite
def test_supply_is_stated_planned_and_kept_on(account: Peer) -> None:
    assert prepaychanges.switch("one", "load-limited")["service"] == "load-limited"
    detail = prepaychanges.switch("one", "disconnected", NOON + HOUR)
    assert detail["changes"] == [{"at": NOON + HOUR, "change": "disconnected"}]
    to(NOON + HOUR)
    assert prepayments.show("one")["service"] == "disconnected"
    detail = prepaychanges.override("one", 2 * HOUR, description="heat wave")
    assert (detail["service"], detail["overrides"][0]["active"]) == ("connected", True)
    assert detail["changes"] == [{"at": NOON + 3 * HOUR, "change": "disconnected"}]
    detail = prepaychanges.override("one", None, clear=True)
    assert (detail["service"], detail["overrides"]) == ("disconnected", [])


@on_sqlite
def test_levels_are_changed_and_taken_away(account: Peer) -> None:
    detail = prepaychanges.configure("one", "credit", None, {"low": "none", "expiry": "-5"})
    assert (detail["levels"], detail["mode"]) == ({"expiry": "-5.00", "low_emergency": "3.00"}, "credit")
    assert prepaychanges.configure("one", None, None, {"balance": "1"})["status"] == "ok"


@on_sqlite
def test_an_account_that_says_nothing_of_its_credit(device: Peer) -> None:
    """Devices see no balance; the operator is told so."""
    detail = prepaychanges.configure("one", "local", "840")
    assert (detail["credit"], detail["currency"], detail["service"]) == ("", "USD", "connected")
    assert detail["warnings"] == ["devices see no balance, since nothing was said of it"]
    assert device.get("/ppy/1/ab").status == 404
    assert prepaychanges.credit("one", "5")["warnings"] == []


REFUSED: list[tuple[Any, str]] = [
    (lambda: prepaychanges.configure("one", None, None), "a new one needs a mode and a currency"),
    (lambda: prepaychanges.configure("one", "esi", "EURO"), "'EURO' is no currency"),
    (lambda: prepaychanges.configure("one", "esi", "EUR", {"emergency": "5"}), "state both"),
    (lambda: prepaychanges.credit("one", "5"), "one has no prepaid account"),
    (lambda: prepayments.show("/ppy/9"), "there is no prepaid account /ppy/9"),
]


@on_sqlite
@pytest.mark.parametrize("task, why", REFUSED)
def test_what_an_account_needs_to_be_opened(device: Peer, task: Callable[[], Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        task()
    assert device.get("/ppy").data["all"] == 0


@on_sqlite
@pytest.mark.parametrize("task, why", [
    (lambda: prepaychanges.credit("one", "0"), "it is 0"),
    (lambda: prepaychanges.credit("one", "five"), "'five' is not a number"),
    (lambda: prepaychanges.credit("one", "1e11"), "does not fit"),
    (lambda: prepaychanges.configure("one", None, "USD", {}), "keeps its currency"),
    (lambda: prepaychanges.switch("one", "connected", NOON - 1), "it is over"),
    (lambda: prepaychanges.override("one", None), "say for how long"),
    (lambda: prepaychanges.override("one", 60, NOON - 60), "the time is over"),
])
def test_what_cannot_be_is_refused_and_nothing_changes(
    account: Peer, task: Callable[[], Any], why: str
) -> None:
    before = prepayments.show("one")
    with pytest.raises(Refused, match=why):
        task()
    assert prepayments.show("one") == before


@on_sqlite
def test_an_account_is_removed(account: Peer) -> None:
    prepaychanges.credit("one", "5")
    assert dict(prepaychanges.remove("one")) == {"href": "/ppy/1", "owner": "one", "below": 3}
    assert account.get("/ppy/1/ab").status == 404 and store.get("/ppy/1/cr/1") is None
