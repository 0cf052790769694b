"""Many clients in one process, in running time: `python -m clients --help`.

A heap holds the clients by the time of their next step, and a few threads take them from there; a client is
run by one thread at a time. Since a client's `step` never sleeps, hundreds fit on one core. For time that
goes in steps, see `stepped`.
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
from clients.devices.client import Client, discard_trace
from clients.reports import reporter
from clients.reports.reporter import Trace
from clients.simulation import neighbourhood, stepped
from clients.simulation.stepped import RETRY_S, Stepped
from clients.simulation.totals import NO_CONTROLS, Totals
from server import clock as server_clock
from server import logs
from server.config import BadSettings, settings

log = logging.getLogger(__name__)
PARTING_S = 2.0
"""How long a fleet that stops waits for answers."""
ABORT_EVERY_S = 0.1
"""How often it ends the requests that are still waited for then, new ones of the same steps included."""


class Fleet:
    """Runs clients until stopped.

    Their first steps are spread over `stagger_s` seconds, so that a neighbourhood does not connect all at
    once.
    """

    def __init__(self, clients: Sequence[Client], threads: int = 4, stagger_s: float = 1.0):
        self.clients = list(clients)
        self._counter = itertools.count()
        generator = random.Random(len(self.clients))
        now = time.time()
        self._heap = [
            (now + generator.uniform(0, stagger_s), next(self._counter), client) for client in self.clients
        ]
        heapq.heapify(self._heap)
        self._ready = threading.Condition()
        self._stopping = False
        self._threads = [threading.Thread(target=self._work, name=f"fleet-{number}", daemon=True)
                         for number in range(min(threads, len(self.clients)))]

    def start(self) -> None:
        """Start the threads; returns at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Wait for the current steps, PARTING_S at most, then close the connections. May be called again."""
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
            due = self._step(client)
            with self._ready:
                heapq.heappush(self._heap, (due, next(self._counter), client))
                self._ready.notify()

    def _next(self) -> Client | None:
        """Wait for the client that is due first, and return it; None when the fleet stops."""
        with self._ready:
            while not self._stopping:
                wait_s = self._heap[0][0] - time.time() if self._heap else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._heap)[2]
                self._ready.wait(wait_s)
            return None

    def _step(self, client: Client) -> float:
        try:
            return client.step(time.time())
        except Exception:
            logs.unexpected(log, f"a step of {client.name}")
            return time.time() + RETRY_S


def print_trace(trace: Trace) -> None:
    """Print a trace in a line; readings are left out."""
    if trace.kind != "reading":
        instant = time.strftime("%H:%M:%S", time.gmtime(trace.at))
        click.echo(f"{instant} {trace.name:<14} {trace.kind:<10} {trace.detail}")


def run(fleet: Fleet) -> None:
    """Run until SIGINT or SIGTERM, then stop cleanly."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with fleet:
        stop.wait()


@click.command()
@click.option("--server", default=lambda: f"https://127.0.0.1:{settings.port}",
              show_default="https://127.0.0.1 and the setting port", help="Address of the server.")
@click.option("--dcap", default="/dcap", show_default=True, help="href of DeviceCapability.")
@click.option("--certs", default="certs/dev", show_default=True, type=click.Path(path_type=Path),
              help="Directory of ca.pem and of the devices' certificates.")
@click.option("--devices", type=click.Path(path_type=Path),
              help="File that lists the devices.  [default: CERTS/devices.json]")
@click.option("--skip", multiple=True, metavar="NAME", help="Leave this device out (may be repeated).")
@click.option("--model", "models", multiple=True, metavar="NAME=MODEL",
              help="What this device is (may be repeated): " + ", ".join(neighbourhood.KINDS) + ".")
@click.option("--clock", default=lambda: settings.clock or "1x", show_default="the setting clock, else 1x",
              metavar="PACE",
              help="Rate of the server's clock: 60x, or, as another process has it, RATE@SINCE@ORIGIN. "
                   "file:PATH for a clock that goes in steps: then instants are read from stdin, one a line, "
                   "and each is answered when everything due is done.")
