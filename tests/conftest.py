"""Fixtures of most tests: an empty server on SQLite or PostgreSQL, with the clock set to NOON.

Tests that use `server` (or anything built on it) run on SQLite and on PostgreSQL. The latter is named by
COUNTERPOISE_TEST_POSTGRES; without it those tests are skipped, save in CI, where they fail.
"""
from __future__ import annotations

import gc
import os
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
from flask import Flask

from server import clock, functionsets, grid, models, worker
from server.config import settings
from server.devices import enrolment, lastcontact, ratelimits
from server.functionsets import selflog
from server.models import db
from server.protocol import app
from server.resources import hooks, pollrates, profiles, refresh
from tests import peers, postgres
from tests.wsgi import Client

NOON = 1_750_000_000 // 86400 * 86400 + 43200

# For a test that takes seconds and shows what the engine has no part in, where another shows both engines.
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

grid.load()
# No test asserts a duration; and CI tries the same examples each time.
hypothesis.settings.register_profile("counterpoise", deadline=None, derandomize="CI" in os.environ,
                                     suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("counterpoise")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put flows first, then the fuzzer and migrations, then the files with many tests.

    Flows wait most of the time, so they go best beside each other. A long file last would leave the other
    processes without work: these two have few tests, each of which does much.
    """
    first = ("flows", "soak", "migrations")
    sizes = Counter(item.path for item in items)
    items.sort(key=lambda item: (
        first.index(item.path.parent.name) if item.path.parent.name in first else len(first),
        -sizes[item.path],
    ))


def pytest_collection_finish() -> None:
    """Have the garbage collector leave alone what was collected here: it would look at ten thousand tests
    again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database, to be copied."""
    path = tmp_path_factory.mktemp("template") / "test.db"
    clock.turn_to(NOON)
    models.connect(f"sqlite:///{path}")
    hooks.run_seeds()
    models.db.close()
    return path


@pytest.fixture(scope="session")
def _postgres(worker_id: str) -> str:
    """The URL of a PostgreSQL database that belongs to this test process alone; it may not exist yet."""
    if not postgres.URL:
        assert not os.environ.get("CI"), "CI has to name a PostgreSQL by COUNTERPOISE_TEST_POSTGRES"
        pytest.skip("no PostgreSQL is named by COUNTERPOISE_TEST_POSTGRES")
    checkout = zlib.crc32(str(Path(__file__).parent).encode())  # two checkouts may share a server
    name = f"counterpoise_{checkout:08x}_{os.environ.get('COUNTERPOISE_TEST_WORKER', '')}{worker_id}"
    return f"{postgres.URL.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="session")
def _emptied(_postgres: str) -> Iterator[postgres.Emptied]:
    """A PostgreSQL database, to be emptied."""
    clock.turn_to(NOON)
    emptied = postgres.Emptied(_postgres)
    yield emptied
    emptied.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of either kind, connected; its URL."""
    clock.turn_to(NOON)
    settings.synchronous = "normal"  # no test pulls the plug
    if request.param == "sqlite":
        path = tmp_path / "test.db"
        shutil.copy(request.getfixturevalue("_template"), path)
        settings.database = f"sqlite:///{path}"
        models.connect()
        db.execute_sql("PRAGMA synchronous = OFF")
        yield settings.database
        db.close()
    else:
        emptied = request.getfixturevalue("_emptied")
        settings.database = emptied.url
        emptied.enter()
        yield settings.database
        emptied.leave()


@pytest.fixture(scope="session")
def application() -> Flask:
    return app.create()


@pytest.fixture
def server(database: str) -> Iterator[None]:
    """An empty server: default settings, the clock set to NOON."""
    saved = dict(settings.__dict__)
    pollrates.forget()
    profiles.forget()
    lastcontact.forget()
    ratelimits.forget()
    worker.forget()
    refresh.forget()
    selflog.forget()
    yield
    settings.__dict__.update(saved)
    pollrates.forget()
    profiles.forget()


@pytest.fixture
def peer(server: None, application: Flask) -> Callable[[int], peers.Peer]:
    """Clients with the certificate of a number, enrolled or not: `peer(1)`."""
    return lambda number: peers.Peer(Client(application), peers.lfdi(number))


@pytest.fixture
def device(peer: Callable[[int], peers.Peer]) -> peers.Peer:
    """An enrolled client: number 1, PIN 123455, EndDevice /edev/1."""
    enrolment.enrol(peers.lfdi(1), pin=123455, name="one")
    return peer(1)


functionsets.load()
