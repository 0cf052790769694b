"""`settings` for people, for programs and in docs; every command refuses what is broken."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from server.cli import main
from server.cli.settings import markdown
from server.config import SETTINGS, settings

GUNICORN = "gunicorn -c python:server.protocol.listen"
ROOT = Path(__file__).parents[3]
Run = Callable[..., Result]


@pytest.fixture
def run() -> Iterator[Run]:
    """Run a command in this process, with settings from this environment."""
    saved = dict(settings.__dict__)

    def run(*words: str, **environ: str) -> Result:
        settings.read({f"COUNTERPOISE_{name.upper()}": value for name, value in environ.items()})
        return CliRunner().invoke(main, [*words])
    yield run
    settings.__dict__.clear()
    settings.__dict__.update(saved)


def leaves(command: click.Command = main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from leaves(below, (*path, name))
    else:
        yield path


def test_the_reference_is_that_of_the_declarations() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    assert text == markdown(), "counterpoise settings --markdown > docs/settings.md"
    assert all(f"| `{name}` |" in markdown() for name in SETTINGS)


def test_settings_for_people(run: Run) -> None:
    result = run("--set", "threads=3", "settings", reserve="0.25", database="postgresql://me:secret@here/x")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "postgresql://me:***@here/x" in result.stdout and "me:secret" not in result.stdout
    assert [line for line in lines if line in {setting.group for setting in SETTINGS.values()}] == list(
        dict.fromkeys(setting.group for setting in SETTINGS.values()))
    for start in ("threads 3 threads --set threads ", "registration no yes/no default ",
                  "reserve 25% share COUNTERPOISE_RESERVE "):
        assert any(line.startswith(start) for line in lines), (start, lines)
    words = " ".join(result.stdout.split())
    assert "[a whole number from 1 to 256]" in words and "[a number from 0 to 1]" in words


def test_settings_for_programs(run: Run) -> None:
    records = {record["name"]: record for record in json.loads(run(
        "settings", "--json", workers="3", database="postgresql://me:secret@here/x").stdout)}
    assert records.keys() == SETTINGS.keys()
    assert records["database"]["value"] == "postgresql://me:***@here/x"
    workers = records["workers"]
    assert (workers["value"], workers["source"]) == (3, "environment")
    assert workers["place"] == "COUNTERPOISE_WORKERS"
    assert (workers["default"], workers["least"], workers["most"], workers["type"]) == (2, 1, 256, "int")
    assert (workers["unit"], workers["group"]) == ("processes", "Device interface")


def test_every_command_refuses_what_is_broken(run: Run) -> None:
    for words in leaves():
        if words == ("check",):
            continue  # says it among what else is wrong; see test_check
        result = run(*words, workers="-3", ports="1")
        assert result.exit_code == 1, words
        assert "Error: COUNTERPOISE_WORKERS: '-3' is less than 1. Specify" in result.output, words
        assert "COUNTERPOISE_PORTS: no setting is called 'ports'. Did you mean port?" in result.output, words


def test_an_option_is_refused_with_its_name(run: Run) -> None:
    result = run("--set", "port=99999999", "vder", "list")
    assert result.exit_code == 1 and "--set port: '99999999' is more than 65535" in result.output


def test_an_old_name_is_warned_of(run: Run) -> None:
    result = run("settings", silence="3")
    assert result.exit_code == 0
    assert "COUNTERPOISE_SILENCE: silence is called non_response_hold_hours now." in result.stderr


@pytest.mark.parametrize("words, broken, why", [
    ("server serve", {"PORT": "0"}, "Error: COUNTERPOISE_PORT: '0' is less than 1."),
    ("server serve", {"CERTIFICATE": "/x.pem", "KEY": "/x.key"},
     "Error: COUNTERPOISE_CERTIFICATE: /x.pem: there is no such file."),
    ("server work --once", {"CONFIG": "{file}"}, "Error: {file}: workers: -3 is less than 1."),
    ("server work --once", {"DATABASE": "postgresql://me:secret@127.0.0.1:1/x"},
     "Error: the database postgresql://me:***@127.0.0.1:1/x did not answer"),
    (GUNICORN, {"LOG_LEVEL": "loud"}, "Error: COUNTERPOISE_LOG_LEVEL: 'loud' is not one"),
    (GUNICORN, {"CERTIFICATE": "{file}", "KEY": "{file}", "CLIENT_CA": "{file}"},
     "Error: certificate {file}, key {file} and client_ca {file} cannot be used together"),
    ("clients", {"LOG_FORMAT": "xml"}, "Error: COUNTERPOISE_LOG_FORMAT: 'xml' is not one")])
def test_a_process_ends_in_a_sentence(words: str, broken: dict[str, str], why: str, tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("workers = -3")
    environ = {f"COUNTERPOISE_{name}": value.replace("{file}", str(file)) for name, value in broken.items()}
    done = subprocess.run([sys.executable, "-m", *words.split()], cwd=tmp_path, capture_output=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT)} | environ, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.startswith(why.replace("{file}", str(file))), done.stderr
    assert "Traceback" not in done.stderr and "secret" not in done.stderr
