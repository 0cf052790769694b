"""`counterpoise check` says at once what is in order and what is not."""
from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from certs import dev
from server import clock, models
from server.cli import check, main
from server.config import settings
from server.migrations import runner
from server.monitoring import presence
from server.monitoring.certificates import End
from tests.server.test_systemclock import Machine

Rows = list[dict[str, Any]]


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[int, Rows]]]:
    """Run `check` with settings from an environment, in a folder with certificates; exit status and rows."""
    saved = dict(settings.__dict__)
    dev.make_dev(tmp_path / "certs", 1)
    files = {"certificate": "server.pem", "key": "server.key", "client_ca": "ca.pem"}

    def run(**environ: str) -> tuple[int, Rows]:
        values = {"database": f"sqlite:///{tmp_path}/c.db",
                  **{name: str(tmp_path / "certs" / file) for name, file in files.items()}, **environ}
        settings.read({f"COUNTERPOISE_{name.upper()}": value for name, value in values.items()})
        result = CliRunner().invoke(main, ["check", "--json"], catch_exceptions=False)
        return result.exit_code, json.loads(result.stdout)
    yield run
    if models.db.obj is not None:
        models.db.close()
    settings.__dict__.clear()
    settings.__dict__.update(saved)


def states(rows: Rows, subject: str) -> list[str]:
    return [row["state"] for row in rows if row["subject"] == subject]


def test_a_server_in_order(checked: Callable[..., tuple[int, Rows]], tmp_path: Path) -> None:
    models.connect(f"sqlite:///{tmp_path}/c.db")
    clock.run(1, datetime.now(UTC).timestamp())
    assert states(checked()[1], "worker") == ["warning"]
    presence.forget()
    presence.beat()
    status, rows = checked()
    assert status == 0 and {row["state"] for row in rows} == {"ok"}
    assert {row["subject"] for row in rows} == {
        "settings", "certificates", "database", "clock", "worker", "notifications", "disk"}


def test_a_clock_that_has_jumped_is_a_fault(
    checked: Callable[..., tuple[int, Rows]], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine()
    machine.clock.time()
    machine.offset_s += 3600
    machine.clock.time()
    monkeypatch.setattr(clock, "system", machine.clock)
    _, rows = checked(database="sqlite:////nowhere/c.db")
    assert states(rows, "clock") == ["fault"] and "jumped by +3600 s" in str(rows)


def test_all_that_is_wrong_is_said_at_once(
    checked: Callable[..., tuple[int, Rows]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    status, rows = checked(timezone="Mars", port="99999", client_ca=str(tmp_path / "certs" / "server.key"))
    assert status == 1
    assert states(rows, "settings") == ["fault", "fault"] and states(rows, "certificates") == ["fault"]
    assert states(rows, "database") == ["fault"] and states(rows, "disk") == ["warning"]
    assert "there is no database" in str(rows) and "99999" in str(rows) and "Mars" in str(rows)


@pytest.mark.parametrize("days, state", [(-2, "fault"), (2, "warning"), (100, "ok")])
def test_a_certificate_that_ends_is_said(days: int, state: str) -> None:
    finding = check._end(End("a.pem", "CN=server", datetime.now(UTC) + timedelta(days=days)))
    assert finding.state == state and ("Renew it" in finding.text) == (state != "ok")


def test_a_database_of_an_earlier_version_is_looked_at_and_left(
    checked: Callable[..., tuple[int, Rows]], tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/old.db"
    old = models.open_database(url)
    runner.migrate(old, last="0010_identity")
    old.close()
    before = (tmp_path / "old.db").read_bytes()
    _, rows = checked(database=url)
    assert states(rows, "database") == ["warning"] and "counterpoise init" in str(rows)
    assert "0011_pending_capacity, 0012_erased_members" in str(rows) and not states(rows, "worker")
    assert (tmp_path / "old.db").read_bytes() == before
