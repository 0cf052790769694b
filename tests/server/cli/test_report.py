"""`report …` and `baseline …`, as an operator types them."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server import clock
from server.cli import main
from server.config import settings
from server.devices import enrolment
from server.grid.groups import virtualders
from server.grid.series import measurements
from server.models import DeviceType, DispatchOrder, Share, VirtualDER
from tests import peers
from tests.conftest import NOON


@pytest.fixture
def run(server: None) -> Callable[..., Result]:
    """Type a command line at a street with a battery, an order that nobody answered, and a day's imbalance
    halved."""
    enrolment.enrol(peers.lfdi(1), name="one")
    DeviceType.delete().execute()
    DeviceType.create(device=1, kind="storage")
    virtualders.create("street", members=["one"])
    street = VirtualDER.get()
    row = DispatchOrder.create(
        vder=street,
        quantity="watts",
        value=500,
        addressing="broadcast",
        start=NOON - 7200,
        duration_s=3600,
        created_at=NOON - 8100,
    )
    Share.create(
        order=row, lfdi=peers.lfdi(1), event_href="/derp/1/derc/1", mrid="E1", planned_w=500, baseline_w=0
    )
    measurements.save(
        {"vder": street.id, "quantity": what, "start": NOON - 3600, "value": value, "devices_read": 1}
        for what, value in (("before", 2000.0), ("after", -1000.0))
    )

    def invoke(*words: str) -> Result:
        settings.clock = clock.spec()
        return CliRunner().invoke(main, words, catch_exceptions=False)
    return invoke


def json_of(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_day_is_printed_and_written(run: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "new" / "day.html"
    result = run("report", "day", "street", "--date", "2025-06-15", "--html", str(path))
    assert result.exit_code == 0 and "cut in RMS imbalance" in result.stdout and "50.0 %" in result.stdout
    assert str(path) in result.stdout.replace("\n", "") and "50.0 %" in path.read_text()


def test_pages_have_a_place_of_their_own(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    month = json_of(run("report", "month", "street", "--month", "2025-06", "--json"))
    assert month["html"] == "var/reports/month-street-2025-06-01.html" and Path(month["html"]).exists()
    assert month["key_figures"]["rms_before_w"] == 2000 and len(month["days"]) == 15
    event = json_of(run("report", "event", str(DispatchOrder.get().id), "--json"))
    assert (
        event["html"] == f"var/reports/event-order-{DispatchOrder.get().id}.html"
        and event["devices"][0]["nonresponse"] == "no answer"
    )


def test_who_does_not_respond(run: Callable[..., Result]) -> None:
    assert [
        (row["name"], row["no_answer"]) for row in json_of(run("report", "nonresponders", "street", "--json"))
    ] == [("one", 1)]
    assert json_of(run("report", "nonresponders", "street", "--from", "2025-06-15T11:00", "--json")) == []


def test_baselines(run: Callable[..., Result]) -> None:
    for words in (
        ("show", str(DispatchOrder.get().id)),
        ("compute", "one", "--start", "2025-06-15T10:00", "--end", "2025-06-15T11:00"),
        ("compute", "street", "--start", "2025-06-15T10:00", "--end", "2025-06-15T11:00"),
    ):
        row, = json_of(run("baseline", *words, "--json"))
        known = ("as ordered", [0.0] * 4) if words[0] == "show" else ("none", [None] * 4)
        assert (row["name"], row["method"], row["load_w"]) == ("one", *known)


@pytest.mark.parametrize("words, why", [
    (("report", "event", "99999"), "no order 99999"), (("report", "day", "nowhere"), "no virtual DER"),
    (("baseline", "compute", "one", "--start", "now", "--end", "+2d"), "up to 24 h")])
def test_what_cannot_be_said_is_said(run: Callable[..., Result], words: tuple[str, ...], why: str) -> None:
    result = run(*words)
    assert result.exit_code == 1 and why in result.output
