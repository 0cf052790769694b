"""Old entries of the audit log move to files; files and database are one chain."""
from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from server import actors, audit, auditarchive, clock, worker
from server.cli import common, main
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.models import AuditEntry, KeyValue, db
from server.resources import store
from tests import peers
from tests.conftest import NOON

DAY = 86_400


@pytest.fixture
def log(server: None, tmp_path: Path) -> Path:
    """Six entries, one a day; the folder of the archive, in which there are none yet."""
    device = enrolment.enrol(peers.lfdi(1), name="one")
    for day in range(6):
        clock.turn_to(NOON + day * DAY)
        with actors.acting("alice"):
            enrolment.relabel(enrolment.find(device.lfdi), {"day": str(day)})
    settings.audit_archive, settings.audit_days = str(tmp_path / "archive"), 2
    return tmp_path / "archive"


def test_old_entries_move_and_the_chain_holds(log: Path) -> None:
    known = AuditEntry.get(AuditEntry.id == 2).hash
    assert worker.purge() == 3
    assert [entry["id"] for entry in audit.entries()] == [4, 5, 6]
    file, = auditarchive.files(log)
    assert file.name == "audit-000000001.jsonl" and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == [1, 2, 3]
    assert audit.verify() == [] and auditarchive.verify(log) == [] and auditarchive.verify(log, known) == []
    with actors.acting("bob"):
        enrolment.relabel(enrolment.find("one"), {"day": "7"})
    assert audit.head()["entries"] == 7 and auditarchive.verify(log) == []
    clock.turn_to(NOON + 9 * DAY)
    assert worker.purge() == 4 and len(auditarchive.files(log)) == 2
    assert audit.entries() == [] and audit.verify() == [] and auditarchive.verify(log) == []


def test_without_a_folder_all_stay(log: Path) -> None:
    settings.audit_archive = ""
    assert worker.purge() == 0 and AuditEntry.select().count() == 6


def spoil(file: Path, text: str, other: str) -> None:
    file.write_text(file.read_text().replace(text, other, 1))


def test_what_was_done_to_the_archive_shows(log: Path) -> None:
    auditarchive.archive()
    file, = auditarchive.files(log)
    good = file.read_text()
    spoil(file, "alice", "mallory")
    assert auditarchive.verify(log) == ["entry 1 was altered"]
    file.write_text("".join(good.splitlines(True)[:2]))
    assert auditarchive.verify(log) == ["entry 3 is missing"]
    assert audit.verify() == []
    file.unlink()
    with pytest.raises(Refused, match="has no file audit"):
        auditarchive.verify(log)


def test_what_was_done_to_the_rest_shows(log: Path) -> None:
    auditarchive.archive()
    AuditEntry.delete().where(AuditEntry.id == 4).execute()
    assert audit.verify() == ["entry 4 is missing"] == auditarchive.verify(log)


def test_a_worker_that_is_killed_before_the_end_leaves_one_log(log: Path, monkeypatch: Any) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: Any) -> None:
        raise Killed
    with monkeypatch.context() as patch:
        patch.setattr(AuditEntry, "delete", kill)
        with pytest.raises(Killed), store.transaction():
            auditarchive.archive()
    assert AuditEntry.select().count() == 6 and audit.verify() == [] and auditarchive.verify(log) == []
    clock.advance(DAY)
    assert auditarchive.archive() == 4
    assert audit.verify() == [] and auditarchive.verify(log) == [] and len(auditarchive.files(log)) == 1


def test_a_folder_that_cannot_be_written_deletes_nothing(log: Path) -> None:
    log.write_text("a file in its place")
    with pytest.raises(OSError):
        auditarchive.archive()
    assert AuditEntry.select().count() == 6 and not KeyValue.select().where(
        KeyValue.name == audit.ARCHIVED).exists()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_files_are_verified_without_a_database(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    auditarchive.archive()
    clock.advance(2 * DAY)
    auditarchive.archive()
    files = [str(file) for file in auditarchive.files(log)]
    db.close()
    monkeypatch.setattr(common, "open_database", lambda: pytest.fail("the database was opened"))

    def verify(*words: str) -> Any:
        return CliRunner().invoke(main, ["audit", "verify", *words, "--json"], catch_exceptions=False)
    assert json.loads(verify(*files).stdout)["complete"] and len(files) == 2
    assert json.loads(verify(files[1]).stdout)["entries"] == 5
    spoil(Path(files[1]), '"day": "3"', '"day": "9"')
    spoiled = verify(*files)
    assert spoiled.exit_code == 1 and json.loads(spoiled.stdout)["faults"] == ["entry 4 was altered"]
    assert json.loads(verify(*reversed(files)).stdout)["faults"]
    assert verify(files[0], "--archive", str(log)).exit_code == 2
