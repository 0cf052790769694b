"""deploy/pgbouncer.ini as it is, in transaction mode, between one PostgreSQL and two servers and two workers.

The pool has fewer sessions than there are clients, so what one of them kept in a session would meet another.
"""
from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from server import clock, models
from server.config import settings
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.resources import sql, store
from tests import postgres
from tests.conftest import NOON
from tests.flows.conftest import DEVICES
from tests.flows.documents import SEP_XML, log_event, mirror, reading, status
from tests.flows.server import ROOT, Process, Server, entries, free_port, until

PGBOUNCER = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
INI = ROOT / "deploy/pgbouncer.ini"
pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(not PGBOUNCER and not os.environ.get("CI"), reason="no pgbouncer on this machine"),
]
SESSIONS = 3
BEGIN, HOUR = NOON + 60, 3600
HOMES = [f"home {number}" for number in range(1, 7)]
ACTIVE = 1
# The href of an event, for every change of it that was committed.
_RECORD = """
CREATE TABLE change (href TEXT NOT NULL);
CREATE FUNCTION record() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO change VALUES (NEW.href); RETURN NULL; END';
CREATE TRIGGER record AFTER UPDATE ON document FOR EACH ROW
    WHEN (NEW.kind = 'DERControl') EXECUTE FUNCTION record();
"""


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Database:
    """A database, its URL through a pooler, and a connection to it that is not pooled."""

    def __init__(self, url: str, folder: Path):
        import psycopg
        assert PGBOUNCER, "CI has to have pgbouncer"
        at, port = urlsplit(url), free_port()
        self.pooled = at._replace(netloc=f"anyone@127.0.0.1:{port}").geturl()
        self.connection = psycopg.connect(url, autocommit=True)
        real = f"host={at.hostname} port={at.port or 5432} user={at.username}"
        ini = INI.read_text()
        for there, here in (
            ("counterpoise = host=10.0.0.10 port=5432 dbname=counterpoise",
             f"{at.path[1:]} = {real}" + (f" password={at.password}" if at.password else "")),
            ("listen_port = 6432", f"listen_port = {port}"),
            ("default_pool_size = 16", f"default_pool_size = {SESSIONS}"),
            ("auth_type = scram-sha-256", "auth_type = any"),
        ):
            assert there in ini
            ini = ini.replace(there, here)
        (folder / "pgbouncer.ini").write_text(ini)
        user = ["-u", "nobody"] if os.geteuid() == 0 else []  # it does not run as root
        self.pooler = Process([PGBOUNCER, "-q", *user, "pgbouncer.ini"], folder / "log", {}, folder)
        until(lambda: listens(port), why=lambda: self.pooler.text)

    def rows(self, statement: str) -> list[Any]:
        return self.connection.execute(statement).fetchall()

    def advisory_locks(self) -> list[Any]:
        return self.rows("SELECT pid, granted FROM pg_locks WHERE locktype = 'advisory' AND database = "
                         "(SELECT oid FROM pg_database WHERE datname = current_database())")

    def changes(self) -> list[str]:
        """Return the hrefs of the events that have changed, and forget them."""
        return sorted(href for href, in self.rows("DELETE FROM change RETURNING href"))

    def close(self) -> None:
        self.connection.close()
        self.pooler.kill()


