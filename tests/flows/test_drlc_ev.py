"""Demand response and charging over TLS: a charger and a thermostat, as a process at sixty times real speed
against the real server, find what is for them by its links. The charger asks, is granted, and follows a
revision; the thermostat follows an offset, which is nothing to the charger; the operator sees it all by the
command line."""
from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from server.devices import enrolment
from server.grid.fleet import power
from server.models import Device, Document, ResponseRecord
from server.resources import store
from tests.flows.conftest import own_sqlite
from tests.flows.server import ROOT, Process, Server, entries, until

pytestmark = [pytest.mark.flow, own_sqlite]

RATE = 60
STREET = "street"
MODELS = {"device-1": "evcharger", "device-2": "thermostat"}
WATTS = 3000


def evening() -> str:
    """Return a clock that shows 20:30 today now: the car has arrived, and is not full."""
    now = time.time()
    return f"{RATE}@{now}@{now // 86400 * 86400 + 20 * 3600 + 1800}"


class Evening(NamedTuple):
    """The result of the scenario: the server, the devices' process, the event, the revised grant, and the
    session by then."""
    server: Server
    fleet: Process
    event: dict[str, Any]
    grant: dict[str, Any]
    session: dict[str, Any]


def lfdi(server: Server, model: str) -> str:
    return next(entries(server.certs)[name]["lfdi"] for name, kind in MODELS.items() if kind == model)


def statuses(subject: str, lfdi: str) -> list[int]:
    rows = (
        ResponseRecord.select()
        .where(ResponseRecord.subject == subject, ResponseRecord.lfdi == lfdi)
        .order_by(ResponseRecord.created_at, ResponseRecord.status)
    )
    return [response.status for response in rows]


@pytest.fixture(scope="module")
def scenario(serve: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    server = serve(registration="yes", default_vder=STREET, poll_rate=60, post_rate=60, clock=evening())
    folder = tmp_path_factory.mktemp("fleet")
    known = [entries(server.certs)[name] | {"model": model} for name, model in MODELS.items()]
    (folder / "devices.json").write_text(json.dumps(known))
    fleet = Process(
        [
            sys.executable,
            "-m",
            "clients",
            "--server",
            server.address,
            "--certs",
            str(server.certs),
            "--devices",
            str(folder / "devices.json"),
            "--clock",
            f"{RATE}x",
            "--no-pins",
        ],
        folder / "fleet.log",
        {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        folder,
    )
    charger, thermostat = lfdi(server, "evcharger"), lfdi(server, "thermostat")
    try:
        until(lambda: Document.select().where(Document.kind == "FlowReservationResponse").exists())
        until(lambda: Document.select().where(Document.kind == "LoadShedAvailability").count() == 2)
        until(lambda: Document.get(Document.kind == "PowerStatus", Document.audience == charger).submitted)
        number = str(Device.get(Device.lfdi == charger).id)
        grant = server.operator(
            "ev", "grant", number, "--power", str(WATTS), "--start", "+4m", "--duration", "30m"
        )
        event = server.operator(
            "dr", "event", "create", STREET, "--offset", "1.5", "--start", "+4m", "--duration", "3m"
        )
        until(lambda: 3 in statuses(event["mrid"], thermostat) and 2 in statuses(grant["mrid"], charger))
        # a reading lasts a real second
        until(lambda: abs(power.latest([charger])[charger].injection_w + WATTS) < 0.05 * WATTS)
        session, = server.operator("ev", "sessions", STREET)
        yield Evening(server, fleet, event, grant, session)
    finally:
        fleet.stop()


def test_both_are_led_to_the_program(scenario: Evening) -> None:
    for name in MODELS:
        device = Device.get(Device.lfdi == entries(scenario.server.certs)[name]["lfdi"])
        assignment, = store.items(f"{enrolment.href(device)}/fsa")
        listed = scenario.server.get(name, assignment.submitted["DemandResponseProgramListLink"]["href"])
        assert listed["DemandResponseProgram"][0]["description"] == STREET
        assert store.items(f"{enrolment.href(device)}/lsl"), "both say what they could shed"


def test_the_thermostat_follows_and_reports_it_and_the_charger_does_not(scenario: Evening) -> None:
    mrid = scenario.event["mrid"]
    assert statuses(mrid, lfdi(scenario.server, "thermostat")) == [1, 2, 3]
    assert statuses(mrid, lfdi(scenario.server, "evcharger")) == [252]
    shown = scenario.server.operator("dr", "event", "show", scenario.event["href"])
    assert shown["answers"] == {"completed": 1, "parameter not applicable": 1}
    assert [device["applied"] for device in shown["devices"] if device["answer"] == "completed"] == [
        {"Offset": {"coolingOffset": 15, "heatingOffset": 15}}]
    kinds = {(document.parent, document.kind) for document in Document.select().where(
        Document.parent.startswith("/rsps/"))}
    assert kinds == {("/rsps/9/rsp", "DrResponse"), ("/rsps/1/rsp", "FlowReservationResponseResponse")}


def test_the_charger_asked_was_granted_and_follows_the_revision(scenario: Evening) -> None:
    session = scenario.session
    first, second = session["grants"]
    assert (first["power_w"], second["power_w"]) == (7400, WATTS) and first["status"] == "superseded"
    assert session["energy_wh"] >= first["energy_wh"] > 0 and second["href"] == scenario.grant["href"]
    assert (session["state"], session["answer"]) == ("active", "started")
    assert session["vehicle"]["maxForwardPower"] == {"multiplier": 0, "value": 7400}
    assert session["window_end"] == session["vehicle"]["timeChargeIsNeeded"] and session["served_wh"] > 0
    assert 7 in statuses(first["mrid"], session["lfdi"])


def test_nobody_complains(scenario: Evening) -> None:
    assert "error" not in scenario.fleet.text
    assert scenario.server.log == ""
