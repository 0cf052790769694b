"""`make bench`: what requests of DEVICES devices cost, on both databases. Exit status 1 where a bound is
missed."""
from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from certs import dev
from tests.load import databases, meter
from tests.load.cases import REQUESTS_OF_POLL, Case, cases, polls
from tests.load.databases import DEVICES, POSTGRES, SQLITE
from tests.load.driver import CIPHER, Assignment, Client, Result, Work, drivers, request
from tests.load.servers import NGINX, Gunicorn, Nginx, Server

DRIVERS, CALLERS = 2, 100
HANDSHAKE, MEGABYTES = 1.2, 120.0
POLL = {SQLITE: 4.0, POSTGRES: 8.0}  # ms
BESIDE_NGINX = 10.0  # of a GET to nginx, which serves the answer as a file
BETWEEN = 2.0  # of a GET on PostgreSQL to one on SQLite, in total CPU


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

    def measure(self, name: str, server: Server, case: str, mode: str = "keep", length: int = 1) -> None:
        """Measure a case of the work once: each driver sends the requests of its callers."""
        before = server.cpu()
        for pipe in self.pipes:
            pipe.send(Assignment(case, server.port, self.seconds, mode, length))
        results: list[Result] = [pipe.recv() for pipe in self.pipes]
        used_s = meter.used(before, server.cpu())
        for result in results:
            if result.error:
                raise SystemExit(f"{name}: {result.error}")
        self.measured[name].append(used_s / sum(result.count for result in results) * 1e3)
        if mode == "keep" and isinstance(server, Gunicorn):
            self.busy.append(sum(result.cpu_s for result in results) / used_s)

    def of(self, name: str) -> float:
        return median(self.measured[name])


def run(rounds: int, seconds: float, folder: Path, on_progress: Callable[[str], None]) -> list[Row]:
    """Measure all cases; return the table's rows."""
    certs = folder / "certs"
    entries = [entry for entry in dev.make_dev(certs, devices=CALLERS) if entry["kind"] != "aggregator"]
    certificates = [certs / f"{entry['name']}.pem" for entry in entries]
    callers = random.Random(1).sample(range(DEVICES), CALLERS)
    known = dict(zip(callers, (entry["lfdi"] for entry in entries), strict=True))
    with ExitStack() as stack:
        on_progress("enrolling devices")
        fleets = {engine: databases.build(url, known)
                  for engine, url in stack.enter_context(databases.urls(folder)).items()}
        measured = {engine: cases(fleet) for engine, fleet in fleets.items()}
        work: Work = {f"{case.name}, {engine}": case.requests
                      for engine, own in measured.items() for case in own}
        work |= {f"poll, {engine}": polls(fleet) for engine, fleet in fleets.items()}
        work["empty"] = [[request("GET", "/")]] * CALLERS
        work |= {f"{case.name}, nginx": [[request("GET", f"/{_file(case)}")]] * CALLERS
                 for case in measured[SQLITE] if case.is_get}

        def started(server: Server) -> Server:
            stack.callback(server.stop)
            return server
        servers = {engine: started(Gunicorn(folder, engine, "server.protocol.listen", certs, fleet.url))
                   for engine, fleet in fleets.items()}
        servers |= {name: started(Gunicorn(folder, name, f"tests.load.{name}", certs))
                    for name in ("empty", "bare")}
        if NGINX:
            files = _answers(certificates, work, measured[SQLITE], servers[SQLITE])
            servers["nginx"] = started(Nginx(folder, certs, files))
        bench = Bench(stack.enter_context(drivers(
            [certificates[number::DRIVERS] for number in range(DRIVERS)],
            [{case: requests[number::DRIVERS] for case, requests in work.items()}
             for number in range(DRIVERS)])), seconds)
        for turn in range(rounds + 1):
            on_progress(f"round {turn} of {rounds}" if turn else "warming up")
            if turn == 1:
                bench.measured.clear()
            _round(bench, servers, work)
        memory = {engine: meter.memory(servers[engine].worker) for engine in fleets}
    return [*_case_rows(bench, measured[SQLITE]), *_other_rows(bench, memory)]


def _file(case: Case) -> str:
    return f"{case.name.replace(' ', '-').replace(',', '')}.xml"


def _answers(certificates: list[Path], work: Work, measured: list[Case], server: Server) -> dict[str, bytes]:
    """Return what the server answers to each GET, by the name of its file."""
    client = Client(certificates, work)
    answers = {_file(case): client.first(Assignment(f"{case.name}, {SQLITE}", server.port, 0))
               for case in measured if case.is_get}
    if client.error:
        raise SystemExit(client.error)
    return answers


def _round(bench: Bench, servers: dict[str, Server], work: Work) -> None:
    """Measure each case of the work at the server that it names last."""
    for case in work:
        name = case.rpartition(", ")[2]
        if name in servers:
            how = ("resume", REQUESTS_OF_POLL) if case.startswith("poll") else ("keep",)
            bench.measure(case, servers[name], case, *how)
    for mode in ("new", "resume"):
        for name in ("bare", "empty"):
            bench.measure(f"{name} {mode}", servers[name], "empty", mode)


def _case_rows(bench: Bench, measured: list[Case]) -> list[Row]:
    """Return the rows of requests over connections that are kept."""
    empty = bench.of("empty")
    rows = [Row("empty Flask view, same worker and TLS", empty, "ms")]
    for case in measured:
        used = bench.of(f"{case.name}, {SQLITE}")
        rows.append(Row(f"{case.name}, {SQLITE}, beside the empty view", used, "ms", used / empty,
                        case.target))
        if f"{case.name}, nginx" in bench.measured:
            static = bench.of(f"{case.name}, nginx")
            rows.append(Row("  beside nginx with the answer as a file", static, "ms", used / static,
                            BESIDE_NGINX))
        if f"{case.name}, {POSTGRES}" in bench.measured:
            other = bench.of(f"{case.name}, {POSTGRES}")
            rows.append(Row(f"  {POSTGRES}, beside {SQLITE}", other, "ms", other / used,
                            BETWEEN if case.is_get else None))
    return rows


def _other_rows(bench: Bench, memory: dict[str, meter.Memory]) -> list[Row]:
    """Return the rows of handshakes, whole polls and memory."""
    rows = []
    for mode, words in (("new", "new"), ("resume", "resumed")):
        plain, used = bench.of(f"bare {mode}"), bench.of(f"empty {mode}")
        rows.append(Row(f"{words} handshake and empty view, gunicorn’s threads", plain, "ms"))
        rows.append(Row(f"{words} handshake and empty view, our worker", used, "ms", used / plain,
                        HANDSHAKE if mode == "new" else None))
    rows += [Row(f"a device’s whole poll, its session resumed, {engine}", bench.of(f"poll, {engine}"), "ms",
                 None, POLL[engine]) for engine in memory]
    for engine, used_by in memory.items():
        rows.append(Row(f"memory of a worker, PSS, {engine}", used_by.pss, "MB", None, MEGABYTES))
        rows.append(Row(f"memory of a worker, USS, {engine}", used_by.uss, "MB"))
    rows.append(Row("drivers’ CPU time to the server’s", median(bench.busy), "times"))
    return rows


def show(rows: list[Row], console: Console) -> None:
    """Print the table."""
    table = Table("what", title=f"CPU per request; {DEVICES:,} devices; {machine()}", title_justify="left")
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


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="tests.load", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=5, help="how often every case is measured (default 5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="duration of a measurement (default 0.5)")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 130)
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
    return 1 if any(row.met is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
