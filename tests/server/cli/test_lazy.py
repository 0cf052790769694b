"""A command loads its own module and what that needs, no more."""
from __future__ import annotations

import subprocess
import sys

from tests.test_docs import ROOT

CODE = """
import sys
from server.cli import main
assert main.get_command(None, "device") is not None
print(sorted({"numpy", "highspy", "matplotlib", "server.operations.plans"} & sys.modules.keys()))
"""


def test_device_loads_neither_mathematics_nor_the_modules_of_other_commands() -> None:
    command = [sys.executable, "-c", CODE]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"
