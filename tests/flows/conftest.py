"""Certificates, databases and servers for flows. They are real processes on the system's clock, so each takes
seconds."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from certs import dev
from server import clock, models
from server.config import settings
from server.devices import enrolment
from server.resources import pollrates
from tests import postgres
from tests.flows.server import Server, entries

DEVICES = [f"device-{number}" for number in range(1, 5)]


# For a file whose processes show what the engine has no part in, beside others that run on both.
own_sqlite = pytest.mark.parametrize("own_database", ["sqlite"], indirect=True)


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of certificates with eight devices and an aggregator."""
    path = tmp_path_factory.mktemp("certs") / "tree"
    dev.make_dev(path)
    return path


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def own_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database that has not been opened yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('database')}/flow.db"
    return postgres.create(f"{request.getfixturevalue('_postgres')}_flow")


@pytest.fixture(scope="module")
def serve(
    own_database: str, certs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Server]]:
    """Start a server on that database with settings, and connect this process to it, on the same clock."""
    servers: list[Server] = []
    saved, pace = dict(settings.__dict__), clock.spec()

    def start(**options: Any) -> Server:
        server = Server(tmp_path_factory.mktemp("server"), certs, own_database, **options)
        servers.append(server)
        server.start()
        settings.read(os.environ | server.environment)
        settings.require()
        clock.follow(settings.clock)
        models.connect(own_database)
        pollrates.forget()
        return server

    yield start
    try:
        for server in servers:
            if server.process is not None:
                server.stop()
    finally:  # what this process has of the server must not reach other tests
        if servers:
            models.db.close()
        settings.__dict__.update(saved)
        clock.follow(pace)
        pollrates.forget()


@pytest.fixture(scope="module")
def enrolled(serve: Callable[..., Server]) -> Callable[..., Server]:
    """Start servers where four devices are enrolled: device-1 is /edev/1, and so on."""
    def start(**options: Any) -> Server:
        server = serve(log_events=100_000, **options)
        if not models.Device.select().exists():
            for name in DEVICES:
                enrolment.enrol(entries(server.certs)[name]["lfdi"])
        return server
    return start
