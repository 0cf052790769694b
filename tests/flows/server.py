"""The real server, as processes: gunicorn with the device interface's own configuration, TLS, and a database.

Nothing of it runs in the test's process; the test looks into the same database from outside, as the command
line does.
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

ROOT = Path(__file__).parents[2]
T = TypeVar("T")


def until(
    what: Callable[[], T], seconds: float = 40, every: float = 0.05, why: Callable[[], object] = str
) -> T:
    """Ask again and again until the answer is true; AssertionError, saying `why`, when that takes too
    long."""
    end = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < end, f"still {answer!r} after {seconds} s {why()}"
        time.sleep(every)
    return answer


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Process:
    """A process of ours: its output goes to a file, and whatever happens it does not outlive `stop`."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str], folder: Path):
        self.log = log
        with log.open("ab") as file:
            self.popen = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, cwd=folder,
                                          env=os.environ | environment, start_new_session=True)

    @property
    def text(self) -> str:
        """What it has said."""
        return self.log.read_text(errors="replace")

    def stop(self, seconds: float = 20) -> int:
        """SIGTERM, and its exit status; AssertionError if it does not heed that."""
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
        """The ids of its child processes."""
        pid = self.popen.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Server:
    """`with Server(folder, certs, database, registration="yes") as server:` answers at `server.address`.

    `certs` is a tree of certs.dev; `settings` are those of server/config.py.
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
        """Begin, and wait until it answers."""
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
        """End it as a supervisor would; its exit status."""
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

    def operator(self, *words: str) -> Any:
        """What the operator's command `counterpoise WORDS --json` prints; AssertionError with its words if it
        fails."""
        command = [sys.executable, "-m", "server", *words, "--json"]
        done = subprocess.run(
            command,
            env=os.environ | self.environment | {"PYTHONPATH": str(ROOT)},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def workers(self) -> list[int]:
        """The ids of gunicorn's worker processes."""
        assert self.process is not None
        return self.process.children()

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "server.log").read_text(errors="replace")

    def https(self, name: str, timeout: float = 20) -> Https:
        """A connection with the certificate of this name."""
        files = (str(self.certs / one) for one in ("ca.pem", f"{name}.pem", f"{name}.key"))
        return Https(self.address, tls_context(*files), timeout)

    def get(self, name: str, href: str) -> dict[str, Any]:
        """What a client with the certificate of this name reads there, on a connection of its own."""
        with closing(Connection(self.https(name))) as connection:
            return connection.get(href).data


def entries(certs: Path) -> dict[str, dict[str, Any]]:
    """What devices.json says of each certificate, by its name."""
    return {one["name"]: one for one in json.loads((certs / "devices.json").read_text())}