@click.option("--pins/--no-pins", default=True, show_default=True, help="Check the Registration's PIN.")
@click.option("--threads", default=4, show_default=True, type=click.IntRange(1),
              help="Threads that run the clients.")
@click.option("--totals", is_flag=True,
              help="Print only the totals over all devices for each quarter of an hour, as JSON.")
@click.option("--warm-up", "warm_up_h", default=0.0, metavar="HOURS",
              help="Run the devices for so long without controls beforehand.")
@click.option("--terse", is_flag=True, help="Report no more of the devices' state than necessary.")
@click.option("--non-responding", default=0.0, metavar="FRACTION",
              help="Fraction of the devices that follow no event.")
@click.option("--offline", default=0.0, metavar="FRACTION",
              help="Fraction of the devices that send no request.")
@click.option("--opt-out", default=0.0, metavar="FRACTION",
              help="Fraction of the events that customers opt out of, at half their time.")
@click.option("--skew", "skew_s", default=0.0, metavar="SECONDS",
              help="Error of the devices' clocks, ahead or behind.")
def main(
    server: str,
    dcap: str,
    certs: Path,
    devices: Path | None,
    skip: tuple[str, ...],
    models: tuple[str, ...],
    clock: str,
    pins: bool,
    threads: int,
    totals: bool,
    warm_up_h: float,
    terse: bool,
    **fault_options: float,
) -> None:
    """Run a neighbourhood of devices, and businesses, against a server, until interrupted."""
    try:
        settings.require()
    except BadSettings as refused:
        raise click.ClickException(str(refused)) from None
    logs.configure("fleet", "error" if totals else "")
    if terse:
        reporter.IGNORED_FIELDS.update(reporter.TERSE_IGNORED_FIELDS)
    entries = [
        entry
        for entry in neighbourhood.read_entries(devices or certs / "devices.json")
        if entry["name"] not in skip
    ]
    _set_models(entries, models)
    server_clock.follow(clock)
    in_steps = clock.startswith(server_clock.STEPPED)
    clients = neighbourhood.create_clients(
        entries,
        neighbourhood.Server(server, dcap, certs, 1.0 if in_steps else server_clock.rate()),
        discard_trace if totals else print_trace,
        check_pins=pins,
        clock=server_clock.precise if in_steps else time.time,
        draw_faults=lambda lfdi: faults.draw_faults(lfdi, **fault_options),
    )
    _warm_up(clients, warm_up_h)
    if totals:
        for feeder, on_it in neighbourhood.by_feeder(clients).items():
            Totals(on_it, lambda sums: click.echo(json.dumps(sums)), feeder)
    else:
        click.echo(f"{len(clients)} clients at {server}{dcap}")
    if in_steps:
        stepped.serve_instants(Stepped(clients, threads), sys.stdin, sys.stdout)
    else:
        run(Fleet(clients, threads))


def _set_models(entries: Sequence[neighbourhood.Entry], models: Sequence[str]) -> None:
    """Give entries the models of `--model`. BadParameter where a name or a model does not exist."""
    by_name = {entry["name"]: entry for entry in entries}
    for text in models:
        name, _, model = text.partition("=")
        for given, known in ((name, by_name), (model, neighbourhood.KINDS)):
            if given not in known:
                raise click.BadParameter(f"{text}: {given!r} is none of {', '.join(known)}",
                                         param_hint="--model")
        by_name[name]["model"] = model


def _warm_up(clients: Sequence[Client], hours: float) -> None:
    """Run the device models up to now without controls, so that cars and rooms have a typical state."""
    for event_client in neighbourhood.event_clients(clients):
        now = server_clock.precise()
        event_client.model = event_client.model.run(NO_CONTROLS, now - hours * 3600, now)
