"""A command loads its own modules and what those need, no more."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server import operations
from server.cli import PROCESSES, main
from server.cli.summaries import SUMMARIES
from tests.test_docs import ROOT

CODE = """
import sys
from server.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end
print(*sys.modules, file=sys.stderr)
"""
HEAVY = {"xmlschema", "elementpath", "numpy", "highspy", "matplotlib", "jinja2", "flask", "werkzeug",
         "gunicorn", "OpenSSL", "cryptography", "psycopg", "playhouse.migrations",
         "asyncio", "http.client", "ssl"}
STORE = {"lxml", "server.resources.store", "server.models"}
ALLOWED = {  # by command: what it needs of those
    "--help": set(),
    "device --help": STORE,
    "settings --json": set(),
    "device list": STORE | {"rich"},
    "device list --json": STORE,
    "alarm list --json": STORE,
    "audit tail": STORE | {"rich"},
    "vder list --json": STORE,
}


@pytest.mark.parametrize("words", ALLOWED)
def test_a_command_loads_nothing_that_it_does_not_need(words: str, tmp_path: Path) -> None:
    environment = {**os.environ, "COUNTERPOISE_DATABASE": f"sqlite:///{tmp_path}/c.db"}
    if "list" in words or "tail" in words:
        subprocess.run([sys.executable, "-m", "server", "init"], cwd=ROOT, env=environment, check=True,
                       capture_output=True)
    process = subprocess.run([sys.executable, "-c", CODE, *words.split()], cwd=ROOT, env=environment,
                             capture_output=True, text=True, check=True)
    loaded = set(process.stderr.split())
    assert loaded & (HEAVY | STORE | {"rich"}) == ALLOWED[words]


def test_every_command_has_a_summary_that_fits_a_line() -> None:
    assert SUMMARIES.keys() == operations.MODULES.keys() | PROCESSES.keys()
    assert list(SUMMARIES) == main.list_commands(None)
    assert {name: text for name, text in SUMMARIES.items() if len(text) > 62 or not text.endswith(".")} == {}
