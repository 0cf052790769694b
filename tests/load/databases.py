"""Databases for the benchmark: devices that are enrolled, and programs with controls.

`python -m tests.load.databases FILE DEVICES CERTS` makes one.
"""
from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from server import clock, functionsets, grid, models
from server.config import settings
from server.devices import enrolment, identity
from server.models import EVERYONE
from server.resources import hooks, numbering, store
from tests.load.cases import CONTROLS

grid.load()
AT_ONCE = 500


def build(file: Path, devices: int, certs: Path) -> float:
    """Make a database with so many devices, those of `certs` first, and a program for each number of controls
    in CONTROLS; return the seconds that it took to enrol one device."""
    settings.database, settings.default_vder = f"sqlite:///{file}", "everyone"
    functionsets.load()
    models.connect()
    hooks.run_seeds()
    began = time.perf_counter()
    known = lfdis(certs, devices)
    for _ in range(0, devices, AT_ONCE):
        with store.transaction():
            for number, lfdi in zip(range(AT_ONCE), known, strict=False):
                enrolment.enrol(
                    lfdi, pin=123455, name=f"device {number}", labels={"feeder": f"F{number % 20}"}
                )
    seconds = (time.perf_counter() - began) / devices
    for many in CONTROLS:
        program = store.add(
            "DERProgram", "/derp", {"primacy": 10, "description": f"{many} controls"}, audience=EVERYONE
        )
        base = {"DERControlBase": {"opModMaxLimW": 5000}}
        store.put(f"{program}/dderc", {"mRID": numbering.new_mrid(), **base})
        for number in range(many):
            store.add(
                "DERControl",
                f"{program}/derc",
                {
                    "interval": {"start": clock.now() + 86400 + 3600 * number, "duration": 1800},
                    "randomizeStart": 60,
                    **base,
                },
            )
    models.db.close()
    return seconds


def lfdis(certs: Path, devices: int) -> Iterator[str]:
    """Yield so many LFDIs, those of the certificates first."""
    known = [
        entry["lfdi"]
        for entry in json.loads((certs / "devices.json").read_text())
        if entry["kind"] != "aggregator"
    ]
    yield from known
    for number in range(devices - len(known)):
        yield identity.lfdi(number.to_bytes(8, "big"))


if __name__ == "__main__":
    print(build(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
