"""The real server as processes: gunicorn with the device interface's own configuration, TLS, and a database.

Nothing of it runs in the test's process. The test reads the same database from outside, as the command line
does.
"""
from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from clients.transport.connection import Connection
from clients.transport.mtls import ConnectionLost, Https, tls_context
from server import logs

ROOT = Path(__file__).parents[2]
T = TypeVar("T")


def until(
    condition: Callable[[], T],
    seconds: float = 40,
    every: float = 0.05,
    why: Callable[[], object] = str,
) -> T:
    """Wait until a condition is true and return it; raises AssertionError, with `why`, after so many
    seconds."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, f"still {value!r} after {seconds} s {why()}"
        time.sleep(every)
    return value


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Process:
    """A process of this project. Its output goes to a file; `stop` ends it in any case."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str], folder: Path):
        self.log = log
        with log.open("ab") as file:
            self.popen = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, cwd=folder,
                                          env=os.environ | environment, start_new_session=True)

    @property
    def text(self) -> str:
        """Its output so far."""
        return self.log.read_text(errors="replace")

    def stop(self, seconds: float = 20) -> int:
        """Send SIGTERM and return the exit status; raises AssertionError if the process does not end."""
        self.popen.terminate()
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it had to be killed:\n{self.text[-4000:]}") from None

    def kill(self) -> None:
        """SIGKILL to it and its children."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def children(self) -> list[int]:
        """Return the ids of its child processes."""
        pid = self.popen.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Server:
    """`with Server(folder, certs, database, registration="yes") as server:` answers at `server.address`.

    `certs` is a tree of certs.dev; `settings` are those of server/config.
    """

    def __init__(self, folder: Path, certs: Path, database: str, **settings: Any):
        self.folder, self.certs, self.database = folder, certs, database
        self.port = settings.setdefault("port", free_port())
        self.address = f"https://127.0.0.1:{self.port}"
        files = {"certificate": "server.pem", "key": "server.key", "client_ca": "ca.pem"}
        values = {name: certs / file for name, file in files.items()} | {"database": database} | settings
        self.environment = {f"COUNTERPOISE_{name.upper()}": str(value) for name, value in values.items()}
        self.process: Process | None = None

    def start(self) -> Server:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "gunicorn", "-c", "python:server.protocol.listen"]
        environment = self.environment | {"PYTHONPATH": str(ROOT)}
        self.process = Process(command, self.folder / "server.log", environment, self.folder)
        until(self._answers)
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.popen.poll() is None, self.process.text
        with closing(self.https("device-1")) as https, suppress(ConnectionLost):
            return https.exchange("GET", "/tm", None, {}).status == 200
        return False

    def stop(self) -> int:
        """Stop it as a supervisor would; return its exit status."""
        assert self.process is not None
        process, self.process = self.process, None
        return process.stop()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.stop()

    def operator(self, *arguments: str) -> Any:
        """Return the JSON of `counterpoise ARGUMENTS`; raises AssertionError with its message if it fails."""
        command = [sys.executable, "-m", "server", *arguments, "--json"]
        process = subprocess.run(
            command,
            env=os.environ | self.environment | {"PYTHONPATH": str(ROOT)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert process.returncode == 0, process.stderr
        return json.loads(process.stdout)

    def workers(self) -> list[int]:
        """Return the ids of gunicorn's worker processes."""
        assert self.process is not None
        return self.process.children()

    @property
    def log(self) -> str:
        """Its output so far, without what it says at its start."""
        text = (self.folder / "server.log").read_text(errors="replace")
        return "".join(line for line in text.splitlines(True) if f" {logs.START}[" not in line)

    def https(self, name: str, timeout: float = 20) -> Https:
        """Return a connection with the certificate of this name."""
        files = (str(self.certs / file) for file in ("ca.pem", f"{name}.pem", f"{name}.key"))
        return Https(self.address, tls_context(*files), timeout)

    def get(self, name: str, href: str) -> dict[str, Any]:
        """Return what a client with the certificate of this name reads there, on a connection of its own."""
        with closing(Connection(self.https(name))) as connection:
            return connection.get(href).data


def entries(certs: Path) -> dict[str, dict[str, Any]]:
    """Return the entries of devices.json by name."""
    return {entry["name"]: entry for entry in json.loads((certs / "devices.json").read_text())}
