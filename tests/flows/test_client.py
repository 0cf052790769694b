"""A real client against the real server: two processes of py20305, one as for servers of 2018 and one as it
comes, enrol themselves, follow what is posted to the virtual DER that they are put into, answer, and report.

It is slow because it is real: clients take a second to start, controls begin and end on the system's clock.
All that happens, happens once and side by side (`flow`), on SQLite: what clients are sent from either engine
show tests/standard and test_fleet. The tests then look at it from both ends.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from server import clock
from server.devices import enrolment
from server.grid.groups import virtualders
from server.models import Device, Document, ResponseRecord
from server.resources import meterreadings, store
from tests.flows import scenario
from tests.flows.conftest import own_sqlite
from tests.flows.realclient import RealClient
from tests.flows.scenario import EVENTS, HOME, STREET
from tests.flows.server import Server, entries

pytestmark = [pytest.mark.flow, own_sqlite]

CLIENTS = {"2018": "device-1", "default": "device-2"}
HUNG_UP = "the client closed the connection in the handshake"
"""A client that is told to discover anew drops a connection it is opening, and the server says so."""


class Flow(NamedTuple):
    """What happened: the server, the clients by edition, the mRID of each control by its name."""
    server: Server
    clients: dict[str, RealClient]
    mrids: dict[str, str]


@pytest.fixture(scope="module")
def server(serve: Callable[..., Server]) -> Server:
    # The scenario says when clients poll. One that polls in the second after an event has ended, with a clock
    # that is a fraction of a second behind, takes the event for one that was removed, and so for cancelled.
    return serve(registration="yes", default_vder=STREET, poll_rate=60, post_rate=2,
                 profile="csip-aus")


@pytest.fixture(scope="module")
def flow(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    folder = tmp_path_factory.mktemp("clients")
    server.operator("vder", "default", STREET, *scenario.arguments(scenario.DEFAULT))
    clients = {
        edition: RealClient(server, name, folder, compat=edition == "2018")
        for edition, name in CLIENTS.items()
    }
    try:
        for client in clients.values():
            client.await_output("Starting poll loop")
        yield Flow(server, clients, scenario.run(server, list(clients.values())))
    finally:
        for client in clients.values():
            client.stop()


@pytest.fixture(params=list(CLIENTS))
def client(request: pytest.FixtureRequest, flow: Flow) -> RealClient:
    """One of the two."""
    return flow.clients[request.param]


def document(kind: str, client: RealClient) -> dict[str, Any]:
    """The one document of this kind that is the client's, as it was stated."""
    documents = Document.select().where(Document.kind == kind, Document.audience == client.lfdi)
    return store.get(documents.get().href).submitted


def test_it_enrolled_itself_and_found_its_programs(client: RealClient) -> None:
    device = Device.get(Device.lfdi == client.lfdi)
    assert f"registered EndDevice at {enrolment.href(device)}" in client.process.text
    assert document("Registration", client)["pIN"]
    assert {assignment.submitted["description"]
            for assignment in store.items(f"{enrolment.href(device)}/fsa")} == {HOME}, (
                "one leads to the programs of both"
    )
    status = client.api("status")
    assert (status["server_alive"], status["devices_discovered"], status["programs_discovered"]) == (
        True,
        1,
        2,
    )
    assert status["lfdi"] == client.lfdi.lower()
    programs = {
        (assignment["href"], assignment["description"], assignment["primacy"])
        for assignment in client.api("programs")["programs"]
    }
    vders = [virtualders.find(name) for name in (STREET, HOME)]
    assert programs == {(vder.program, vder.name, vder.primacy) for vder in vders}


def test_it_keeps_to_our_time_and_rates(client: RealClient) -> None:
    status = client.api("status")
    assert abs(status["timebase"]["global"]["offset_seconds"]) < 2
    assert set(status["poll_rates"].values()) == {60}
    assert "post_rate=2s" in client.process.text


@pytest.mark.parametrize("name", EVENTS)
def test_it_answers_each_control_as_is_due(client: RealClient, flow: Flow, name: str) -> None:
    due, _ = EVENTS[name]
    mrid = flow.mrids[name]
    records = (
        ResponseRecord.select()
        .where(ResponseRecord.subject == mrid, ResponseRecord.lfdi == client.lfdi)
        .order_by(ResponseRecord.href)
    )
    assert sorted(record.status for record in records) == due
    assert client.responses(mrid) == due
    assert all(abs(record.created_at - record.received_at) <= 2 for record in records)


def test_it_starts_and_ends_when_told(client: RealClient, flow: Flow) -> None:
    mrid = flow.mrids["followed"]
    interval = store.find(mrid, "DERControl").submitted["interval"]
    at = {
        record.status: record.created_at
        for record in ResponseRecord.select().where(
            ResponseRecord.subject == mrid, ResponseRecord.lfdi == client.lfdi
        )
    }
    assert abs(at[2] - interval["start"]) <= 1
    assert abs(at[3] - interval["start"] - interval["duration"]) <= 1


