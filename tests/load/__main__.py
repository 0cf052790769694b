"""`python -m tests.load`: run the benchmark and print its table."""
from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from certs import dev
from tests.load import meter
from tests.load.cases import cases, mirror, poll
from tests.load.driver import CIPHER, Assignment, Client, Result, drivers, request
from tests.load.servers import ROOT, Server

DRIVERS = 2
SIZES = (1000, 10_000)
HANDSHAKE, POLL, MEGABYTES, FLAT = 1.2, 4.0, 120.0, 1.1
EMPTY = [request("GET", "/")]


class Row(NamedTuple):
    """A line of the table. `value` is in `unit`; the target bounds `ratio` if there is one, else `value`."""
    name: str
    value: float
    unit: str
    ratio: float | None = None
    target: float | None = None

    @property
    def met(self) -> bool | None:
        measured = self.value if self.ratio is None else self.ratio
        return None if self.target is None else round(measured, 2) <= self.target


class Bench:
    """Drivers and measurements: CPU milliseconds per pass by name, a value for each round."""

    def __init__(self, pipes: list[Connection], seconds: float):
        self.pipes, self.seconds = pipes, seconds
        self.measured: dict[str, list[float]] = defaultdict(list)
        self.busy: list[float] = []

    def measure(self, name: str, server: Server, requests: list[list[bytes]], mode: str = "keep") -> None:
        """Measure a case once: each driver sends its requests."""
        before = meter.cpu(server.pids)
        for pipe, own in zip(self.pipes, requests, strict=True):
            pipe.send(Assignment(server.port, own, self.seconds, mode))
        results: list[Result] = [pipe.recv() for pipe in self.pipes]
        used_s = meter.cpu(server.pids) - before
        for result in results:
            if result.error:
                raise SystemExit(f"{name}: {result.error}")
        self.measured[name].append(used_s / sum(result.count for result in results) * 1e3)
        if mode == "keep":
            self.busy.append(sum(result.cpu_s for result in results) / used_s)

    def of(self, name: str) -> float:
        return median(self.measured[name])


