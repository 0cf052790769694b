"""PostgreSQL whose answers are not waited for without end.

The kernel of a machine whose PostgreSQL is frozen (stopped, or stuck on its disk) goes on acknowledging what
is sent, so no timeout of TCP notices, and the statement timeout is PostgreSQL's own. So while a statement
waits, the server is probed now and then: it is asked, on a connection of its own, for TLS, which it answers
at once and without a login. If it does not, the statement fails, and new connections are refused at once
until a probe is answered again. One thread at a time probes. Where probes are answered and the statement is
not, it fails once PostgreSQL should have ended it by its own timeout.

A pooler such as pgbouncer lends its connections for a transaction each, so what is set for a session there
would be lost, or be somebody else's. Who connects through one prepares nothing, and sets it for each
transaction.
"""
from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections.abc import Generator
from typing import Any

import peewee
import psycopg
from playhouse import db_url
from playhouse.postgres_ext import Psycopg3Database

from server.models import statements
from server.models.unavailable import LoginRefused, Unavailable

log = logging.getLogger(__name__)
PROBE_AFTER_S = 1.0  # that a statement has waited, and between two probes
PROBE_S = 1.0  # for its answer
MARGIN_S = 2.0  # in which PostgreSQL ends a statement that takes too long, and says so
# PostgreSQL documentation, 55.7, message formats, and appendix A, error codes.
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_PROTOCOL = struct.pack("!hh", 3, 0)
_ERROR = b"E"
_NOT_NOW = (b"57P", b"53")  # it starts or shuts down; it has too many clients, or no memory


class Frozen(Unavailable):
    """PostgreSQL does not answer."""


class Server:
    """One PostgreSQL server, at a host (or the folder of a socket) and port, and whether it answers."""

    def __init__(self, host: str, port: int):
        self.host, self.port = host, port
        self._lock = threading.Lock()  # held by who probes
        self._probed_at, self._answers = 0.0, True

    def require(self) -> None:
        """Frozen where it does not answer, as a probe of now says, or one of less than PROBE_AFTER_S ago."""
        if time.monotonic() - self._probed_at >= PROBE_AFTER_S and self._lock.acquire(blocking=False):
            try:
                self._note(self._probe())
            finally:
                self._lock.release()
        if not self._answers:
            raise Frozen(f"PostgreSQL at {self.host}:{self.port} does not answer")

    def _note(self, answers: bool) -> None:
        if answers != self._answers:
            words = "answers again" if answers else "does not answer"
            log.warning("PostgreSQL at %s:%s %s", self.host, self.port, words)
        self._answers, self._probed_at = answers, time.monotonic()

    def _probe(self) -> bool:
        """Return whether there was an answer, if only a refusal: what that means, libpq says better."""
        try:
            with self._connect() as sock:
                sock.sendall(_SSL_REQUEST)
                sock.recv(1)
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    def takes_logins(self, user: bytes, database: bytes) -> bool:
        """Return whether it answers the beginning of a login, be it with a refusal, unless it has no time.

        libpq does not tell the code of such an error, and its words are in the server's language.
        """
        login = _PROTOCOL + b"user\0%b\0database\0%b\0\0" % (user, database)
        try:
            with self._connect() as sock, sock.makefile("rb") as answer:
                sock.sendall(struct.pack("!i", len(login) + 4) + login)
                kind, length = struct.unpack("!ci", answer.read(5))
                fields = answer.read(length - 4) if kind == _ERROR else b""
        except (OSError, struct.error):
            return False
        return not any(b"\0C" + code in b"\0" + fields for code in _NOT_NOW)

    def _connect(self) -> socket.socket:
        if not self.host.startswith("/"):
            return socket.create_connection((self.host, self.port), PROBE_S)
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PROBE_S)
        sock.connect(f"{self.host}/.s.PGSQL.{self.port}")
        return sock


_servers: dict[tuple[str, int], Server] = {}


def server(host: str, port: int) -> Server:
    """Return the server at a host and port, one object for all threads."""
    return _servers.setdefault((host, port), Server(host, port))


def _probing(waiting: Generator[Any, Any, Any], at: Server, most_s: float) -> Generator[Any, Any, Any]:
    """Go on with what has waited for PROBE_AFTER_S, and end in Frozen where the server does not answer.

    The same holds if it takes more than `most_s` altogether, unless that is 0. psycopg resumes it with 0
    after each 0.1 s in which nothing has arrived.
    """
    began = time.monotonic() - PROBE_AFTER_S
    probe_at, ready = 0.0, 0
    try:
        while True:
            if not ready and (now := time.monotonic()) >= probe_at:
                at.require()
                probe_at = now + PROBE_AFTER_S
                if most_s and now - began > most_s:
                    raise Frozen(f"PostgreSQL at {at.host}:{at.port} has not answered for {most_s:g} s")
            ready = yield waiting.send(ready)
    except StopIteration as done:
        return done.value


