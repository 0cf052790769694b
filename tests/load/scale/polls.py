"""`make bench-polls`: devices poll over mutual TLS at a rate, whatever the answers, while an operator acts.

A device's poll is a connection (whose session is resumed), eight GETs, a PUT and a POST. Polls begin at
random instants, as those of many devices do; the wait for one is counted from when it was due. In the middle
an event begins for everybody, and everybody is sent a control of its own. Exit status 1 where a poll failed,
or the slowest hundredth waited for more than a second.
"""
from __future__ import annotations

import argparse
import os
import queue
import random
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from certs import dev
from server.models import db
from server.resources import sql
from tests.load import cases, databases, meter
from tests.load.__main__ import machine
from tests.load.databases import POSTGRES, SQLITE, Fleet
from tests.load.driver import Caller, Client
from tests.load.scale import population, requests
from tests.load.servers import ROOT, Gunicorn

CALLERS = 1000  # that have a certificate, among all devices
THREADS = 24  # polls that are under way at once
WORKERS = 2  # processes of the server
SLOWEST_S = 1.0  # of the slowest hundredth
EVENT_AT, ORDER_AT = 0.3, 0.5  # of the whole time: when an event for all begins, when each is sent its own
SETTLE_S = 60  # from the beginning of an operation that are shown alone, at least


class Poll(NamedTuple):
    """When a poll was due, in seconds from the start, and how many seconds later it was over."""
    due_s: float
    waited_s: float


class Act(NamedTuple):
    """What an operator did, and from when to when, in seconds from the start."""
    begun_s: float
    ended_s: float
    words: str


