"""Many clients in one process."""
from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import click
import pytest

from certs import dev
from clients.devices.aggregator import Aggregator
from clients.devices.client import Client
from clients.devices.device import Device
from clients.reports.reporter import Trace
from clients.simulation import fleet, neighbourhood
from clients.simulation.neighbourhood import KINDS, Server, device_model
from server.config import settings
from tests import listening
from tests.clients.controls import LFDI
from tests.flows.server import ROOT, Process
from tests.flows.server import Server as ServerProcess
from tests.flows.server import until

ENOUGH = 50


class Hopper(Client):
    """Wants to be called again at once, `steps` times, then never; notes which step overlapped another of its
    own."""

    def __init__(self, steps: int, done: threading.Semaphore, fault: bool = False):
        self.name, self.steps, self.done, self.fault = "hopper", steps, done, fault
        self.taken, self.closed, self.overlaps = 0, 0, 0
        self.busy = threading.Lock()

    def step(self, local: float) -> float:
        self.overlaps += not self.busy.acquire(blocking=False)
        self.taken += 1
        self.busy.release()
        if self.taken == self.steps:
            self.done.release()
            return local + 3600
        if self.fault:
            self.done.release()
            raise RuntimeError("a fault nobody foresaw")
        return local

    def close(self) -> None:
        self.closed += 1


def run(hoppers: list[Hopper], done: threading.Semaphore) -> fleet.Fleet:
    pool = fleet.Fleet(hoppers, threads=3, stagger_s=0)
    with pool:
        for _ in hoppers:
            assert done.acquire(timeout=30)
    return pool


def test_every_client_is_stepped_when_it_is_due_and_by_one_thread_at_a_time() -> None:
    done = threading.Semaphore(0)
    hoppers = [Hopper(ENOUGH, done) for _ in range(40)]
    pool = run(hoppers, done)
    assert {(hopper.taken, hopper.overlaps, hopper.closed) for hopper in hoppers} == {(ENOUGH, 0, 1)}
    pool.stop()
    assert not [hopper for hopper in threading.enumerate() if hopper.name.startswith("fleet")]


def test_a_fault_of_one_is_not_a_fault_of_all(caplog: pytest.LogCaptureFixture) -> None:
    done = threading.Semaphore(0)
    hoppers = [Hopper(ENOUGH, done), Hopper(ENOUGH, done, fault=True), Hopper(ENOUGH, done)]
    run(hoppers, done)
    assert [hopper.taken for hopper in hoppers] == [ENOUGH, 1, ENOUGH]
    assert "a fault nobody foresaw" in caplog.text


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certs") / "dev"
    dev.make_dev(path, devices=3)
    return path


@pytest.mark.parametrize("handshake", [False, True])
def test_it_stops_though_the_server_says_nothing(handshake: bool, certs: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes connections and does not answer keeps nobody, in the handshake or after it."""
    monkeypatch.setattr(fleet, "PARTING_S", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Server(f"https://127.0.0.1:{listener.getsockname()[1]}", certs=certs)
        clients = neighbourhood.create_clients(neighbourhood.read_entries(certs / "devices.json"), address)
        for client in clients:
            client._connection._transport.timeout = 600     # type: ignore[attr-defined]
        pool = fleet.Fleet(clients, stagger_s=0)
        pool.start()
        connections = [listener.accept()[0] for _ in clients]
        if handshake:
            connections = [listening.server_context(certs).wrap_socket(connection, server_side=True)
                           for connection in connections]
        stopping = threading.Thread(target=pool.stop, daemon=True)
        stopping.start()
        stopping.join(60)
        assert not stopping.is_alive()
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_plant_is_the_same_whenever_it_is_made_and_unlike_its_neighbours(kind: str) -> None:
    model = device_model(kind, "one", LFDI)
    assert model == device_model(kind, "one", LFDI) and model.name == "one"
    assert isinstance(model, KINDS[kind])
    assert model.site != device_model(kind, "one", LFDI[::-1]).site


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="windmill.*inverter"):
        device_model("windmill", "one", LFDI)


def test_a_neighbourhood_is_made_from_its_certificates(certs: Path) -> None:
    known = neighbourhood.read_entries(certs / "devices.json")
    clients = neighbourhood.create_clients(known, Server(certs=certs, rate=60))
    assert [(type(client), client.name) for client in clients] == [(Device, f"device-{number}")
                                                                   for number in (1, 2, 3)]
    first = clients[0]
    entry = next(client for client in known if client["name"] == "device-1")
    assert isinstance(first, Device) and first.timebase.rate == 60
    assert first.identity == (entry["lfdi"], entry["sfdi"], entry["pin"])
    unchecked = neighbourhood.create_clients(known, Server(certs=certs), check_pins=False)[0]
    assert isinstance(unchecked, Device) and unchecked.identity.pin is None


def test_a_device_is_what_the_command_line_says(certs: Path) -> None:
    entries = neighbourhood.read_entries(certs / "devices.json")
    fleet._set_models(entries, ["device-2=cold_store", "device-3=gas_engine"])
    clients = neighbourhood.create_clients(entries, Server(certs=certs))
    kinds = [home.model.kind for home in neighbourhood.event_clients(clients)]
    assert kinds[1:] == ["interruptible", "generator"]
    for wrong, why in (("device-9=battery", "'device-9' is none of .*device-1"),
                       ("device-1=windmill", "'windmill' is none of inverter")):
        with pytest.raises(click.BadParameter, match=why):
            fleet._set_models(entries, [wrong])


def test_its_clock_is_the_server_s(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting, pace in (("", "1x"), ("60@0.0@1782043200", "60@0.0@1782043200")):
        monkeypatch.setattr(settings, "clock", setting)
        assert fleet.main.make_context("clients", []).params["clock"] == pace


def test_an_aggregator_is_given_what_it_manages(certs: Path) -> None:
    agent, *homes = neighbourhood.read_entries(certs / "devices.json")
    managed = [home | {"model": "battery"} for home in homes]
    clients, = neighbourhood.create_clients([agent | {"manages": managed}], Server(certs=certs))
    assert isinstance(clients, Aggregator)
    assert [(home.lfdi, home.model.kind) for home in clients.event_clients] == [
        (home["lfdi"], "battery") for home in homes
    ]


def test_a_happening_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    fleet.print_trace(Trace(1_750_000_000, "device-2", "enrolled", "/edev/2"))
    fleet.print_trace(Trace(1_750_000_000, "device-2", "reading", "7 W"))
    assert capsys.readouterr().out.split() == ["15:06:40", "device-2", "enrolled", "/edev/2"]


def lines(process: Process, what: str) -> int:
    return sum(1 for line in process.text.splitlines() if line.split()[2:3] == [what])


@pytest.mark.flow
def test_a_neighbourhood_enrols_at_a_real_server_and_stops_when_it_is_told(
    certs: Path, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path}/flow.db"
    command = [sys.executable, "-m", "clients", "--certs", str(certs), "--skip", "device-1"]
    with ServerProcess(tmp_path, certs, database, registration="yes") as server:
        process = Process(
            [*command, "--server", server.address],
            tmp_path / "fleet.log",
            {"PYTHONPATH": str(ROOT)},
            tmp_path,
        )
        try:
            until(lambda: lines(process, "metering") == 2)
        finally:
            status = process.stop()
        assert status == 0
    assert process.text.startswith(f"2 clients at {server.address}/dcap\n")
    assert (lines(process, "registered"), lines(process, "enrolled"), lines(process, "error")) == (2, 2, 0)
