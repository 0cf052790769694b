"""A neighbourhood of our own clients stops generating within a poll, and begins again: the real server and
real clients, at sixty times real speed."""
from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from server import clock
from server.models import Document, ResponseRecord, Share
from server.resources import meterreadings, store
from server.resources.codes import ResponseStatus
from tests.flows.conftest import own_sqlite
from tests.flows.server import ROOT, Process, Server, entries, until

pytestmark = [pytest.mark.flow, own_sqlite]

RATE, POLL_S = 60, 60
STREET = "street"
MODELS = {"device-1": "inverter", "device-2": "battery", "device-3": "inverter", "device-4": "evcharger"}
GENERATE = [name for name, model in MODELS.items() if model != "evcharger"]
LATE_S = 3 * RATE  # a busy machine is late by seconds, which are minutes here


class Stopped(NamedTuple):
    """The server, the clients, and when the stop was ordered and ended."""
    server: Server
    fleet: Process
    stopped_at: int
    resumed_at: int


def lfdi(server: Server, name: str) -> str:
    return str(entries(server.certs)[name]["lfdi"])


def injections(server: Server, name: str, start: int, end: int) -> list[float]:
    """The mean powers that a device has posted for periods within [start, end)."""
    point = Document.get_or_none(Document.kind == "UsagePoint", Document.audience == lfdi(server, name))
    if point is None:
        return []
    meter = next((reading.href for reading in store.items(f"{point.href}/mr")
                  if store.get(f"{reading.href}/rt").submitted["uom"] == 38), None)
    return [value for at, length, value in meterreadings.between(meter, start, end)
            if start <= at and at + length <= end] if meter else []


@pytest.fixture(scope="module")
def day(serve: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stopped]:
    now = time.time()
    server = serve(registration="yes", default_vder=STREET, poll_rate=POLL_S, post_rate=POLL_S,
                   clock=f"{RATE}@{now}@{now // 86400 * 86400 + 43200}")
    folder = tmp_path_factory.mktemp("fleet")
    known = [entries(server.certs)[name] | {"model": model} for name, model in MODELS.items()]
    (folder / "devices.json").write_text(json.dumps(known))
    fleet = Process(
        [sys.executable, "-m", "clients", "--server", server.address, "--certs", str(server.certs),
         "--devices", str(folder / "devices.json"), "--clock", f"{RATE}x", "--no-pins"],
        folder / "fleet.log", {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}, folder)
    try:
        until(lambda: all(any(power > 100 for power in injections(server, name, 0, clock.now()))
                          for name in ("device-1", "device-3")), 90)
        tried = server.operator("stop", STREET, "--dry-run")
        assert sum(kind["members"] for kind in tried["kinds"]) == len(GENERATE) and not tried["not_stopped"]
        stop = server.operator("stop", STREET, "--reason", "storm")
        assert stop["controls"] == 1 and stop["stopped"] == len(GENERATE)
        stopped_at = server.operator("stop", "list")[0]["since"]
        started = (ResponseRecord.status == ResponseStatus.STARTED) & (
            ResponseRecord.subject == Share.select(Share.mrid).limit(1))
        until(lambda: ResponseRecord.select().where(started).count() >= len(GENERATE), 90)
        until(lambda: clock.now() > stopped_at + POLL_S + LATE_S + 6 * POLL_S, 60)
        server.operator("resume", STREET)
        resumed_at = clock.now()
        until(lambda: all(any(power > 100 for power in injections(server, name, resumed_at, clock.now()))
                          for name in ("device-1", "device-3")), 90)
        yield Stopped(server, fleet, stopped_at, resumed_at)
    finally:
        fleet.stop()


def test_everyone_started_within_a_poll(day: Stopped) -> None:
    started = {record.lfdi: record.created_at - day.stopped_at for record in ResponseRecord.select().where(
        ResponseRecord.status == ResponseStatus.STARTED)}
    assert started.keys() >= {lfdi(day.server, name) for name in GENERATE}
    assert max(started.values()) <= POLL_S + LATE_S, started


@pytest.mark.parametrize("name", GENERATE)
def test_nothing_is_injected_meanwhile(day: Stopped, name: str) -> None:
    powers = injections(day.server, name, day.stopped_at + POLL_S + LATE_S, day.resumed_at - RATE)
    assert powers and max(powers) <= 1


def test_their_generation_was_stopped_by_the_order_alone(day: Stopped) -> None:
    for name in ("device-1", "device-3"):
        assert max(injections(day.server, name, day.stopped_at - 600, day.stopped_at)) > 100
        assert max(injections(day.server, name, day.resumed_at, clock.now())) > 100


def test_nobody_complains(day: Stopped) -> None:
    assert "error" not in day.fleet.text and day.server.log == ""
    assert day.server.operator("stop", "list") == []
