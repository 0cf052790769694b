"""Attempts to sign in wait the longer the more of them have failed, and no table grows for ever."""
from __future__ import annotations

import pytest

from server import clock
from server.errors import Refused
from server.models import SignInFailure
from server.operators import throttling
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")


def fail(times: int, name: str = "kate", address: str = "") -> None:
    for _ in range(times):
        throttling.failed(name, address)


@pytest.mark.parametrize("failures, wait_s", [
    (4, 0), (5, 1), (6, 2), (8, 8), (14, 512), (15, 900), (500, 900)])
def test_the_wait_doubles_up_to_a_quarter_of_an_hour(failures: int, wait_s: int) -> None:
    fail(failures)
    if wait_s:
        with pytest.raises(Refused, match=f"try again in {wait_s} s") as refused:
            throttling.check("kate", "")
        assert refused.value.status == 429 and refused.value.headers["Retry-After"] == str(wait_s)
    clock.turn_to(NOON + wait_s)
    throttling.check("kate", "")
    throttling.check("tom", "")


def test_an_address_that_tries_many_names_waits_too() -> None:
    for number in range(20):
        throttling.failed(f"name{number}", "192.0.2.1")
    with pytest.raises(Refused, match="try again"):
        throttling.check("kate", "192.0.2.1")
    throttling.check("kate", "192.0.2.2")


def test_a_success_forgets_the_name_and_not_the_address() -> None:
    fail(19, address="192.0.2.1")
    throttling.succeeded("kate", "192.0.2.1")
    throttling.check("kate", "")
    fail(1, "tom", "192.0.2.1")
    with pytest.raises(Refused):
        throttling.check("eve", "192.0.2.1")


def test_rows_are_bounded_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "MOST", 10)
    for number in range(15):
        clock.turn_to(NOON + number)
        throttling.failed(f"name{number}", "")
    assert SignInFailure.select().count() == 10
    clock.turn_to(NOON + 2 * throttling.FORGOTTEN_S)
    throttling.failed("kate", "")
    assert SignInFailure.select().count() == 1


def test_what_was_typed_is_not_kept() -> None:
    throttling.failed("my password", "192.0.2.1")
    assert all(len(row.key) == 64 for row in SignInFailure.select())
