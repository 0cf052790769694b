"""The whole server as an operator runs it: `counterpoise serve`, `counterpoise work`, TLS, a database of its
own. On PostgreSQL the database server too is its own, with fsync, so that it can be killed."""
from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from clients.transport.mtls import ConnectionLost
from tests.flows.server import ROOT, Process, Server, free_port, until

START_S = 60.0  # for a process to come up again


class Cluster:
    """A PostgreSQL server with a folder of its own; `url` names its database. Needs the binaries."""

    def __init__(self, folder: Path):
        self.data, self.log, self.port = folder / "cluster", folder / "postgres.log", free_port()
        self.bin = binaries()
        assert self.bin is not None
        if os.getuid() == 0:  # PostgreSQL refuses root
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
        self._run("initdb", "-D", str(self.data), "-A", "trust", "-U", "postgres", "--no-sync")
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def _run(self, program: str, *arguments: str) -> str:
        assert self.bin is not None
        command = [str(self.bin / program), *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              cwd=self.data.parent).stdout

    def start(self) -> None:
        """Start it and wait until it accepts connections; recovery included."""
        options = (f"-c listen_addresses=127.0.0.1 -c port={self.port} "
                   f"-c unix_socket_directories={self.data.parent} "
                   "-c fsync=on -c full_page_writes=on -c max_connections=100")
        command = [str(self.bin / "pg_ctl") if self.bin else "", "-D", str(self.data), "-w", "-t", "120",
                   "-l", str(self.log), "start", "-o", options]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        # pg_ctl's child keeps what it inherits, so there is no pipe to wait for
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; immediately is as if it crashed."""
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def kill(self) -> None:
        """SIGKILL to the postmaster; then its children end by themselves.

        Each of them, the checkpointer too, keeps the shared memory, without which none starts anew.
        """
        with suppress(OSError, ValueError):
            os.kill(self.pid, 9)
        until(lambda: not self.processes(), START_S)
        # In a container nobody may wait for the dead process, whose number then seems to be in use.
        for path in (self.data / "postmaster.pid", self.data.parent / f".s.PGSQL.{self.port}.lock"):
            path.unlink(missing_ok=True)

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split("\n")[0])

    def backends(self) -> list[int]:
        """The ids of processes that serve a connection."""
        return self.processes("postgres: postgres ")

    def processes(self, title: str = "") -> list[int]:
        """The ids of its processes whose title begins so."""
        found = []
        for pid in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (pid / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                cwd = os.readlink(pid / "cwd")
                if words.startswith(title) and cwd == str(self.data):
                    found.append(int(pid.name))
        return found


def binaries() -> Path | None:
    """The folder with PostgreSQL's programs, the newest; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Site(Server):
    """`serve` and `work` as processes; each can be killed and started again."""

    def __init__(self, folder: Path, certs: Path, database: str, **settings: Any):
        super().__init__(folder, certs, database, **settings)
        self.work: Process | None = None

    def _command(self, name: str) -> Process:
        environment = self.environment | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        return Process([sys.executable, "-m", "server", name], self.folder / f"{name}.log", environment,
                       self.folder)

    def start(self) -> Site:
        self.start_serve()
        self.start_work()
        return self

    def start_serve(self) -> None:
        """Start `serve`, again and again as a supervisor would, until it answers."""
        end = time.monotonic() + START_S
        while True:
            self.process = self._command("serve")
            with suppress(AssertionError):
                until(self._answers, max(1.0, end - time.monotonic()))
                return
            if time.monotonic() > end:
                raise AssertionError(f"serve did not start again:\n{self.process.text[-4000:]}")
            time.sleep(0.5)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.popen.poll() is None, self.process.text[-4000:]
        with closing(self.https("device-1", 5)) as https, suppress(ConnectionLost):
            return https.exchange("GET", "/tm", None, {}).status == 200
        return False

    def start_work(self) -> None:
        """Start `work`."""
        self.work = self._command("work")

    def ensure(self) -> None:
        """Start whatever has ended."""
        if self.process is None or self.process.popen.poll() is not None:
            self.start_serve()
        if self.work is None or self.work.popen.poll() is not None:
            self.start_work()

    def end(self) -> list[int]:
        """Stop both; their exit statuses."""
        codes = []
        if self.work is not None:
            codes.append(self.work.stop())
        if self.process is not None:
            codes.append(self.stop())
        return codes

    def tracebacks(self) -> list[str]:
        """The beginnings of tracebacks in the logs, each with what it says at its end."""
        found = []
        for name in ("serve.log", "work.log"):
            path = self.folder / name
            text = path.read_text(errors="replace") if path.exists() else ""
            for part in text.split("Traceback (most recent call last):")[1:]:
                lines = part.split("\n")
                last = next((line for line in lines[1:] if line and not line.startswith((" ", "\t"))), "")
                found.append(f"{name}: {last[:300]}")
        return found
