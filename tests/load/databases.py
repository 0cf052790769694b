"""The databases of the benchmarks, on SQLite and PostgreSQL, and the fleet of `make bench` in them."""
from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg

from server import clock, functionsets, grid, models
from server.config import settings
from server.grid.dispatch import ordercreation
from server.grid.dispatch.orderrequest import OrderRequest
from server.models import EVERYONE, db
from server.resources import numbering, sql, store
from tests import postgres
from tests.load.scale import population, requests
from tests.load.scale.requests import Caller
from tests.soak.site import Cluster, binaries

SQLITE, POSTGRES = "SQLite", "PostgreSQL"
NAME = "counterpoise_bench"
DEVICES = 1000
CONTROLS = (1, 10, 100)
DAY_S = 86_400


class Fleet(NamedTuple):
    """A database with DEVICES devices: its URL, those of them that call, what their mirrors measure, and the
    hrefs of the programs of everyone, by their number of controls."""
    url: str
    callers: list[Caller]
    quantities: list[str]
    programs: dict[int, str]


@contextmanager
def urls(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the URLs of empty databases by engine: SQLite, and PostgreSQL if there is one on this machine.

    That is the server that COUNTERPOISE_TEST_POSTGRES names, or else one that runs for as long as this does.
    """
    found = {SQLITE: f"sqlite:///{folder}/bench.db"}
    if postgres.URL:
        yield found | {POSTGRES: _create(postgres.URL)}
    elif binaries() is None:
        yield found
    else:
        with tempfile.TemporaryDirectory() as own:
            cluster = Cluster(Path(own))
            cluster.start()
            try:
                yield found | {POSTGRES: _create(cluster.url)}
            finally:
                cluster.stop()


def _create(server: str) -> str:
    return postgres.create(f"{server.rpartition('/')[0]}/{NAME}", server)


def processes(url: str) -> list[int]:
    """Return the ids of the processes that work for a database: none of SQLite; of PostgreSQL those of its
    connections, and those that write for all databases."""
    if url.startswith("sqlite"):
        return []
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND "
                                  "(datname = current_database() OR datname IS NULL)").fetchall()
    return [pid for pid, in rows]


def connect(url: str, keep_plans: bool = False) -> None:
    """Open one, as a command does, or with `keep_plans` as the device interface."""
    grid.load()
    functionsets.load()
    settings.database, settings.default_vder, settings.synchronous = url, "everyone", "normal"
    models.connect(keep_plans=keep_plans)


def build(url: str, callers: Mapping[int, str]) -> Fleet:
    """Fill an empty database: devices with capabilities and mirrors, a program with a control for each of
    them, and the programs of everyone. `callers` are the LFDIs of those that call, by number from 0."""
    connect(url)
    population.build(DEVICES, callers)
    ordercreation.create_order(OrderRequest(
        vder=population.AREA, quantity="watts", value=1000.0 * DEVICES, duration_s=900,
        start=clock.now() + DAY_S, addressing="device"))
    calling = [requests.caller(lfdi) for lfdi in callers.values()]
    fleet = Fleet(url, calling, [requests.quantity(caller) for caller in calling],
                  {count: program(count) for count in CONTROLS})
    sql.execute("ANALYZE")
    db.close()
    return fleet


def program(controls: int) -> str:
    """Add a program of everyone with so many controls, which begin tomorrow; return its href."""
    href = store.add("DERProgram", "/derp", {"primacy": 10, "description": f"{controls} controls"},
                     audience=EVERYONE)
    base = {"DERControlBase": {"opModMaxLimW": 5000}}
    store.put(f"{href}/dderc", {"mRID": numbering.new_mrid(), **base})
    for number in range(controls):
        interval = {"start": clock.now() + DAY_S + 3600 * number, "duration": 1800}
        store.add("DERControl", f"{href}/derc", {"interval": interval, "randomizeStart": 60, **base})
    return href
