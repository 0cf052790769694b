"""How many modules one step of the balance crosses; see tests/tracestep.py."""
from __future__ import annotations

import subprocess
import sys

from tests.tracestep import ROOT

MODULES = 129  # all of `server` that are entered, the store's included; lower it where it has become fewer
PATH = 7  # those on the call path of the control


def test_one_step_of_the_balance_crosses_few_modules() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tests.tracestep"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *listed, _, total = process.stdout.splitlines()
    path = [line.split()[1] for line in listed if line.startswith("*")]
    assert len(listed) <= MODULES and len(path) <= PATH, process.stdout
    assert total == f"{len(listed)} modules, {len(path)} of them on the call path of the control"
    assert path[0] == "server/worker.py" and "server/grid/balance/publish.py" in path
    assert "server/resources/documents.py" in path, "the control is written"
