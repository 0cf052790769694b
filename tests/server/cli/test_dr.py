"""`dr event …`, as an operator types it."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server import clock
from server.cli import main
from server.config import settings
from server.devices import enrolment
from server.grid.groups import virtualders
from tests import peers
from tests.conftest import NOON

Verb = Callable[..., Any]


@pytest.fixture
def run(server: None) -> Callable[..., Result]:
    """Type a command line at a server with a thermostat in `street`."""
    enrolment.enrol(peers.lfdi(1), name="one", category=1)
    virtualders.create("street", members=["one"])

    def invoke(*words: str) -> Result:
        settings.clock = clock.spec()
        return CliRunner().invoke(main, list(words), catch_exceptions=False)
    return invoke


@pytest.fixture
def run_json(run: Callable[..., Result]) -> Verb:
    def invoke(*words: str) -> Any:
        result = run("dr", "event", *words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)
    return invoke


@pytest.mark.parametrize(
    "words, action",
    [
        (("--offset", "1.5"), {"Offset": {"coolingOffset": 15, "heatingOffset": 15}}),
        (("--load", "30"), {"Offset": {"loadAdjustmentPercentageOffset": 3000}}),
        (("--setpoint", "19.5:26"), {"SetPoint": {"heatingSetpoint": 1950, "coolingSetpoint": 2600}}),
        (("--setpoint", ":26"), {"SetPoint": {"coolingSetpoint": 2600}}),
        (("--duty", "50"), {"DutyCycle": {"normalValue": 50}}),
        (("--reduction", "3kWh"), {"TargetReduction": {"type": 0, "value": 3}}),
        (
            ("--reduction", "500W", "--appliance", "delay"),
            {"TargetReduction": {"type": 2, "value": 500}, "ApplianceLoadReduction": {"type": 0}},
        ),
    ],
)
def test_each_wish_becomes_an_action(run_json: Verb, words: tuple[str, ...], action: dict[str, Any]) -> None:
    assert run_json("create", "street", *words, "--duration", "1h")["action"] == action


def test_an_event_is_tried_created_listed_shown_cancelled(run_json: Verb) -> None:
    words = (
        "create",
        "street",
        "--offset",
        "2",
        "--start",
        "+15m",
        "--duration",
        "1h",
        "--randomize",
        "300",
        "--mandatory",
        "--category",
        "thermostat",
        "--category",
        "evse",
        "--override",
        "10m",
        "--description",
        "hot",
    )
    tried = run_json(*words, "--dry-run")
    assert "<drProgramMandatory>true" in tried["xml"][0] and run_json("list") == []
    created = run_json(*words)
    assert (created["start"], created["duration_s"], created["override_duration_s"], created["vder"]) == (
        NOON + 900,
        3600,
        600,
        "street",
    )
    assert created["categories"] == ["thermostat", "evse"]
    assert [row["href"] for row in run_json("list", "street")] == [created["href"]]
    shown = run_json("show", created["href"])
    assert shown["answers"] == {"no answer": 1} and "<randomizeStart>300</randomizeStart>" in shown["xml"]
    assert run_json("cancel", created["href"], "--reason", "cloudy")["status"] == "cancelled"
    clock.turn_to(NOON + 9000)
    assert run_json("list") == [] and [row["status"] for row in run_json("list", "--ended")] == ["cancelled"]


@pytest.mark.parametrize(
    "words",
    [
        ("create", "street", "--duration", "1h"),
        ("create", "street", "--duty", "101", "--duration", "1h"),
        ("create", "street", "--setpoint", "19", "--duration", "1h"),
        ("create", "street", "--setpoint", ":", "--duration", "1h"),
        ("create", "street", "--reduction", "1.5kW", "--duration", "1h"),
        ("create", "nowhere", "--duty", "5", "--duration", "1h"),
        ("show", "/dr/1/edc/9"),
        ("cancel", "/derp/1"),
    ],
)
def test_what_cannot_be_is_refused_in_words(run: Callable[..., Result], words: tuple[str, ...]) -> None:
    result = run("dr", "event", *words)
    assert result.exit_code in (1, 2) and "Error" in result.output


@pytest.mark.parametrize("category, words, expected", [
    (1, ("--offset", "1"), []), (1, ("--setpoint", "19:"), []), (1 << 17, ("--load", "30"), []),
    (1 << 17, ("--offset", "1"), ["street that is addressed understands Offset: it is for thermostat"]),
    (1 << 17, ("--setpoint", "19:"), ["street that is addressed understands SetPoint: it is for thermostat"]),
    (1, ("--appliance", "delay"), ["understands ApplianceLoadReduction: it is for water-heater, appliance"]),
    (1 << 14, ("--setpoint", "19:"), []), (1 | 1 << 17, ("--setpoint", "19:"), []),
])
def test_an_action_that_no_member_understands_is_warned_of(
    server: None, run_json: Verb, category: int, words: tuple[str, ...], expected: list[str]
) -> None:
    enrolment.enrol(peers.lfdi(2), name="two", category=category)
    virtualders.update("street", add=["two"], remove=["one"])
    created = run_json("create", "street", *words, "--duration", "1h")
    assert len(created["warnings"]) == len(expected)
    assert all(part in warning for part, warning in zip(expected, created["warnings"], strict=True))
