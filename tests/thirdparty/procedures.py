"""The server procedures of cactus-client: which run, what is known of those that do not pass, the table."""
from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.flows.server import Server
from tests.thirdparty.utility import Utility

KNOWN: dict[str, str] = {}
"""Procedures that do not pass, and why that is right."""
NO_REGISTRATION = "S-OPT-01",
"""Those whose server registers nobody in band."""
LIMIT_S = 120
"""How long a procedure may take beyond three times what it waits for at once."""
POLLS = 5
"""How often the simulated client of S-ALL-50 polls, once a second; the procedure asks for 72 hours."""


@dataclass(frozen=True)
class Procedure:
    """A procedure: its id, subject, the types of its clients, and how long it waits."""
    id: str
    about: str
    wait_s: int
    clients: list[str]
    left_out: str = ""

    @property
    def registration(self) -> str:
        """Whether the server registers devices in band."""
        return "no" if self.id in NO_REGISTRATION else "yes"


@dataclass(frozen=True)
class Outcome:
    """What came of a test: `passed` is None where it was not run."""
    client: str
    test: str
    about: str
    passed: bool | None
    why: str = ""
    warnings: int = 0

    @property
    def is_surprise(self) -> bool:
        """Whether it failed though nothing is known against it, or passed though something is."""
        return self.passed is not None and self.passed == (self.test in KNOWN)

    @property
    def row(self) -> str:
        """Its line of the table."""
        result = {True: "passed", False: "failed", None: "not run"}[self.passed]
        why = KNOWN.get(self.test, self.why) if not self.passed else ""
        note = f"{self.warnings} warnings" if self.warnings else ""
        return f"{self.client:14} {self.test:10} {result:8} {self.about[:44]:44} {why or note}".rstrip()


def chosen(python: Path, scripts: Path, only: Iterable[str] | None, minutes: float) -> list[Procedure]:
    """Return all procedures, or `only` these; one that waits longer than so many minutes is left out."""
    listing = subprocess.run([python, scripts / "cactus.py"], capture_output=True, text=True, check=True)
    found = [Procedure(**json.loads(line)) for line in listing.stdout.splitlines()]
    if only:
        return [procedure for procedure in found if procedure.id in only]
    return [procedure if procedure.wait_s <= 60 * minutes else
            Procedure(**{**vars(procedure), "left_out": f"waits {procedure.wait_s / 60:.0f} minutes"})
            for procedure in found]


def run(
    python: Path, scripts: Path, server: Server, operator: Utility, tests: list[Procedure], together: int,
    folder: Path, receiver: int, enterprise: int, client: Callable[[str, str], dict[str, Any]],
) -> list[Outcome]:
    """Run procedures against a server, `together` at a time, each with clients of its own.

    Notifications are received at the port `receiver`, mRIDs of the server end with its `enterprise` number;
    `client(name, type)` makes a client.
    """
    outcomes = [Outcome("cactus", test.id, test.about, None, test.left_out)
                for test in tests if test.left_out]
    tests = sorted((test for test in tests if not test.left_out), key=lambda test: -test.wait_s)
    clients = {test.id: [client(f"{test.id}-{number}", kind) for number, kind in enumerate(test.clients)]
               for test in tests}
    config, job, output = folder / "cactus.json", folder / "job.json", folder / "cactus"
    output.mkdir(exist_ok=True)
    config.write_text(json.dumps({
        "output_dir": str(output), "clients": [entry for made in clients.values() for entry in made],
        "server": {"device_capability_uri": f"{server.address}/dcap", "verify_ssl": True,
                   "serca_pem_file": str(server.certs / "ca.pem"), "pen": enterprise,
                   "notification_uri": f"http://127.0.0.1:{receiver}"}}))
    job.write_text(json.dumps({
        "config": str(config), "together": together, "repeat": POLLS,
        "tests": [{"id": test.id, "clients": [entry["id"] for entry in clients[test.id]],
                   "limit_s": LIMIT_S + 3 * test.wait_s} for test in tests]}))
    with subprocess.Popen([python, scripts / "cactus.py", job], stdin=subprocess.PIPE, text=True,
                          stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        for line in process.stdout:
            said = json.loads(line)
            if "test" in said:
                outcomes.append(Outcome("cactus", said["test"], said["about"], said["passed"],
                                        f"{said['steps']} steps; {said['why']}", len(said["warnings"])))
                print(outcomes[-1].row, flush=True)
                continue
            try:
                operator.do(said["instruction"], said["client"], said["parameters"])
                error = ""
            except AssertionError as refused:
                error = str(refused)
            process.stdin.write(json.dumps({"ask": said["ask"], "error": error}) + "\n")
            process.stdin.flush()
    return outcomes


def table(outcomes: Iterable[Outcome]) -> str:
    """Return all outcomes as lines, and how many passed."""
    rows = sorted(outcomes, key=lambda outcome: (outcome.client, outcome.test))
    counts = {word: sum(row.passed is value for row in rows)
              for word, value in (("passed", True), ("failed", False), ("not run", None))}
    return "\n".join([*(row.row for row in rows), ", ".join(f"{count} {word}" for word, count in
                                                            counts.items())])
