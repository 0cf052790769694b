"""`ev …`, as an operator types it."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server import clock
from server.cli import main
from server.config import settings
from server.grid.groups import virtualders
from tests.conftest import NOON
from tests.peers import Peer

WANTED = {
    "mRID": "0A",
    "creationTime": NOON,
    "energyRequested": {"multiplier": 0, "value": 14_000},
    "powerRequested": {"multiplier": 0, "value": 7000},
    "RequestStatus": {"dateTime": NOON, "requestStatus": 0},
    "intervalRequested": {"start": NOON, "duration": 36_000},
}


@pytest.fixture
def run(device: Peer) -> Callable[..., Result]:
    """Type a command line at a server where `one`, in `street`, asks for 14 kWh."""
    virtualders.create("street", members=["one"])
    assert device.post("/edev/1/frq", "FlowReservationRequest", WANTED).status == 201

    def invoke(*words: str) -> Result:
        settings.clock = clock.spec()
        return CliRunner().invoke(main, ["ev", *words], catch_exceptions=False)
    return invoke


@pytest.fixture
def run_json(run: Callable[..., Result]) -> Callable[..., Any]:
    def invoke(*words: str) -> Any:
        result = run(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)
    return invoke


def test_sessions_are_seen_and_grants_revised_and_taken_back(
    run_json: Callable[..., Any], run: Callable[..., Result]
) -> None:
    row, = run_json("sessions", "street")
    assert (row["name"], row["granted_w"], row["granted_start"]) == ("one", 7000, NOON + 300)
    tried = run_json("grant", "one", "--power", "3500", "--start", "+5m", "--duration", "4h", "--dry-run")
    assert "<powerAvailable>" in tried["xml"][0] and run_json("sessions")[0]["granted_w"] == 7000
    reservation = run_json("grant", "one", "--power", "3500", "--start", "+5m", "--duration", "4h",
                           "--energy", "12000")
    assert (reservation["energy_wh"], reservation["start"], reservation["duration_s"]) == (12_000,
                                                                                           NOON + 300, 14_400)
    assert [session["granted_wh"] for session in run_json("sessions")] == [12_000]
    assert run_json("cancel", "one", "--reason", "fault") == {"request": "/edev/1/frq/1", "cancelled": 2}
    assert run_json("sessions")[0]["state"] == "cancelled"
    assert "one" in run("sessions").output


@pytest.mark.parametrize(
    "words",
    [
        ("grant", "one", "--power=-100", "--duration", "1h"),
        ("grant", "two", "--power", "1", "--duration", "1h"),
        ("grant", "one", "--power", "1", "--duration", "1d"),
        ("sessions", "nowhere"),
        ("grant", "one", "--request", "/edev/1/frq/9", "--power", "1", "--duration", "1h"),
    ],
)
def test_what_cannot_be_is_refused_in_words(run: Callable[..., Result], words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 1 and "Error" in result.output
