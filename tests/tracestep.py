"""The modules of the server that one step of the automatic balance crosses, from the worker's duty to the
published control.

`python -m tests.tracestep` makes a small area in a temporary database, lets the worker decide and publish one
step of it, and lists the modules in the order in which they are entered, each with the first line of its
docstring. Every module counts of which a function runs, whether it is part of the balance or carries it, such
as the store. An asterisk marks those on the call path of the control as it is written.
"""
from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, FrameType
from typing import Any

from server import clock, functionsets, grid, models, worker
from server.devices import enrolment
from server.grid.balance import areasettings
from server.grid.groups import virtualders
from server.grid.series import signals
from server.models import Device, Meter
from server.protocol import app
from server.resources import documents, hooks
from server.resources.codes import DERType
from tests import peers
from tests.server.grid.conftest import Home
from tests.wsgi import Client

ROOT = Path(__file__).parents[1]
SERVER = str(ROOT / "server")
NOON = 1_750_000_000 // 86400 * 86400 + 43200
STEP_S, DECIDED_BEFORE_S = 900, 300
BATTERIES = 3
BALANCE = "the balance"
WIDTH = 44


@dataclass
class Trace:
    """The modules (paths below the root) in the order in which they were entered, and the call path of the
    published control, the innermost first."""
    modules: dict[str, None] = field(default_factory=dict)
    path: list[str] = field(default_factory=list)

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        """Note the module of a function that is called (for `sys.setprofile`)."""
        if event != "call" or not frame.f_code.co_filename.startswith(SERVER):
            return
        self.modules.setdefault(_module(frame.f_code))
        if frame.f_code is documents.write.__code__ and frame.f_locals["rows"][0]["kind"] == "DERControl":
            self.path = list(dict.fromkeys(_stack(frame)))


def _module(code: CodeType) -> str:
    return str(Path(code.co_filename).relative_to(ROOT))


def _stack(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        if frame.f_code.co_filename.startswith(SERVER):
            yield _module(frame.f_code)
        frame = frame.f_back


@contextmanager
def small_area() -> Iterator[None]:
    """A database with an area of three batteries that is balanced automatically, at the moment at which its
    first step is due."""
    grid.load()
    functionsets.load()
    clock.turn_to(NOON)
    with TemporaryDirectory() as folder:
        models.connect(f"sqlite:///{Path(folder)}/tracestep.db")
        hooks.run_seeds()
        virtualders.create("area", rule="kind = battery")
        client = Client(app.create())
        for number in range(1, BATTERIES + 1):
            device = enrolment.enrol(peers.lfdi(number), name=f"battery {number}", kind="battery")
            home = Home(peers.Peer(client, device.lfdi), device)
            home.rate(DERType.OTHER_STORAGE, inject=5000, absorb=5000, wh=10_000)
            home.charge(0.5)
            home.post(0)
        signals.put("area", "imbalance", [6000.0] * 4 + [-6000.0] * 4 + [0.0] * 100, NOON, STEP_S)
        areasettings.set_automatic("area")
        clock.turn_to(NOON + STEP_S - DECIDED_BEFORE_S)
        Device.update(last_contact_at=clock.now()).execute()
        Meter.update(read_at=clock.now()).execute()
        try:
            yield
        finally:
            models.db.close()


def trace() -> Trace:
    """Trace the duty of the worker's turn that decides and publishes the step."""
    traced = Trace()
    with small_area():
        sys.setprofile(traced.profile)
        try:
            worker.perform(BALANCE, worker.DUTIES[BALANCE])
        finally:
            sys.setprofile(None)
    return traced


def first_line(module: str) -> str:
    """The first line of a module's docstring."""
    return (ast.get_docstring(ast.parse((ROOT / module).read_text())) or "").partition("\n")[0]


def main() -> None:
    traced = trace()
    for module in traced.modules:
        mark = "*" if module in traced.path else " "
        print(f"{mark} {module:<{WIDTH}} {first_line(module)}")
    print(f"\n{len(traced.modules)} modules, {len(traced.path)} of them on the call path of the control")


if __name__ == "__main__":
    main()