@pytest.fixture(scope="module")
def database(_postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    found = Database(postgres.create(f"{_postgres}_pooled"), tmp_path_factory.mktemp("pooler"))
    yield found
    found.close()


@pytest.fixture(scope="module")
def own_database(database: Database) -> str:
    """What `serve` of conftest.py runs on."""
    return database.pooled


@pytest.fixture(scope="module")
def servers(enrolled: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> list[Server]:
    """Two servers, at NOON of a clock in steps."""
    clock.stand_in(tmp_path_factory.mktemp("time") / "clock", NOON)
    pair = [enrolled(clock=clock.spec(), workers=1) for _ in range(2)]
    for name in HOMES:
        virtualders.create(name, members=[entries(pair[0].certs)[device]["lfdi"] for device in DEVICES])
    return pair


@pytest.fixture
def start(servers: list[Server], database: Database, tmp_path: Path) -> Iterator[Callable[[], Process]]:
    """Start a worker; it has begun to work."""
    workers: list[Process] = []

    def started() -> Process:
        worker = Process([sys.executable, "-m", "server", "work"], tmp_path / f"work{len(workers)}.log",
                         servers[0].environment | {"COUNTERPOISE_LOG_LEVEL": "info", "PYTHONPATH": str(ROOT)},
                         tmp_path)
        workers.append(worker)
        until(lambda: "the worker has started" in worker.text, why=lambda: worker.text)
        return worker
    yield started
    for worker in workers:
        if worker.popen.poll() is None:
            worker.kill()


def program(name: str) -> str:
    return virtualders.find(name).program


def seen(server: Server, name: str) -> bytes:
    """What a device is served of the events of a virtual DER."""
    with closing(server.https("device-1")) as https:
        reply = https.exchange("GET", f"{program(name)}/derc?l=9", None, {})
    assert reply.status == 200
    return reply.body


def test_what_one_server_writes_the_other_serves(servers: list[Server], database: Database) -> None:
    assert models.db.obj.connection().is_pooled
    for turn in range(12):  # so often that statements would be prepared
        number = turn % len(DEVICES) + 1
        name, device = f"device-{number}", f"/edev/{number}"
        one, other = servers if turn % 2 else servers[::-1]
        lfdi = entries(one.certs)[name]["lfdi"]
        with closing(one.https(name)) as here, closing(other.https(name)) as there:
            for method, href, body in (
                ("PUT", f"{device}/der/1/ders", status(NOON + turn)),
                ("POST", f"{device}/lel", log_event(turn)),
                ("POST", "/mup", mirror(number, lfdi)),
            ):
                reply = here.exchange(method, href, body, SEP_XML)
                assert reply.status < 300, reply
            point = reply.headers["Location"]
            assert there.exchange("POST", point, reading(number, NOON + turn), SEP_XML).status < 300
            for href in ("/dcap", device, f"{device}/fsa?l=9", "/derp?l=9", f"{device}/der/1/ders",
                         f"{device}/lel?l=99", f"{point.replace('mup', 'upt')}/mr/1/rs?l=9"):
                replies = [https.exchange("GET", href, None, {}) for https in (here, there)]
                assert [reply.status for reply in replies] == [200, 200], href
                assert replies[0].body == replies[1].body
    assert all(server.log == "" for server in servers)


def test_a_worker_that_is_killed_in_a_transaction_is_taken_over(
    servers: list[Server], database: Database, start: Callable[[], Process]
) -> None:
    import psycopg
    database.connection.execute(_RECORD)
    href = servers[1].operator(
        "control", "post", HOMES[0], "opModMaxLimW=50%", "--start", "+60s", "--duration", "1h")["href"]
    worker = start()
    assert seen(servers[0], HOMES[0]) == seen(servers[1], HOMES[0])
    database.changes()
    with psycopg.connect(database.connection.info.dsn, autocommit=False) as holder:
        holder.execute("SELECT 1 FROM document WHERE href = %s FOR UPDATE", (href,))
        clock.turn_to(BEGIN)
        until(lambda: database.rows(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))
        assert database.advisory_locks()
        worker.popen.send_signal(signal.SIGKILL)
        worker.popen.wait()
    other = start()
    until(lambda: database.rows("SELECT 1 FROM change"))
    assert other.stop() == 0
    assert database.changes() == [href]
    assert store.get(href).status["currentStatus"] == ACTIVE
    assert seen(servers[0], HOMES[0]) == seen(servers[1], HOMES[0])


def test_two_workers_and_two_servers_render_each_event_once(
    servers: list[Server], database: Database, start: Callable[[], Process]
) -> None:
    begin = BEGIN + 2 * HOUR
    events = [dercontrols.post(name, {"opModMaxLimW": 5000}, HOUR, begin)["href"] for name in HOMES]
    database.changes()
    workers = [start(), start()]
    clock.turn_to(begin - 1)
    until(database.changes)  # the event before these is over
    clock.turn_to(begin)
    shown = [seen(servers[number % 2], name) for number, name in enumerate(2 * HOMES[:3])]
    assert shown[:3] == shown[3:]
    until(lambda: len(database.rows("SELECT 1 FROM change")) >= len(events))
    for worker in workers:
        assert worker.stop() == 0
        # the homes are silent for hours, since the clock is turned; the worker may say so
        said = [line for line in worker.text.splitlines() if "alarm: silent devices" not in line]
        assert not [line for line in said if " WARNING " in line or " ERROR " in line]
    assert database.changes() == sorted(events)
    assert {store.get(href).status["currentStatus"] for href in events} == {ACTIVE}


def test_nothing_is_left_in_a_session(servers: list[Server], database: Database) -> None:
    assert database.advisory_locks() == []
    assert database.rows("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND "
                         "state LIKE 'idle in transaction%'") == []
    left = "SELECT count(*), current_setting('lock_timeout') FROM pg_prepared_statements"
    with models.db.atomic():
        assert sql.row(left) == (0, f"{settings.busy_timeout_s}s")
    assert {sql.row(left) for _ in range(SESSIONS * 4)} == {(0, "0")}
    assert store.reindex() == 0
    assert all(server.log == "" for server in servers)
    assert " ERROR " not in database.pooler.text and " WARNING " not in database.pooler.text
