"""The processes of the demonstration: started together, ended together."""
from __future__ import annotations

import json
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from clients.simulation import processpool, scenario, totals
from server import clock
from server.cli import common, run
from server.cli.demo.place import PROCESSES, Place
from server.config import settings

PATIENCE = 20.0
Process = subprocess.Popen[str]


def check_port() -> None:
    """A sentence for people where somebody else listens on the port of the settings."""
    try:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((settings.host, settings.port))
    except OSError as error:
        raise click.ClickException(
            f"port {settings.port} of {settings.host} cannot be used ({error.strerror}); "
            "choose another: counterpoise --set port=9443 demo"
        ) from None


def address() -> str:
    """Where the devices find the server."""
    return f"https://{settings.host}:{settings.port}"


def client_arguments() -> list[str]:
    """Return the arguments of each client process."""
    return ["--server", address(), "--certs", str(Path(settings.certificate).parent),
            "--warm-up", str(scenario.SETTLING_S / 3600)]


@contextmanager
def server(worker: bool) -> Iterator[None]:
    """The device interface, and its worker if it is to work by itself, until the block ends."""
    environment = run.prepare()
    common.open_database()
    commands = [run.gunicorn(), *([[sys.executable, "-m", "server", "work"]] if worker else [])]
    with running(commands, env=environment) as processes:
        _wait(processes)
        yield


@contextmanager
def running(commands: Sequence[Sequence[str]], **how: Any) -> Iterator[list[Process]]:
    """A process for each command, until the block ends; none of them outlives it. `how` goes to `Popen`."""
    processes: list[Process] = []
    try:
        for command in commands:
            with processpool.uninterrupted():
                processes.append(subprocess.Popen(command, start_new_session=True, text=True, **how))
        yield processes
    finally:
        with processpool.uninterrupted():
            end(processes)


def _wait(processes: Sequence[Process]) -> None:
    """Until the device interface answers."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if any(process.poll() is not None for process in processes):
            raise click.ClickException("the server did not start; what it said is above")
        try:
            socket.create_connection((settings.host, settings.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise click.ClickException("the server did not answer")


def end(processes: Sequence[Process]) -> None:
    """Ask all to end, wait, and make sure."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def homes(place: Place) -> Iterator[Homes]:
    """The client processes, until the block ends."""
    command = [sys.executable, "-m", "clients", "--clock", clock.spec(), "--totals", *client_arguments()]
    commands = [[*command, "--devices", str(share)] for share in place.shares]
    with running(commands, stdout=subprocess.PIPE, env=settings.environment()) as processes:
        yield Homes(processes)


class Homes:
    """The client processes on a clock that runs by itself; what they say of each interval comes in as it is
    over."""

    def __init__(self, processes: Sequence[Process]):
        self._said: queue.Queue[dict[str, Any]] = queue.Queue()
        self._parts: dict[int, list[dict[str, Any]]] = {}
        self._processes = processes
        for process in self._processes:
            threading.Thread(target=self._listen, args=(process,), daemon=True).start()

    def heard(self, patience: float) -> dict[str, Any] | None:
        """The sums of the next interval of which all have told, waited for so many (real) seconds.
        ClickException where a process has ended."""
        try:
            part = self._said.get(timeout=patience)
        except queue.Empty:
            if any(process.poll() is not None for process in self._processes):
                raise click.ClickException("the devices' processes have ended") from None
            return None
        parts = self._parts.setdefault(part["at"], [])
        parts.append(part)
        return totals.add_totals(self._parts.pop(part["at"])) if len(parts) == PROCESSES else None

    def _listen(self, process: Process) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._said.put(json.loads(line))