class Poller:
    """A process's threads, which begin polls when they are due."""

    def __init__(self, certificates: Sequence[Path], work: Sequence[list[bytes]], port: int):
        self.certificates, self.work, self.port = certificates, work, port
        self.due: queue.Queue[tuple[float, int] | None] = queue.Queue()
        self.done: list[Poll] = []
        self.errors: list[str] = []

    def run(self, rate: float, seconds: float, seed: int) -> None:
        """Poll at a rate (per second) for so many seconds, and wait until all is answered."""
        generator, began = random.Random(seed), time.monotonic()
        threads = [threading.Thread(target=self._poll, args=(began,), daemon=True) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        due = 0.0
        while (due := due + generator.expovariate(rate)) < seconds:
            time.sleep(max(0.0, began + due - time.monotonic()))
            self.due.put((due, generator.randrange(len(self.certificates))))
        for _ in threads:
            self.due.put(None)
        for thread in threads:
            thread.join(120)

    def _poll(self, began: float) -> None:
        client = Client([], {})
        callers: dict[int, Caller] = {}
        sessions: dict[int, ssl.SSLSession | None] = {}
        while (item := self.due.get()) is not None:
            due, number = item
            if number not in callers:
                callers[number] = Caller(self.certificates[number])
            try:
                with callers[number].connect(self.port, sessions.get(number)) as channel:
                    for data in self.work[number]:
                        channel.sendall(data)
                        client.answer(channel)
                    sessions[number] = channel.session
            except OSError as error:
                client.error = f"{type(error).__name__}: {error}"
            if client.error:
                self.errors.append(f"{due:.0f} s: {client.error}")
                client.error = ""
            self.done.append(Poll(due, time.monotonic() - began - due))


def fleet(url: str, devices: int, folder: Path) -> tuple[Fleet, list[Path]]:
    """Fill an empty database with so many devices; return those that poll, and their certificates."""
    certs = folder / "certs"
    entries = [entry for entry in dev.make_dev(certs, devices=CALLERS)
               if entry["kind"] != "aggregator"][:CALLERS]
    numbers = random.Random(1).sample(range(devices), len(entries))
    databases.connect(url)
    population.build(devices, dict(zip(numbers, (entry["lfdi"] for entry in entries), strict=True)))
    calling = [requests.caller(entry["lfdi"]) for entry in entries]
    quantities = [requests.quantity(caller) for caller in calling]
    programs = {count: databases.program(count) for count in databases.CONTROLS}
    sql.execute("ANALYZE")
    db.close()
    return Fleet(url, calling, quantities, programs), [certs / f"{entry['name']}.pem" for entry in entries]


def operate(database: str, seconds: float, began: float, acts: list[Act]) -> None:
    """Do, at their times, what an operator does: tell all together, and each by a control of its own."""
    environment = {**os.environ, "COUNTERPOISE_DATABASE": database}
    for at, words in ((EVENT_AT, ["--percent", "10", "--duration", "1h"]),
                      (ORDER_AT, ["--watts", "1MW", "--duration", "1h", "--per-device"])):
        time.sleep(max(0.0, began + at * seconds - time.monotonic()))
        started = time.monotonic()
        result = subprocess.run(
            [sys.executable, "-m", "server", "dispatch", population.AREA, *words, "--json"],
            cwd=ROOT, env=environment, capture_output=True, text=True)
        ended = time.monotonic()
        acts.append(Act(started - began, ended - began, f"dispatch {' '.join(words)}: exit "
                        f"{result.returncode} {result.stderr[-300:]}"))


def measure(url: str, devices: int, rate: float, seconds: float, console: Console) -> int:
    """Poll a server of a database with so many devices; print the waits and return how many bounds are
    missed."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        made, certificates = fleet(url, devices, folder)
        server = Gunicorn(folder, "server", "server.protocol.listen", folder / "certs", url, WORKERS, "full")
        stack.callback(server.stop)
        worker = subprocess.Popen([sys.executable, "-m", "server", "work"], cwd=ROOT, env={
            **os.environ, "COUNTERPOISE_DATABASE": url})
        stack.callback(worker.terminate)
        poller = Poller(certificates, cases.polls(made), server.port)
        acts: list[Act] = []
        server.pids = meter.tree(server.process.pid)
        before, began, own = server.cpu(), time.monotonic(), time.process_time()
        operator = threading.Thread(target=operate, args=(url, seconds, began, acts), daemon=True)
        operator.start()
        poller.run(rate, seconds, seed=2)
        spent = meter.used(before, server.cpu())
        operator.join(300)
        return show(poller, acts, spent, time.process_time() - own, rate, console)


def show(poller: Poller, acts: list[Act], server_s: float, own_s: float, rate: float,
         console: Console) -> int:
    """Print the waits of all polls, and of those around each operation; return how many bounds are missed."""
    table = Table("polls", title=f"Waits of polls, {rate:g} a second; {machine()}", title_justify="left")
    for heading in ("number", "median", "95 %", "99 %", "99.9 %", "longest"):
        table.add_column(heading, justify="right")
    for words, waits in _spans(poller.done, acts):
        points = [statistics.quantiles(waits, n=1000)[index] for index in (499, 949, 989, 998)]
        table.add_row(words, f"{len(waits):,}", *(f"{point:.3f} s" for point in (*points, max(waits))))
    console.print(table)
    for act in acts:
        console.print(f"{act.begun_s:.0f} to {act.ended_s:.0f} s: {act.words}")
    for error in poller.errors[:20]:
        console.print(error)
    count = len(poller.done)
    console.print(f"{count / max(poll.due_s for poll in poller.done):.0f} polls a second; CPU of a poll: "
                  f"{server_s / count * 1e3:.2f} ms of the server and its database, "
                  f"{own_s / count * 1e3:.2f} ms of the driver; {len(poller.errors)} failed")
    slowest = statistics.quantiles([poll.waited_s for poll in poller.done], n=100)[98]
    return (slowest > SLOWEST_S) + bool(poller.errors)


def _spans(done: list[Poll], acts: list[Act]) -> Iterator[tuple[str, list[float]]]:
    yield "all", [poll.waited_s for poll in done]
    for act in acts:
        end = max(act.ended_s, act.begun_s + SETTLE_S)
        waits = [poll.waited_s for poll in done if act.begun_s <= poll.due_s < end]
        if len(waits) > 1:
            yield f"from {act.begun_s:.0f} to {end:.0f} s", waits


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.load.scale.polls", description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000, help="how many there are (default 100000)")
    parser.add_argument("--rate", type=float, default=333.0, help="polls a second (default 333)")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default 10)")
    parser.add_argument("--engine", choices=(SQLITE, POSTGRES), default=SQLITE)
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 130)
    with tempfile.TemporaryDirectory() as folder, databases.urls(Path(folder)) as urls:
        missed = measure(urls[options.engine], options.devices, options.rate, options.minutes * 60, console)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
