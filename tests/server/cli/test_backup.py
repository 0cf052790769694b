"""`backup`, `restore` and `move` as they are typed."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from server import audit, models
from server.cli import common, main
from server.cli.backup import CopyRow
from server.config import settings
from server.devices import enrolment
from server.models import Device, db
from tests import peers
from tests.typedresults import mismatches

Typed = Callable[..., Result]


@pytest.fixture
def typed(database: str, tmp_path: Path) -> Iterator[Typed]:
    """Types a command, with a database that has one device and that nobody else has open."""
    enrolment.enrol(peers.lfdi(1), pin=123455, name="one")
    saved = dict(settings.__dict__)
    held = db.obj

    def run(words: str, **options: str) -> Result:
        db.initialize(models.peewee.SqliteDatabase(None))
        return CliRunner().invoke(main, words.format(tmp=tmp_path, url=database).split(), **options)
    if not models.is_postgres():
        db.close()
    yield run
    if db.obj is not held:
        if db.obj.database:
            db.close()
        db.initialize(held)
    settings.__dict__.clear()
    settings.__dict__.update(saved)


@pytest.mark.parametrize("as_json", [True, False])
def test_a_backup_is_restored_into_another_database(typed: Typed, as_json: bool) -> None:
    option = " --json" if as_json else ""
    made = typed("backup {tmp}/a.backup" + option)
    restored = typed("--set database=sqlite:///{tmp}/b.db --as alice restore {tmp}/a.backup" + option)
    assert (made.exit_code, restored.exit_code) == (0, 0), restored.output
    if as_json:
        for result in (made, restored):
            row = json.loads(result.stdout)
            assert not mismatches(row, CopyRow)
            assert {"table": "device", "rows": 1} in [
                {key: table[key] for key in ("table", "rows")} for table in row["tables"]]
    else:
        assert "device" in made.stdout and "a.backup" in restored.stdout
    assert [device.name for device in Device.select()] == ["one"]
    newest = audit.entries()[-1]
    assert (newest["who"], newest["operation"]) == ("alice", "restore") and audit.verify() is not None


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_is_replaced_only_after_a_question(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    typed("backup {tmp}/a.backup")
    refused = typed("restore {tmp}/a.backup")
    assert refused.exit_code == 1 and "has 1 rows of device. Name an empty one" in refused.output
    assert "There is no terminal to ask this on" in typed("restore {tmp}/a.backup --replace").output
    monkeypatch.setattr(common, "is_terminal", lambda: True)
    for answer in ("n\n", ""):
        result = typed("restore {tmp}/a.backup --replace", input=answer)
        assert result.exit_code == 1 and "Go on? [y/N]" in result.output
    assert typed("restore {tmp}/a.backup --replace --dry-run").exit_code == 0
    assert typed("restore {tmp}/a.backup --replace", input="y\n").exit_code == 0
    assert typed("restore {tmp}/a.backup --replace --yes").exit_code == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_move_is_noted_in_the_new_database(typed: Typed) -> None:
    assert typed("move {url} sqlite:///{tmp}/c.db --dry-run").exit_code == 0
    result = typed("move {url} sqlite:///{tmp}/c.db")
    assert result.exit_code == 0, result.output
    assert settings.database.endswith("c.db")
    assert [entry["operation"] for entry in audit.entries()] == ["move"]
    assert "Specify sqlite:///PATH or postgresql://" in typed("move {url} nowhere").output