def test_it_applies_the_control_and_then_the_default(client: RealClient, flow: Flow) -> None:
    """It says the default again whenever an event ends."""
    limits = [params["p_lim_w"] for control, params in client.writes() if control == "p_lim"]
    assert [limit for limit, _ in groupby(limits)] == [90.0, 50.0, 90.0]
    assert ("p_lim", {"p_lim_mode_enable": 1, "p_lim_w": 50.0}) in client.writes(flow.mrids["followed"])


@pytest.mark.parametrize("operation, names", [
    ("target_w", ["superseded", "newer"]), ("fixed_w", ["outranked", "nearer"]), ("exp_lim", ["envelope"])])
def test_it_applies_the_newer_or_nearer_control_instead(client: RealClient, flow: Flow, operation: str,
                                                        names: list[str]) -> None:
    done = [params for name, params in client.writes() if name == operation]
    assert done[:len(names)] == [client.writes(flow.mrids[name])[0][1] for name in names]
    assert len({str(params) for params in done[:len(names)]}) == len(names)


def test_it_reads_the_curve(client: RealClient, flow: Flow) -> None:
    written = dict(client.writes(flow.mrids["curve"])[:1])["qv"]
    assert (written["qv_curve_v_pts"], written["qv_curve_q_pts"]) == ([92, 98, 102, 108], [30, 0, 0, -30])


def test_the_server_says_what_became_of_the_controls(flow: Flow) -> None:
    listed = flow.server.get(CLIENTS["2018"], f"{virtualders.find(STREET).program}/derc?l=9")
    status = {control["description"]: control["EventStatus"]["currentStatus"]
              for control in listed["DERControl"]}
    # the others are over
    assert status == {"cancelled": 2, "cancelled before": 2, "superseded": 4, "outranked": 1}


@pytest.mark.parametrize(
    "kind, values",
    [
        (
            "DERCapability",
            {
                "rtgMaxW": {"multiplier": 0, "value": 15000},
                "rtgMaxWh": {"multiplier": 0, "value": 30000},
                "rtgVNom": {"multiplier": 0, "value": 480},
                "type": 83,
            },
        ),
        (
            "DERSettings",
            {"setMaxW": {"multiplier": 0, "value": 10000}, "setMaxVA": {"multiplier": 0, "value": 10000}},
        ),
        ("DERAvailability", {"availabilityDuration": 86400, "statWAvail": {"multiplier": 0, "value": 10000}}),
    ],
)
def test_what_it_can_do_is_kept(client: RealClient, kind: str, values: dict[str, Any]) -> None:
    assert document(kind, client).items() >= values.items()


def test_its_state_is_kept(client: RealClient, flow: Flow) -> None:
    status = document("DERStatus", client)
    assert status["inverterStatus"]["value"] == 3
    assert status["operationalModeStatus"]["value"] == 1
    connection = "genConnectStatus" if client is flow.clients["2018"] else "connectStatus"
    assert status[connection]["value"] == "01"
    assert abs(status["readingTime"] - clock.now()) < 10


def test_its_readings_are_kept(client: RealClient) -> None:
    mirror = document("MirrorUsagePoint", client)
    assert mirror["deviceLFDI"] == client.lfdi
    point = store.find(mirror["mRID"], "UsagePoint")
    meters = {meter.submitted["description"]: meter for meter in store.items(f"{point.href}/mr")}
    assert set(meters) == {
        "Real Power",
        "Reactive Power",
        "Frequency",
        "Voltage",
        "Power Factor",
        "Apparent Power",
        "Current",
    }
    assert store.get(f"{meters['Real Power'].href}/rt").submitted["uom"] == 38
    powers = meterreadings.between(meters["Real Power"].href, clock.now() - 600, clock.now() + 10)
    assert len(powers) >= 2
    assert {value for _, _, value in powers} == {10000}


def test_its_alarm_is_kept(client: RealClient) -> None:
    event = document("LogEvent", client)
    assert (event["functionSet"], event["details"]) == (11, "Over Current")


def test_it_has_nothing_to_complain_of(client: RealClient, flow: Flow) -> None:
    assert client.api("diagnostics/messages") == {"errors": [], "warnings": [], "info": []}
    assert client.warnings() == []
    assert [line for line in flow.server.log.splitlines() if HUNG_UP not in line] == []


@pytest.mark.parametrize("wrong, says", [(0, "Registration PIN verified"), (1, "Registration PIN mismatch")])
def test_it_checks_the_pin_that_the_utility_was_given(
    server: Server, tmp_path: Path, wrong: int, says: str
) -> None:
    entry = entries(server.certs)["device-3"]
    if not Device.select().where(Device.lfdi == entry["lfdi"]).exists():
        enrolment.enrol(entry["lfdi"], pin=entry["pin"])
    client = RealClient(server, "device-3", tmp_path, registration_pins={entry["lfdi"]: entry["pin"] + wrong})
    try:
        client.await_output("Starting poll loop")
        assert says in client.process.text
        assert len(client.warnings()) == wrong
        assert "already registered" in client.process.text
    finally:
        client.stop()
