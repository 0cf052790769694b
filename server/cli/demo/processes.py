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
from server.api import startup
from server.cli import common, console, run
from server.cli.demo.setup import PROCESSES, Scenario
from server.config import checks, settings
from server.operators import users
from server.operators.roles import Role

GUEST = "guest"  # who may look without a password, on this machine alone
TIMEOUT_S = 20.0  # for a process to start, or to end
Process = subprocess.Popen[str]


def check_ports() -> None:
    """Raise ClickException where a port of the settings is in use."""
    _check_port("port", settings.host, settings.port)
    if startup.has_console():
        _check_port("console_port", settings.console_host, settings.console_port)


def _check_port(setting: str, hosts: str, port: int) -> None:
    try:
        for host in checks.addresses(hosts):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((host, port))
    except OSError as error:
        raise click.ClickException(
            f"port {port} of {hosts} cannot be used ({error.strerror}); "
            f"choose another: counterpoise --set {setting}={port % 50_000 + 1000} demo"
        ) from None


def address() -> str:
    """The URL of the server."""
    return f"https://{checks.authority(checks.addresses(settings.host)[0], settings.port)}"


def client_arguments() -> list[str]:
    """Return the arguments of each client process."""
    return ["--server", address(), "--certs", str(Path(settings.certificate).parent),
            "--warm-up", str(scenario.SETTLING_S / 3600)]


@contextmanager
def server(worker: bool) -> Iterator[None]:
    """Run the device interface, the console where it is installed, and with `worker` the worker, until the
    block ends."""
    if startup.has_console():
        settings.console_tls, settings.console_guest, settings.console_workers = False, GUEST, 1
    environment = run.prepare()
    common.open_database()
    commands = [run.gunicorn(), *([[sys.executable, "-m", "server", "work"]] if worker else [])]
    if startup.has_console():
        users.create(GUEST, Role.VIEWER)
        commands.append(console.gunicorn())
    with running(commands, env=environment) as processes:
        _wait(processes)
        yield


@contextmanager
def running(commands: Sequence[Sequence[str]], **options: Any) -> Iterator[list[Process]]:
    """Run a process for each command until the block ends; none outlives it. `options` go to `Popen`."""
    processes: list[Process] = []
    try:
        for command in commands:
            with processpool.uninterrupted():
                processes.append(subprocess.Popen(command, start_new_session=True, text=True, **options))
        yield processes
    finally:
        with processpool.uninterrupted():
            end(processes)


def _wait(processes: Sequence[Process]) -> None:
    """Wait until the device interface accepts connections."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if any(process.poll() is not None for process in processes):
            raise click.ClickException("the server did not start; its messages are above")
        try:
            socket.create_connection((checks.addresses(settings.host)[0], settings.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise click.ClickException("the server did not answer")


def end(processes: Sequence[Process]) -> None:
    """Terminate all, wait, and kill those that remain."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def homes(scenario: Scenario) -> Iterator[Homes]:
    """Run the client processes until the block ends."""
    command = [sys.executable, "-m", "clients", "--clock", clock.spec(), "--totals", *client_arguments()]
    commands = [[*command, "--devices", str(file)] for file in scenario.device_files]
    with running(commands, stdout=subprocess.PIPE, env=settings.environment()) as processes:
        yield Homes(processes)


class Homes:
    """The client processes on a running clock; each prints its totals when an interval has ended."""

    def __init__(self, processes: Sequence[Process]):
        self._totals: queue.Queue[dict[str, Any]] = queue.Queue()
        self._parts: dict[tuple[int, str], list[dict[str, Any]]] = {}
        self._processes = processes
        for process in self._processes:
            threading.Thread(target=self._listen, args=(process,), daemon=True).start()

    def next_totals(self, timeout_s: float) -> dict[str, Any] | None:
        """The sums of the next interval of a feeder that all processes have reported; None after `timeout_s`
        without.

        ClickException where a process has ended.
        """
        try:
            part = self._totals.get(timeout=timeout_s)
        except queue.Empty:
            if any(process.poll() is not None for process in self._processes):
                raise click.ClickException("the devices' processes have ended") from None
            return None
        interval = totals.interval(part)
        parts = self._parts.setdefault(interval, [])
        parts.append(part)
        return totals.add_totals(self._parts.pop(interval)) if len(parts) == PROCESSES else None

    def _listen(self, process: Process) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._totals.put(json.loads(line))
