"""The servers: gunicorn with one worker process, so that the drivers have a core of their own."""
from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.load import meter

ROOT = Path(__file__).parents[2]


class Server:
    """A gunicorn with the present settings, but another configuration, port and database."""

    def __init__(
        self, folder: Path, name: str, configuration: str, certs: Path, database: Path | None = None
    ):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {
            "COUNTERPOISE_PORT": str(self.port),
            "COUNTERPOISE_WORKERS": "1",
            "COUNTERPOISE_CERTIFICATE": str(certs / "server.pem"),
            "COUNTERPOISE_KEY": str(certs / "server.key"),
            "COUNTERPOISE_CLIENT_CA": str(certs / "ca.pem"),
            "COUNTERPOISE_DATABASE": f"sqlite:///{database}",
        }
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", f"python:{configuration}"],
                cwd=ROOT,
                env=os.environ | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.wait()
        self.pids = meter.tree(self.process.pid)
        self.worker = self.pids[-1]

    def wait(self) -> None:
        """Wait until it listens and its worker runs."""
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", self.port)) and len(meter.tree(self.process.pid)) > 1:
                    time.sleep(0.5)
                    return
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"it did not start:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
