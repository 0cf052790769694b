"""Databases as earlier versions of the program left them, with rows in every table, on both engines."""
from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server import models
from server.migrations import runner
from server.models import db
from tests import postgres

NAMES = sorted(path.stem for path in runner.DIRECTORY.glob("[0-9]*.py"))
OpenAt = Callable[..., None]


@pytest.fixture(scope="session")
def _blank_postgres(_postgres: str) -> str:
    """The URL of a PostgreSQL database for these tests."""
    return postgres.create(f"{_postgres}_blank")


@pytest.fixture(params=["sqlite", "postgres"])
def blank(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of either kind that has no tables. Nothing is connected to it."""
    sqlite = f"sqlite:///{tmp_path}/blank/blank.db"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("_blank_postgres")
    clear(url)
    yield url
    db.close()
    clear(url)


def clear(url: str) -> None:
    """Remove everything from the database at this URL."""
    if url.startswith("sqlite"):
        shutil.rmtree(Path(url.partition(":///")[2]).parent, ignore_errors=True)
        return
    import psycopg
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS public CASCADE")
        connection.execute("CREATE SCHEMA public")


@pytest.fixture
def open_at(blank: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OpenAt:
    """Opens the blank database as a version of the program does that has the migrations up to `last`
    (none for "", all for None), and `extra` migrations (text by name)."""
    def open_database(last: str | None, **extra: str) -> None:
        directory = tmp_path / "migrations"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        for name in NAMES:
            if last is None or name <= last:
                shutil.copy(runner.DIRECTORY / f"{name}.py", directory)
        for name, text in extra.items():
            (directory / f"{name}.py").write_text(text)
        monkeypatch.setattr(models, "MIGRATIONS", directory)
        models.connect(blank)
    return open_database
