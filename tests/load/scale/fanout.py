"""One change of a list to 10,000 subscriptions: how long until all are told, and what GETs take meanwhile.

    python -m tests.load.scale.fanout [--subscriptions 10000]

Real processes on one machine: the device interface, one worker, and receivers over mutual TLS with the suite
of the standard, in one process. Of a hundred devices each has as many subscriptions, with a URI for each.
"""
from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from certs import dev
from server import clock, functionsets, grid, models
from server.config import settings
from server.devices import enrolment
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.resources import sql
from tests import peers
from tests.flows.server import ROOT, Process, Server, entries, free_port, until
from tests.load import databases
from tests.load.__main__ import machine

DEVICES = 100
RECEIVERS = 10  # ports
WITHIN_S, P99_S = 30.0, 0.1
_COLUMNS = ("href", "lfdi", "resource", "kind", "watched", "viewer", "only_audience", "active_only", "uri",
            "receiver", "own_address", "base", "item_limit", "level", "renewed_at", "status", "version",
            "check_only")


class FanOut(NamedTuple):
    """How many were told and how often, in which time, and the times of GETs meanwhile (s)."""
    told: int
    twice: int
    seconds: float
    gets: list[float]


async def receive(certs: Path, ports: list[int], report: Path) -> None:
    """Answer 201 to whatever comes to these ports, and write down how many URIs were told, and how many
    twice."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0")
    context.load_cert_chain(certs / "device-1.pem", certs / "device-1.key")
    context.load_verify_locations(certs / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    told: dict[bytes, int] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                header = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, OSError):
                break
            length = int(header.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            path = header.split(b" ", 2)[1]
            told[path] = told.get(path, 0) + 1
            writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    for port in ports:
        await asyncio.start_server(serve, "127.0.0.1", port, ssl=context)
    while True:
        await asyncio.sleep(0.1)
        report.with_suffix(".new").write_text(json.dumps([len(told), sum(told.values()) - len(told)]))
        report.with_suffix(".new").replace(report)


def populate(count: int, ports: list[int], lfdi: str) -> str:
    """Enrol devices in a virtual DER, and let them subscribe to its controls; return their list."""
    names = [f"d{number}" for number in range(1, DEVICES)]
    lfdis = [lfdi, *(enrolment.enrol(peers.lfdi(number), name=name).lfdi
                     for number, name in enumerate(names, 1))]
    virtualders.create("street", members=["first", *names])
    controls = f"{virtualders.find('street').program}/derc"
    rows = []
    for number in range(count):
        port, own = ports[number % RECEIVERS], lfdis[number % DEVICES]
        receiver = f"https://127.0.0.1:{port}"
        rows.append((f"/edev/{number % DEVICES + 1}/sub/{number + 1}", own, controls, "DERControlList",
                     controls, own, "", False, f"{receiver}/{number}", receiver, "", "https://localhost", 10,
                     2018, clock.now(), 0, 0, False))
    with models.db.atomic():
        sql.insert("subscription", _COLUMNS, rows)
    return controls


def measure(url: str, count: int, folder: Path) -> FanOut:
    """Measure it on the database at this URL."""
    certs = folder / "certs"
    dev.make_dev(certs)
    ports = [free_port() for _ in range(RECEIVERS)]
    report = folder / "told.json"
    server = Server(folder, certs, url, notification_networks="127.0.0.0/8")
    python, path = [sys.executable, "-m"], {"PYTHONPATH": str(ROOT)}
    with server:
        models.connect(url)
        lfdi = entries(certs)["device-1"]["lfdi"]
        enrolment.enrol(lfdi, name="first")
        controls = populate(count, ports, lfdi)
        receivers = Process([*python, "tests.load.scale.fanout", "--receive", str(certs), str(report),
                             *map(str, ports)], folder / "receivers.log", path, ROOT)
        worker = Process([*python, "server", "work"], folder / "worker.log", server.environment | path,
                         folder)
        try:
            until(report.exists, 60)
            until(lambda: "works on" in worker.text, 60)
            time.sleep(5)
            return _measure(server, controls, count, report)
        finally:
            worker.stop()
            receivers.kill()
            models.db.close()


def _measure(server: Server, controls: str, count: int, report: Path) -> FanOut:
    gets: list[float] = []
    with closing(server.https("device-1")) as https:
        https.exchange("GET", controls, None, {})
        dercontrols.post("street", {"opModConnect": True}, 600, clock.now() + 3600)
        began = time.monotonic()
        told, twice = 0, 0
        while told < count and time.monotonic() - began < 10 * WITHIN_S:
            before = time.monotonic()
            assert https.exchange("GET", f"{controls}?l=10", None, {}).status == 200
            gets.append(time.monotonic() - before)
            time.sleep(0.02)
            told, twice = json.loads(report.read_text())
        return FanOut(told, twice, time.monotonic() - began, gets)


def main() -> int:
    """Print the table and return how many bounds are missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--subscriptions", type=int, default=10_000)
    parser.add_argument("--receive", nargs="+")
    options = parser.parse_args()
    if options.receive:
        certs, report, *ports = options.receive
        asyncio.run(receive(Path(certs), list(map(int, ports)), Path(report)))
    functionsets.load()
    grid.load()
    settings.quota_subscriptions = 1_000_000
    table = Table("database", "told", "twice", "seconds", "a second", "GET median", "GET p99", "",
                  title=f"One change to {options.subscriptions:,} subscriptions; {machine()}")
    missed = 0
    with tempfile.TemporaryDirectory() as folder, databases.urls(Path(folder)) as urls:
        for engine, url in urls.items():
            own = Path(folder) / engine
            own.mkdir()
            result = measure(url, options.subscriptions, own)
            p99 = statistics.quantiles(result.gets, n=100)[98]
            met = result.told == options.subscriptions and result.seconds <= WITHIN_S and p99 <= P99_S
            missed += not met
            table.add_row(engine, f"{result.told:,}", str(result.twice), f"{result.seconds:.1f}",
                          f"{result.told / result.seconds:,.0f}", f"{statistics.median(result.gets):.4f} s",
                          f"{p99:.3f} s", "[green]met[/]" if met else "[red]missed[/]")
    Console(width=140).print(table)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