def build(folder: Path, certs: Path) -> dict[int, tuple[Path, float]]:
    """Make the databases at the same time; return each with the seconds that it took to enrol a device."""
    files = {size: folder / f"{size}.db" for size in SIZES}
    running = {
        size: subprocess.Popen(
            [sys.executable, "-m", "tests.load.databases", str(file), str(size), str(certs)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for size, file in files.items()
    }
    return {size: (files[size], float(process.communicate()[0])) for size, process in running.items()}


def run(rounds: int, seconds: float, folder: Path, on_progress: Callable[[str], None]) -> list[Row]:
    """Measure all cases; return the table's rows."""
    certs = folder / "certs"
    entries = dev.make_dev(certs, devices=DRIVERS)
    devices = [entry for entry in entries if entry["kind"] != "aggregator"][:DRIVERS]
    certificates = [certs / f"{entry['name']}.pem" for entry in devices]
    on_progress("enrolling devices")
    databases = build(folder, certs)
    with ExitStack() as stack:
        def start(name: str, configuration: str, database: Path | None = None) -> Server:
            server = Server(folder, name, configuration, certs, database)
            stack.callback(server.stop)
            return server
        empty, bare = start("empty", "tests.load.empty"), start("bare", "tests.load.bare")
        ours = {
            size: start(f"ours-{size}", "server.protocol.listen", file)
            for size, (file, _) in databases.items()
        }
        requests_by_size = {
            size: [
                _requests(server, certificate, number + 1, entry["lfdi"])
                for number, (certificate, entry) in enumerate(zip(certificates, devices, strict=True))
            ]
            for size, server in ours.items()
        }
        bench = Bench(stack.enter_context(drivers(certificates)), seconds)
        for turn in range(rounds + 1):
            on_progress(f"round {turn} of {rounds}" if turn else "warming up")
            if turn == 1:
                bench.measured.clear()
            _round(bench, empty, bare, ours, requests_by_size)
        memory = {size: meter.memory(server.worker) for size, server in ours.items()}
    return _rows(bench, databases, memory, requests_by_size[SIZES[0]][0][0])


def _requests(server: Server, certificate: Path, number: int, lfdi: str) -> tuple[list[Any], list[bytes]]:
    answer = Client(certificate).request(server.port, mirror(lfdi, number)).decode("latin-1")
    href = (
        next(line[10:] for line in answer.split("\r\n") if line.lower().startswith("location: "))
        + f" {number}"
    )
    return cases(number, href), poll(number, href)


def _round(
    bench: Bench,
    empty: Server,
    bare: Server,
    ours: dict[int, Server],
    requests_by_size: dict[int, list[Any]],
) -> None:
    nothing = [EMPTY] * DRIVERS
    bench.measure("empty", empty, nothing)
    for size, server in ours.items():
        for of_drivers in zip(*(own for own, _ in requests_by_size[size]), strict=True):
            bench.measure(f"{of_drivers[0].name} {size}", server, [case.requests for case in of_drivers])
    for mode in ("new", "resume"):
        bench.measure(f"bare {mode}", bare, nothing, mode)
        bench.measure(f"worker {mode}", empty, nothing, mode)
    for size, server in ours.items():
        bench.measure(f"poll {size}", server, [requests for _, requests in requests_by_size[size]], "new")


def _rows(
    bench: Bench,
    databases: dict[int, tuple[Path, float]],
    memory: dict[int, meter.Memory],
    measured: list[Any],
) -> list[Row]:
    empty = bench.of("empty")
    rows = [Row("empty Flask view, same worker and TLS", empty, "ms")]
    for case in measured:
        for size in SIZES:
            used = bench.of(f"{case.name} {size}")
            rows.append(Row(f"{case.name} ({size} devices)", used, "ms", used / empty, case.target))
    for mode, words in (("new", "new"), ("resume", "resumed")):
        plain, used = bench.of(f"bare {mode}"), bench.of(f"worker {mode}")
        rows.append(Row(f"{words} handshake and empty view, gunicorn’s threads", plain, "ms"))
        rows.append(Row(f"{words} handshake and empty view, our worker", used, "ms", used / plain,
                        HANDSHAKE if mode == "new" else None))
    rows += [
        Row(f"a device’s whole poll ({size} devices)", bench.of(f"poll {size}"), "ms", None, POLL)
        for size in SIZES
    ]
    for size in SIZES:
        rows.append(Row(f"memory of a worker, PSS ({size} devices)", memory[size].pss, "MB", None, MEGABYTES))
        rows.append(Row(f"memory of a worker, USS ({size} devices)", memory[size].uss, "MB"))
    rows.append(Row(f"memory, {SIZES[1]} devices to {SIZES[0]}", memory[SIZES[1]].pss, "MB",
                    memory[SIZES[1]].pss / memory[SIZES[0]].pss, FLAT))
    rows += [Row(f"enrolling a device, of {size}", took * 1e3, "ms") for size, (_, took) in databases.items()]
    rows.append(Row("driver’s CPU time to the server’s", median(bench.busy), "times"))
    return rows


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table("what", title=f"CPU per request; {machine()}", title_justify="left")
    for heading in ("measured", "times", "target", ""):
        table.add_column(heading, justify="right")
    for row in rows:
        result = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[row.met]
        table.add_row(
            row.name,
            f"{row.value:.3f} {row.unit}" if row.unit == "ms" else f"{row.value:.1f} {row.unit}",
            "" if row.ratio is None else f"{row.ratio:.2f}",
            "" if row.target is None else f"{row.target:g}",
            result,
        )
    console.print(table)


def machine() -> str:
    """Return the names of processor, Python and cipher."""
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    processor = names[0] if names else platform.machine()
    return f"{processor} × {os.cpu_count()}, Python {platform.python_version()}, {CIPHER}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="tests.load", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=5, help="how often every case is measured (default 5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="duration of a measurement (default 0.5)")
    options = parser.parse_args()
    console = Console()
    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("", total=options.rounds + 2)
        rows = run(options.rounds, options.seconds, Path(folder),
                   lambda words: progress.update(task, description=words, advance=1))
    if options.json:
        print(
            json.dumps(
                {"machine": machine(), "rows": [row._asdict() | {"met": row.met} for row in rows]}, indent=1
            )
        )
    else:
        show(rows, console)


if __name__ == "__main__":
    main()
