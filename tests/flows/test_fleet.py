"""Our own clients as a process against the real server at sixty times real speed: four households that enrol
themselves and an aggregator for three more follow a control posted to the virtual DER that they are all in,
answer, and report."""
from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from server import clock
from server.devices import enrolment
from server.models import Device, Document, ResponseRecord
from server.resources import meterreadings, store
from tests import peers
from tests.flows.server import ROOT, Process, Server, entries, until

pytestmark = pytest.mark.flow

RATE = 60
STREET = "street"
HOUSEHOLDS = {
    "device-1": "inverter",
    "device-2": "battery",
    "device-3": "evcharger",
    "device-4": "thermostat",
}
MANAGED = {"east": "inverter", "west": "inverter", "store": "battery"}
LIMIT = 1000
"""Hundredths of a percent of setMaxW to which generation is limited."""
GENERATE = {"inverter", "battery"}


def noon() -> str:
    """A clock that shows today's noon now and runs on from there."""
    now = time.time()
    return f"{RATE}@{now}@{now // 86400 * 86400 + 43200}"


class Day(NamedTuple):
    """What happened: the server, what the fleet told, the control that was posted."""
    server: Server
    fleet: Process
    control: dict[str, Any]


@pytest.fixture(scope="module")
def day(serve: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    server = serve(registration="yes", default_vder=STREET, poll_rate=60, post_rate=60, clock=noon())
    folder = tmp_path_factory.mktemp("fleet")
    agent = entries(server.certs)["aggregator"]
    enrol_managed(server, agent["lfdi"])
    managed = [{"name": name, "lfdi": lfdi(name), "model": model} for name, model in MANAGED.items()]
    known = [entries(server.certs)[name] | {"model": model} for name, model in HOUSEHOLDS.items()]
    (folder / "devices.json").write_text(json.dumps([*known, agent | {"manages": managed}]))
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
    try:
        generators = [model for model in (HOUSEHOLDS | MANAGED).values() if model in GENERATE]
        until(
            lambda: (
                Document.select().where(Document.kind == "UsagePoint").count() == len(HOUSEHOLDS | MANAGED)
            )
        )
        control = server.operator("control", "post", STREET, f"opModMaxLimW={LIMIT / 100:g}%",
                                  "--start", "+3m", "--duration", "6m")
        until(lambda: ResponseRecord.select().where(ResponseRecord.status == 3).count() == len(generators))
        yield Day(server, fleet, control)
    finally:
        fleet.stop()


def enrol_managed(server: Server, agent: str) -> None:
    """What the utility does for an aggregator: it is enrolled, and so are its devices, which are put into the
    street."""
    enrolment.enrol(agent, name="agent", kind=enrolment.AGGREGATOR)
    for name in MANAGED:
        enrolment.enrol(lfdi(name), name=name, manager=agent)
    server.operator("vder", "update", STREET, *(word for name in MANAGED for word in ("--add", name)))


def lfdi(name: str) -> str:
    """The LFDI of a device that has no certificate of its own."""
    return peers.lfdi(list(MANAGED).index(name) + 1)


def test_households_enrol_themselves(day: Day) -> None:
    for name in HOUSEHOLDS:
        entry = entries(day.server.certs)[name]
        device = Device.get(Device.lfdi == entry["lfdi"])
        assert device.manager == ""
        assert f"registered {entry['lfdi']}" in " ".join(day.fleet.text.split())
        assert [assignment.submitted["description"]
                for assignment in store.items(f"{enrolment.href(device)}/fsa")] == [
            STREET
        ]


def test_each_answers_by_what_it_is(day: Day) -> None:
    """Received, started, completed; or that a limit of generation does not apply to it."""
    answers: dict[str, list[int]] = {}
    for record in (
        ResponseRecord.select()
        .where(ResponseRecord.subject == day.control["mrid"])
        .order_by(ResponseRecord.created_at, ResponseRecord.status)
    ):
        answers.setdefault(record.lfdi, []).append(record.status)
    models = {entries(day.server.certs)[name]["lfdi"]: model for name, model in HOUSEHOLDS.items()}
    models |= {lfdi(name): model for name, model in MANAGED.items()}
    assert answers == {record: [1, 2, 3] if model in GENERATE else [252] for record, model in models.items()}


def test_the_aggregator_answers_and_posts_for_its_devices_alone(day: Day) -> None:
    agent = entries(day.server.certs)["aggregator"]["lfdi"]
    assert not ResponseRecord.select().where(ResponseRecord.lfdi == agent).exists()
    listed = day.server.get("aggregator", "/edev?l=99")["EndDevice"]
    assert {end_device["lFDI"] for end_device in listed} == {agent, *map(lfdi, MANAGED)}
    assert not Document.select().where(Document.kind == "UsagePoint", Document.audience == agent).exists()


@pytest.mark.parametrize("name", ["device-1", "east", "west"])
def test_inverters_keep_to_the_limit_and_say_so(day: Day, name: str) -> None:
    own = lfdi(name) if name in MANAGED else entries(day.server.certs)[name]["lfdi"]
    most = watts(document("DERSettings", own).submitted["setMaxW"])
    point = document("UsagePoint", own).href
    (meter,) = [
        body.href
        for body in store.items(f"{point}/mr") if store.get(f"{body.href}/rt").submitted["uom"] == 38
    ]
    start, end = day.control["start"], day.control["start"] + day.control["duration_s"]
    before = [value for _, _, value in meterreadings.between(meter, start - 600, start - 60)]
    during = [value for at, length, value in meterreadings.between(meter, start, end) if at + length <= end]
    assert max(before) > most * LIMIT / 10_000
    # a real second of delay is a minute here, so not each of them
    assert min(during) <= most * LIMIT / 10_000 + 1


def test_all_say_what_they_can_and_how_they_are(day: Day) -> None:
    for kind in ("DERCapability", "DERSettings", "DERStatus"):
        for name in (*HOUSEHOLDS, *MANAGED):
            own = lfdi(name) if name in MANAGED else entries(day.server.certs)[name]["lfdi"]
            assert document(kind, own).submitted, (kind, name)


def test_nobody_complains(day: Day) -> None:
    assert "error" not in day.fleet.text
    assert day.server.log == ""
    assert abs(clock.now() - day.server.get("device-1", "/tm")["currentTime"]) <= RATE


def document(kind: str, audience: str) -> Document:
    """The one document of this kind that is this device's."""
    return store.get(Document.get(Document.kind == kind, Document.audience == audience).href)


def watts(power: dict[str, int]) -> float:
    return power["value"] * 10.0 ** power["multiplier"]
