"""A command loads its own modules and what those need, no more."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from server import operations
from server.cli import PROCESSES, main
from server.cli.summaries import SUMMARIES
from server.resources import codes
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
         "asyncio", "http.client", "ssl", "lxml", "tempfile", "secrets", "tomllib", "difflib",
         "server.resources.codes.customers"}
STORE = {"server.resources.store", "server.models"}
FLEET = {"server.grid.fleet.ratings", "server.grid.fleet.fleetstate", "server.grid.flexibility.capability",
         "server.grid.balance.planning", "server.grid.controls.preview", "server.grid.series.forecasts",
         "server.grid.controls.defaultcontrols"}
ALLOWED = {  # by command: what it needs of those
    "--help": set(),
    "device --help": STORE,
    "settings --json": set(),
    "device list": STORE | {"rich"},
    "device list --json": STORE,
    "device show house": STORE | {"rich", "server.grid.fleet.ratings"},
    "alarm list --json": {"server.models"},
    "audit tail": STORE | {"rich"},
    "vder list": STORE | {"rich"},
    "vder list --json": STORE,
    "vder members list F12 --json": STORE,
    "control list --json": STORE,
    "plan list --json": STORE,
    "responses --json": STORE,
    "readings house --json": STORE,
    "opt-out list --json": STORE,
    "signal show F12 --json": STORE,
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a device and a virtual DER."""
    path = tmp_path_factory.mktemp("lazy") / "c.db"
    for command in (["enrol", "1F" * 20, "--name", "house", "--label", "feeder=F12"],
                    ["vder", "create", "F12", "--rule", "feeder=F12"]):
        subprocess.run([sys.executable, "-m", "server", *command], cwd=ROOT, check=True, capture_output=True,
                       env={**os.environ, "COUNTERPOISE_DATABASE": f"sqlite:///{path}"})
    return path


@pytest.mark.parametrize("words", ALLOWED)
def test_a_command_loads_nothing_that_it_does_not_need(words: str, tmp_path: Path, database: Path) -> None:
    environment = {**os.environ, "COUNTERPOISE_DATABASE": f"sqlite:///{tmp_path}/c.db"}
    if words != "settings --json" and "--help" not in words:
        shutil.copy(database, tmp_path / "c.db")
    process = subprocess.run([sys.executable, "-c", CODE, *words.split()], cwd=ROOT, env=environment,
                             capture_output=True, text=True, check=True)
    loaded = set(process.stderr.split())
    assert loaded & (HEAVY | STORE | FLEET | {"rich"}) == ALLOWED[words]


def test_each_enumeration_is_in_its_module() -> None:
    """The names in `codes` are written thrice: for the type checker, for `import *`, and for loading them."""
    assert sorted(codes._MODULES) == codes.__all__
    for name, module in codes._MODULES.items():
        assert getattr(codes, name) is getattr(import_module(f"server.resources.codes.{module}"), name)


def test_every_command_has_a_summary_that_fits_a_line() -> None:
    assert SUMMARIES.keys() == operations.MODULES.keys() | PROCESSES.keys()
    assert list(SUMMARIES) == main.list_commands(None)
    assert {name: text for name, text in SUMMARIES.items() if len(text) > 62 or not text.endswith(".")} == {}