_SETTLE = ("SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS given (name, value) "
           "WHERE pg_backend_pid() = %s")


class PatientConnection(psycopg.Connection[Any]):
    """A connection that waits for its server as long as that answers probes."""
    most_s = 0.0  # that a statement may take; 0 for any time
    is_pooled = False  # whether the next transaction may be another session's

    def settle(self, session: dict[str, str]) -> None:
        """Set this for the session; where a pooler lends it, set nothing, and prepare no statement from now
        on.

        The process that answers is then not the one that was named at the login: a pooler names its own.
        """
        named = list(session), list(session.values())
        self.is_pooled = not self.execute(_SETTLE, (*named, self.info.backend_pid)).fetchall()
        if self.is_pooled:
            self.prepare_threshold = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Run the generator of a statement. Nearly all end before PROBE_AFTER_S, and cost nothing more."""
        try:
            return super().wait(gen, interval, PROBE_AFTER_S if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:
            if timeout is not None:
                raise
        at = server(self.pgconn.host.decode(), int(self.pgconn.port))
        try:
            return super().wait(_probing(gen, at, self.most_s), interval)
        except Frozen:
            self.pgconn.finish()  # it is in the middle of a statement
            raise


class _Adapter(peewee.Psycopg3Adapter):
    def connect(self, db: PatientDatabase, **params: Any) -> PatientConnection:
        """Connect. Frozen, without waiting for the timeout of libpq, where the server does not answer;
        LoginRefused where it does, and refuses."""
        host = params.get("host") or ""
        several = "," in host  # of which one may refuse since it is a replica that is not promoted yet
        if host and not several:
            server(host, int(params.get("port") or 5432)).require()
        try:
            connection = PatientConnection.connect(dbname=db.database, autocommit=True, **params)
        except psycopg.OperationalError as error:
            if not several and _is_refusal(error):
                raise LoginRefused(str(error).removeprefix("connection failed: ")) from None
            raise
        connection.most_s = db.most_s
        try:
            connection.settle(db.session)
        except psycopg.Error:
            connection.close()
            raise
        return connection


def _is_refusal(error: psycopg.OperationalError) -> bool:
    """Return whether a connection failed at a server that takes connections, by a fault of the login."""
    connection = error.pgconn
    if connection is None or "too many connections for" in str(error):  # of this role or to this database
        return False
    at = server(connection.host.decode(), int(connection.port))
    return connection.needs_password or at.takes_logins(connection.user, connection.db)


class PatientDatabase(Psycopg3Database):
    """A database whose connections are PatientConnections, with what is set for each `session`."""
    psycopg3_adapter = _Adapter
    most_s = 0.0
    session: dict[str, str] = {}

    def begin(self, isolation_level: Any = None) -> None:
        """Begin a transaction. Through a pooler, what is set for a session goes with it, in one message."""
        if not self.connection().is_pooled:
            super().begin(isolation_level)
            return
        local = (f"SET LOCAL {name} = '{value}'" for name, value in self.session.items())
        self.execute_sql("; ".join(("BEGIN", *local)))

    def execute_sql(self, sql: str, params: Any = None, **options: Any) -> Any:
        """Execute a statement; once more where another version has since changed the type of a column. The
        options are those of `cursor`.

        psycopg prepares what it executes often, and such a statement fails for as long as it stays prepared,
        which is until a ROLLBACK. Unavailable within a transaction, which may be tried again from its start.
        """
        statements.check(params)
        try:
            return self._execute_cursor(sql, params, **options)
        except peewee.NotSupportedError:
            if self.in_transaction():
                raise Unavailable("the type of a column has changed meanwhile") from None
            self._execute_cursor("ROLLBACK", None)  # a warning, outside a transaction
            return self._execute_cursor(sql, params, **options)

    def cursor(self, named_cursor: Any = None, binary: bool = False) -> Any:
        """Return a cursor; with `binary` PostgreSQL sends values as they are, and not as text."""
        cursor = super().cursor(named_cursor)
        if binary:
            cursor.format = psycopg.pq.Format.BINARY
        return cursor


def open_database(url: str, statement_s: float, session: dict[str, str], **options: Any) -> PatientDatabase:
    """Return the PostgreSQL database at a URL. It ends statements after `statement_s`, 0 for any time;
    `session` are PostgreSQL's parameters, and `options` those of libpq.
    """
    database = PatientDatabase(**{**db_url.parse(url), **options})
    database.session = {"statement_timeout": f"{statement_s:g}s", **session}
    database.most_s = statement_s + MARGIN_S if statement_s else 0.0
    return database
