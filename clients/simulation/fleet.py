"""Many clients in one process, as time goes by: `python -m clients --help`.

A heap of who is next and a few threads; a client is in one thread's hands at a time. Since a client's `step`
never sleeps, hundreds fit on one core. Where time goes in steps, see `stepped`.
"""
from __future__ import annotations

import heapq
import itertools
import json
import logging
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import click

from clients.devices import faults
from clients.devices.client import Client
from clients.devices.client import discard_trace as quiet
from clients.reports import reporter
from clients.reports.reporter import Trace
from clients.simulation import neighbourhood, stepped
from clients.simulation.stepped import RETRY_S, Stepped
from clients.simulation.totals import NO_CONTROLS, Totals
from server import clock as time_of_day
from server import logs
from server.config import BadSettings, settings

log = logging.getLogger(__name__)
PARTING_S = 2.0
"""How long a fleet that stops waits for answers."""
ABORT_EVERY_S = 0.1
"""How often it ends the requests that are still waited for then, new ones of the same steps included."""


class Fleet:
    """Runs clients until stopped. `spread` is over how many seconds their first steps are strewn, so that a
    neighbourhood does not knock at the same instant."""

    def __init__(self, clients: Sequence[Client], threads: int = 4, spread: float = 1.0):
        self.clients = list(clients)
        self._counter = itertools.count()
        chance = random.Random(len(self.clients))
        now = time.time()
        self._heap = [
            (now + chance.uniform(0, spread), next(self._counter), client) for client in self.clients
        ]
        heapq.heapify(self._heap)
        self._ready = threading.Condition()
        self._stopping = False
        self._threads = [threading.Thread(target=self._work, name=f"fleet-{number}", daemon=True)
                         for number in range(min(threads, len(self.clients)))]

    def start(self) -> None:
        """Begin; returns at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every step that is under way end, for PARTING_S at most, then close the connections. May be
        called again."""
        with self._ready:
            self._stopping = True
            self._ready.notify_all()
        end = time.monotonic() + PARTING_S
        while running := [thread for thread in self._threads if thread.is_alive()]:
            running[0].join(max(ABORT_EVERY_S, end - time.monotonic()))
            if time.monotonic() >= end:
                for client in self.clients:
                    client.abort()
        for client in self.clients:
            client.close()

    def __enter__(self) -> Fleet:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _work(self) -> None:
        while True:
            client = self._next()
            if client is None:
                return
            wake = self._step(client)
            with self._ready:
                heapq.heappush(self._heap, (wake, next(self._counter), client))
                self._ready.notify()

    def _next(self) -> Client | None:
        """The client that is due first, when it is due; None when the fleet stops."""
        with self._ready:
            while not self._stopping:
                wait = self._heap[0][0] - time.time() if self._heap else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._heap)[2]
                self._ready.wait(wait)
            return None

    def _step(self, client: Client) -> float:
        try:
            return client.step(time.time())
        except Exception:
            logs.unexpected(log, f"a step of {client.name}")
            return time.time() + RETRY_S


def print_trace(happening: Trace) -> None:
    """A line for each happening that a person wants to see."""
    if happening.what != "reading":
        when = time.strftime("%H:%M:%S", time.gmtime(happening.at))
        click.echo(f"{when} {happening.name:<14} {happening.what:<10} {happening.detail}")


def run(fleet: Fleet) -> None:
    """Run until SIGINT or SIGTERM, then stop cleanly."""
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    with fleet:
        asked.wait()


@click.command()
@click.option("--server", default="https://127.0.0.1:8443", show_default=True, help="the server's address")
@click.option("--dcap", default="/dcap", show_default=True, help="href of DeviceCapability")
@click.option("--certs", default="certs/dev", show_default=True, type=click.Path(path_type=Path),
              help="directory of ca.pem and of the devices' certificates")
@click.option("--devices", type=click.Path(path_type=Path), help="whose certificates  [default: "
                                                                 "CERTS/devices.json]")
@click.option("--skip", multiple=True, metavar="NAME", help="leave this one out (may be repeated)")
@click.option("--clock", default="1x", show_default=True, metavar="PACE",
              help="rate of the server's clock, 60x, or as another process has it, RATE@SINCE@ORIGIN; or "
                   "file:PATH for one "
                   "that goes in steps: then instants are read from stdin, a line each, and answered when "
                   "what is due is done")
@click.option("--pins/--no-pins", default=True, show_default=True, help="check the Registration's PIN")
@click.option("--threads", default=4, show_default=True, type=click.IntRange(1), help="threads to run the "
                                                                                      "clients on")
@click.option("--sums", is_flag=True, help="say nothing but what all did together in each quarter of an "
                                           "hour, in JSON")
@click.option("--settled", default=0.0, metavar="HOURS",
              help="for so long the devices have run by themselves already")
@click.option("--terse", is_flag=True, help="the devices say no more of their state than they have to")
@click.option("--silent", default=0.0, metavar="SHARE", help="this share of the devices follows nothing")
@click.option("--gone", default=0.0, metavar="SHARE", help="this share of the devices never calls")
@click.option("--opt-out", default=0.0, metavar="PART", help="customers opt out of this part of the events "
                                                             "half-way")
@click.option("--skew", default=0.0, metavar="SECONDS", help="the devices' clocks are off by this much")
def main(
    server: str,
    dcap: str,
    certs: Path,
    devices: Path | None,
    skip: tuple[str, ...],
    clock: str,
    pins: bool,
    threads: int,
    sums: bool,
    settled: float,
    terse: bool,
    **misbehaviour: float,
) -> None:
    """Run a neighbourhood of devices against a server, until interrupted."""
    try:
        settings.require()
    except BadSettings as refused:
        raise click.ClickException(str(refused)) from None
    logs.configure("fleet", "error" if sums else "")
    if terse:
        reporter.IGNORED_FIELDS.update(reporter.TERSE_IGNORED_FIELDS)
    known = [
        entry
        for entry in neighbourhood.read_entries(devices or certs / "devices.json")
        if entry["name"] not in skip
    ]
    time_of_day.follow(clock)
    steps = clock.startswith(time_of_day.STEPPED)
    where = neighbourhood.Server(server, dcap, certs, 1.0 if steps else time_of_day.rate())
    clients = neighbourhood.create_clients(known, where, quiet if sums else print_trace, pins,
                                    time_of_day.precise if steps else time.time,
                                    manner=lambda lfdi: faults.draw_faults(lfdi, **misbehaviour))
    followers = [follower for client in clients for follower in client.followers]
    for follower in followers:
        now = time_of_day.precise()
        follower.plant = follower.plant.run(NO_CONTROLS, now - settled * 3600, now)
    if sums:
        Totals(followers, lambda said: click.echo(json.dumps(said)))
    else:
        click.echo(f"{len(clients)} clients at {server}{dcap}")
    if steps:
        stepped.serve_instants(Stepped(clients, threads), sys.stdin, sys.stdout)
    else:
        run(Fleet(clients, threads))
