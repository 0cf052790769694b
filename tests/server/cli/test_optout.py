"""`opt-out …` and `contract …`, as an operator types them."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from server import clock
from server.cli import main
from server.config import settings
from server.models import AuditEntry
from tests.conftest import NOON
from tests.peers import Peer


@pytest.fixture
def run_json(device: Peer) -> Callable[..., Any]:
    def invoke(*words: str) -> Any:
        settings.clock = clock.spec()
        result = CliRunner().invoke(main, [*words, "--json"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)
    return invoke


def test_a_device_is_taken_out_listed_and_brought_back(run_json: Callable[..., Any], device: Peer) -> None:
    row = run_json("opt-out", "set", "one", "--until", "+2h", "--reason", "guests")
    assert row["opted_out_until"] == NOON + 7200
    assert run_json("opt-out", "list") == [
        {"device": "one", "lfdi": device.lfdi, "opted_out_until": NOON + 7200, "opt_out_reason": "guests"}]
    run_json("opt-out", "clear", "one")
    assert run_json("opt-out", "list") == []
    assert [(row.operation, row.reason) for row in AuditEntry.select().order_by(AuditEntry.id)] == [
        ("opt-out set", "guests"), ("opt-out clear", "")]


def test_a_contract_is_made_and_ended(run_json: Callable[..., Any]) -> None:
    run_json("contract", "set", "one", "--events", "12", "--hours", "2.5")
    assert [(row["max_events"], row["max_hours"]) for row in run_json("contract", "list")] == [(12, 2.5)]
    run_json("contract", "set", "one", "--events", "none", "--hours", "none")
    assert run_json("contract", "list") == [] and run_json("contract", "show", "one")["tier"] == 0


def test_a_block_of_a_business_is_agreed_and_removed(run_json: Callable[..., Any]) -> None:
    words = "--block engine --kind generator --power 200kW --notice 10m --longest 4h --island yes"
    row = run_json("contract", "set", "one", *words.split())["blocks"][0]
    assert (row["power_w"], row["notice_s"], row["longest_s"], row["island"]) == (200e3, 600, 14_400, True)
    changed = run_json("contract", "set", "one", "--block", "engine", "--clear", "notice_s", "--tier", "2")
    assert (changed["blocks"][0]["notice_s"], changed["tier"]) == (0, 2)
    shown = run_json("contract", "show", "one")["blocks"]
    assert run_json("contract", "blocks") == changed["blocks"] == shown
    assert run_json("contract", "remove", "one", "--block", "engine", "--yes")["removed"] == "engine"
    assert run_json("contract", "blocks") == []


def test_a_clause_without_its_block_is_refused(device: Peer) -> None:
    result = CliRunner().invoke(main, ["contract", "set", "one", "--notice", "1h"])
    assert result.exit_code and "notice_s is of a block: name it" in result.output


def test_what_cannot_be_is_said(device: Peer) -> None:
    result = CliRunner().invoke(main, ["opt-out", "clear", "one"])
    assert result.exit_code == 1 and "has not opted out" in result.output
