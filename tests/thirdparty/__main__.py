"""`make clients`: what clients of other authors find at this server; a table, and 1 if something is not as
expected."""
from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from certs import authority, dev
from server import clock
from server.cli import main as cli
from server.config import settings
from server.devices import identity
from tests.flows.server import ROOT, Process, Server, free_port
from tests.thirdparty import environment, procedures, readers
from tests.thirdparty.procedures import Outcome
from tests.thirdparty.utility import Utility

SCRIPTS = Path(__file__).parent / "scripts"
ENTERPRISE = 28547
"""The private enterprise number with which mRIDs of the server end."""


def arguments(words: list[str]) -> argparse.Namespace:
    """Return the options of the target."""
    parser = argparse.ArgumentParser(prog="make clients ARGS=…", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="ID", help="these procedures alone, such as S-ALL-04")
    parser.add_argument("--together", type=int, default=4, help="procedures that run at a time")
    parser.add_argument("--minutes", type=float, default=5,
                        help="leave out procedures that wait longer; the longest takes 30")
    return parser.parse_args(words)


@contextmanager
def utility(folder: Path, certs: Path, **options: Any) -> Iterator[tuple[Server, Utility]]:
    """Run a server and its worker, and give its operator.

    `ignore_accept` is for gridappsd-2030-5-client, which reads XML and asks for JSON.
    """
    folder.mkdir()
    server = Server(folder, certs, f"sqlite:///{folder}/clients.db", profile="csip-aus",
                    enterprise=ENTERPRISE, poll_rate=60, post_rate=10, notification_networks="127.0.0.0/8",
                    notification_interval_s=1, ignore_accept="yes", **options)
    with server:
        worker = Process([sys.executable, "-m", "server", "work"], folder / "worker.log",
                         server.environment | {"PYTHONPATH": str(ROOT)}, folder)
        try:
            yield server, Utility(commands(server))
        finally:
            worker.stop()


def commands(server: Server) -> Callable[..., Any]:
    """Return a function that runs a command of the operator in this process, and returns its JSON."""
    settings.read(os.environ | server.environment)

    def run(*words: str) -> Any:
        settings.clock, settings.database = clock.spec(), server.database
        result = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
        answer = json.loads(result.stdout)
        assert result.exit_code == 0, f"{' '.join(words)}: {answer['error']['message']}"
        return answer

    return run


def client(certs: Path, name: str, kind: str) -> dict[str, Any]:
    """Make a certificate for a client of a procedure; return its entry in the tester's configuration."""
    if kind == "aggregator":
        issuer = dev.load_holder(certs / "authorities/issuer.pem", certs / "authorities/issuer.key")
        dev.write_holder(certs, name, authority.aggregator(issuer, name))
        lfdi = identity.lfdi(name.encode())
    else:
        lfdi = dev.issue_device(certs, name)["lfdi"]
    return {"id": name, "type": kind, "certificate_file": str(certs / f"{name}.pem"),
            "key_file": str(certs / f"{name}.key"), "lfdi": lfdi, "sfdi": identity.sfdi(lfdi),
            "pen": ENTERPRISE, "pin": identity.new_pin(), "max_watts": 6000}


def main(words: list[str]) -> int:
    """Run all; return the exit status."""
    options = arguments(words)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # so that no process is left
    try:
        python = environment.python()
    except environment.Missing as why:
        print(f"{why} Nothing was run.")
        return 1
    with tempfile.TemporaryDirectory() as path, ExitStack() as stack:
        folder = Path(path)
        certs = folder / "certs"
        dev.make_dev(certs, devices=2)
        outcomes: list[Outcome] = []
        chosen = procedures.chosen(python, SCRIPTS, options.only, options.minutes)
        receiver = free_port()
        notifications = Process([str(python), "-m", "cactus_client_notifications.server.main"],
                                folder / "notifications.log",
                                {"APP_PORT": str(receiver), "SERVER_URL": f"http://127.0.0.1:{receiver}"},
                                folder)
        stack.callback(notifications.stop)
        for registration in ("yes", "no"):
            tests = [test for test in chosen if test.registration == registration]
            if tests:
                with utility(folder / f"registration-{registration}", certs,
                             registration=registration) as (server, operator):
                    outcomes += procedures.run(python, SCRIPTS, server, operator, tests, options.together,
                                               folder, receiver, ENTERPRISE,
                                               lambda name, kind: client(certs, name, kind))
        if not options.only:
            with utility(folder / "readers", certs) as (server, operator):
                outcomes += readers.run(python, SCRIPTS, server, operator.command)
        print(procedures.table(outcomes))
    return int(any(outcome.is_surprise for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
