"""A database that refuses the login is told from one that does not answer, which is waited for."""
from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import peewee
import pytest
from click.testing import CliRunner

from server import cli, models, worker
from server.config import settings
from server.errors import Refused
from server.models.unavailable import LoginRefused
from tests.server.test_worker import Pauses

pytest.importorskip("server.models.postgres")
BEFORE_TLS = {80877103, 80877104}  # requests for TLS and GSSAPI (PostgreSQL documentation, 55.7)


class Refusing(socketserver.BaseRequestHandler):
    """Answers every login with an error of PostgreSQL, its code and its words."""

    def handle(self) -> None:
        while header := self.request.recv(8):
            length, code = struct.unpack("!ii", header)
            if code in BEFORE_TLS:
                self.request.sendall(b"N")
                continue
            self.request.recv(length - 8)
            fields = b"".join(letter + text.encode() + b"\0" for letter, text in (
                (b"S", "FATAL"), (b"C", self.server.sqlstate), (b"M", self.server.words)))  # type: ignore
            self.request.sendall(b"E" + struct.pack("!i", len(fields) + 5) + fields + b"\0")
            return


@contextmanager
def refusing(sqlstate: str, words: str) -> Iterator[str]:
    """A server that refuses every login so; its URL."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        server.sqlstate, server.words = sqlstate, words  # type: ignore
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"postgresql://me:secret@127.0.0.1:{server.server_address[1]}/cp"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("sqlstate, words, is_refusal", [
    ("28P01", 'password authentication failed for user "me"', True),
    ("28P01", "Passwort-Authentifizierung für Benutzer »me« fehlgeschlagen", True),
    ("28000", 'no pg_hba.conf entry for host "10.0.0.1", user "me"', True),
    ("3D000", 'database "cp" does not exist', True),
    ("57P03", "the database system is starting up", False),
    ("57P03", "das Datenbanksystem fährt hoch", False),
    ("53300", "sorry, too many clients already", False),
    ("53300", "tut mir leid, schon zu viele Verbindungen", False),
    ("53300", "remaining connection slots are reserved for roles with the SUPERUSER attribute", False)])
def test_a_refused_login_is_told_from_a_server_that_is_not_ready(
    sqlstate: str, words: str, is_refusal: bool
) -> None:
    with refusing(sqlstate, words) as url, pytest.raises(peewee.OperationalError) as raised:
        models.open_database(url).connect()
    assert isinstance(raised.value, LoginRefused) == is_refusal and words in str(raised.value)


def test_several_servers_that_refuse_are_waited_for() -> None:
    """A replica refuses whoever wants to write, until it is promoted."""
    with refusing("25006", "session is read-only") as url:
        port = urlsplit(url).port
        address = f"postgresql://me@/cp?host=127.0.0.1,127.0.0.1&port={port},{port}"
        with pytest.raises(peewee.OperationalError, match="session is read-only") as raised:
            models.open_database(address).connect()
    assert not isinstance(raised.value, LoginRefused)


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize("login, name, words", [
    ("nobody-like-this", None, 'role "nobody-like-this" does not exist'),
    (None, "no-database-like-this", 'database "no-database-like-this" does not exist')])
def test_a_role_or_database_that_is_not_there_is_refused(
    server: None, login: str | None, name: str | None, words: str
) -> None:
    """By a real server, if it lets us in without a password."""
    scheme, _, rest = settings.database.partition("://")
    address, _, own = rest.rpartition("/")
    address = f"{login}@{address.rpartition('@')[2]}" if login else address
    with pytest.raises(LoginRefused, match=words):
        models.open_database(f"{scheme}://{address}/{name or own}").connect()


@pytest.mark.parametrize("verb", [("work",), ("work", "--once"), ("serve",), ("device", "list")])
def test_a_process_that_is_refused_at_its_start_ends(verb: tuple[str, ...], monkeypatch: Any) -> None:
    monkeypatch.setattr(worker, "run", lambda opened: run_worker(opened))
    with refusing("28P01", "password authentication failed") as url:
        result = CliRunner().invoke(cli.main, ["--set", f"database={url}", *verb])
    assert result.exit_code == 1
    assert f"{url.replace('secret', '***')} refuses the login: " in result.stderr
    assert "password authentication failed. Correct the setting database (--set database)." in result.stderr


run_once = worker.run


def run_worker(opened: Any) -> None:
    """Run the worker for at most two turns, without signals."""
    run_once(opened, Pauses(2))


def test_a_database_that_refuses_later_is_waited_for(
    server: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    turns = iter([True, False, False, True])

    def turn() -> int:
        if not next(turns):
            raise LoginRefused('role "me" is not permitted to log in')
        return 0
    monkeypatch.setattr(worker, "turn", turn)
    monkeypatch.setattr(worker, "discard_connection", lambda: None)
    worker.run(lambda: None, Pauses(4))
    assert [record.getMessage() for record in caplog.records if record.name == "server.worker"] == [
        'the database refuses the login, the worker waits for it: role "me" is not permitted to log in',
        "the database answers again"]


def test_check_says_that_the_login_is_refused() -> None:
    with refusing("3D000", 'database "cp" does not exist') as url:
        result = CliRunner().invoke(cli.main, ["--set", f"database={url}", "check", "--json"])
    assert result.exit_code == 1 and "refuses the login" in result.stdout
    assert "did not answer" not in result.stdout


def test_a_file_that_cannot_be_a_database_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("no database\n" * 100)
    for path, words in ((text, "file is not a database"), (tmp_path, "unable to open database file")):
        with pytest.raises(Refused, match=rf"{path} cannot be opened as a database: {words}\. Correct the "):
            models.open_database(f"sqlite:///{path}")
