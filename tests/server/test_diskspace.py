"""A disk that is full is named as such: to devices, in the alarms, in the log, to people."""
from __future__ import annotations

import errno
from pathlib import Path

import peewee
import pytest

from server import alarms, diskspace, models
from server.backups import manifest, snapshot
from server.cli.group import _sentence
from server.config import settings
from server.errors import Refused
from server.models import db
from server.models.diskfull import is_disk_full
from server.monitoring import conditions
from server.protocol import views
from tests import peers

NO_SPACE = OSError(errno.ENOSPC, "No space left on device", "/data/report.html")
FULL = "DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$"


@pytest.fixture(autouse=True)
def _nothing_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diskspace, "_logged_at", -diskspace.LOG_S)


def put(device: peers.Peer, size: int) -> peers.Reply:
    return device.post("/edev/1/lel", "LogEvent", {
        "createdDateTime": 0, "details": "x" * 30, "extendedData": size, "functionSet": 0,
        "logEventCode": 0, "logEventID": 0, "logEventPEN": 40732, "profileID": 2})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_devices_are_asked_to_come_back_and_reads_go_on(
    device: peers.Peer, caplog: pytest.LogCaptureFixture
) -> None:
    db.obj.pragma("max_page_count", db.pragma("page_count"), permanent=True)
    replies = [put(device, number) for number in range(200)]
    refused = [reply for reply in replies if reply.status != 201]
    assert refused, "the database has grown"
    assert {(reply.status, reply.headers["Retry-After"]) for reply in refused} == {(503, "60")}
    assert device.get("/edev/1").status == 200
    said = [record for record in caplog.records if record.name == "server.diskspace"]
    assert len(said) == 1 and settings.database in said[0].getMessage() and not said[0].exc_info
    db.obj.pragma("max_page_count", 1 << 30, permanent=True)
    db.close()
    assert put(device, 1000).status == 201
    kept = models.Document.select().where(models.Document.kind == "LogEvent").count()
    assert kept == len(replies) - len(refused) + 1


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_an_alarm_stands_where_it_can_be_written(device: peers.Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "respond", lambda *_: db.execute_sql(FULL))
    reply = device.get("/edev/1")
    assert (reply.status, reply.headers["Retry-After"]) == (503, "60")
    alarm, = alarms.rows()
    assert alarm["kind"] == "disk" and alarm["source"].startswith("postgresql://")
    assert "it is full" in alarm["detail"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_alarm_stands_while_room_is_short(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, count in ((1 << 20, 1), (1 << 40, 0)):
        monkeypatch.setattr(diskspace, "free_bytes", lambda free=free: free)
        conditions.check(conditions.of_kind("disk"))
        assert [alarm["kind"] for alarm in alarms.rows()] == ["disk"] * count


def test_people_are_told_what_has_no_room() -> None:
    assert _sentence(NO_SPACE, "report") == (
        "there is no room for /data/report.html: No space left on device. Make room on that disk, and try "
        "again.")
    assert not is_disk_full(peewee.OperationalError("database is locked"))
    assert is_disk_full(peewee.OperationalError(NO_SPACE, "x"))


@pytest.mark.usefixtures("server")
def test_a_backup_without_room_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise NO_SPACE
    monkeypatch.setattr(manifest, "write", fail)
    with pytest.raises(Refused, match=f"there is no room for {tmp_path}/a.backup, and none of it was kept"):
        snapshot.write(settings.database, tmp_path / "a.backup")
    assert not [path for path in tmp_path.iterdir() if "a.backup" in path.name]
