"""The command line on a remote server: which server, which token, what is read and written where."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from server import audit
from server.api.encoding import Encoded
from server.cli import main, remote
from server.cli.remote import RemoteServer, Reply
from server.errors import Refused
from server.models import Device

URL = "https://counterpoise.test:8444"
Typed = Callable[..., Result]


@pytest.mark.parametrize("url, why", [
    ("counterpoise.test", "is not the URL"), ("ftp://counterpoise.test", "is not the URL"),
    ("https://", "is not the URL"), ("https://a:b@c", "is not the URL"),
    ("https://a:99999", "is not the URL"),
    ("http://counterpoise.test", "could be read on the way")])
def test_a_url_that_is_none_or_shows_the_token_is_refused(url: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        remote.server_at(url, "token", "")


@pytest.mark.parametrize("url", [
    "http://localhost:1/", "http://127.0.0.1:1", "http://[::1]:1", f"{URL}/grid"])
def test_http_is_possible_on_this_machine(url: str) -> None:
    assert remote.server_at(url, "token", "").url == url.rstrip("/")


@pytest.mark.parametrize("token, why", [
    ("", "needs a token"), ("a\nb", "no token has"), ("ü", "no token has")])
def test_a_token_that_is_none_is_refused(token: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        remote.server_at(URL, token, "")


def typed(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(main, ["--server", URL, *words], catch_exceptions=False, env=environment)


@pytest.mark.parametrize("words, why", [
    (("backup", "x"), "this machine alone"), (("serve",), "this machine alone"),
    (("--as", "kate", "device", "list"), "the token says who acts"),
    (("--token", "/nowhere", "device", "list"), "/nowhere cannot be read"),
    (("device", "list"), "needs a token")])
def test_what_cannot_be_done_on_a_server_is_said(words: tuple[str, ...], why: str) -> None:
    result = typed(*words)
    assert result.exit_code and why in " ".join(result.stderr.split())


def test_what_needs_no_database_is_done_here() -> None:
    assert json.loads(typed("operations", "--json").stdout)


class Fake:
    """A server that answers as it is told, and notes what it was asked."""

    def __init__(self, *replies: Any):
        self.replies, self.asked = list(replies), list[tuple[Encoded, dict[str, str]]]()

    def exchange(self, server: RemoteServer, request: Encoded, headers: Mapping[str, str]) -> Reply:
        self.asked.append((request, {**headers, "server": server.url, "token": server.token}))
        reply = self.replies.pop(0)
        return reply if isinstance(reply, Reply) else Reply(200, json.dumps(reply).encode(), {})


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fake]:
    def answering(*replies: Any) -> Fake:
        found = Fake(*replies)
        monkeypatch.setattr(remote, "exchange", found.exchange)
        return found
    return answering


def test_the_token_comes_from_a_file_or_the_environment(fake: Callable[..., Fake], tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("of the file\n")
    asked = fake({"items": [], "next": None}, {"items": [], "next": None})
    assert typed("--token", str(file), "vder", "list", "--json", COUNTERPOISE_TOKEN="x").exit_code == 0
    assert typed("vder", "list", "--json", COUNTERPOISE_TOKEN="of the environment").exit_code == 0
    assert [headers["token"] for _, headers in asked.asked] == ["of the file", "of the environment"]


def test_a_list_is_read_page_by_page_up_to_its_limit(fake: Callable[..., Fake]) -> None:
    def page(first: int, last: int, cursor: str | None) -> dict[str, Any]:
        return {"items": [{"name": str(number)} for number in range(first, last)], "next": cursor}
    asked = fake(page(0, 1000, "a"), page(1000, 1500, None))
    rows = json.loads(typed("device", "list", "--json", "--limit", "1500", COUNTERPOISE_TOKEN="x").stdout)
    assert [row["name"] for row in rows] == [str(number) for number in range(1500)]
    assert [request.href for request, _ in asked.asked] == [
        "/api/v1/devices?limit=1000", "/api/v1/devices?limit=500&cursor=a"]


def test_relative_times_are_those_of_the_server(fake: Callable[..., Fake]) -> None:
    asked = fake({"time": "2030-01-01T00:00:00Z", "suspect": False, "jump_s": 0},
                 {"device": "d", "opted_out_until": None})
    typed("opt-out", "set", "d", "--until", "+1h", "--json", COUNTERPOISE_TOKEN="x")
    assert json.loads(asked.asked[1][0].body)["until"] == "2030-01-01T01:00:00Z"


def test_a_report_is_written_where_the_command_runs(fake: Callable[..., Fake], tmp_path: Path) -> None:
    place = "/api/v1/reports/days/F12"
    fake({"name": "F12", "html": place}, Reply(200, b"<html>", {}), {"name": "F12", "html": place})
    file = tmp_path / "report.html"
    words = ("report", "day", "F12", "--json")
    written = json.loads(typed(*words, "--html", str(file), COUNTERPOISE_TOKEN="x").stdout)
    assert file.read_text() == "<html>" and written == {"name": "F12", "html": str(file)}
    assert json.loads(typed(*words, COUNTERPOISE_TOKEN="x").stdout) == {"name": "F12"}


@pytest.mark.parametrize("reply, why, code", [
    (Reply(502, b"<html>", {}), "not as Counterpoise does", 1),
    (Reply(409, b'{"detail": "order 3 is over"}', {}), "order 3 is over", 1),
    (Reply(400, b'{"detail": "no `device` so", "argument": "device"}', {}), "no DEVICE so", 2)])
def test_a_refusal_is_one_of_the_command(
    fake: Callable[..., Fake], reply: Reply, why: str, code: int
) -> None:
    fake(reply)
    result = typed("opt-out", "clear", "d", COUNTERPOISE_TOKEN="x")
    assert result.exit_code == code and why in result.stderr


def test_a_server_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(server: RemoteServer) -> Any:
        raise ConnectionRefusedError(111, "Connection refused")
    monkeypatch.setattr(remote, "_connected", refuse)
    result = typed("vder", "list", COUNTERPOISE_TOKEN="x")
    assert f"the server {URL} does not answer: Connection refused" in result.stderr


@pytest.mark.parametrize("words, sent", [(("vder", "create", "a"), 3), (("vder", "list"), 3)])
def test_what_was_lost_is_sent_again_with_its_key(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sent: int
) -> None:
    keys = []

    def lose(server: RemoteServer, request: Encoded, headers: Mapping[str, str]) -> Reply:
        keys.append(headers.get("Idempotency-Key"))
        raise remote.Lost(503, "timed out")
    monkeypatch.setattr(remote, "exchange", lose)
    monkeypatch.setattr(remote, "PAUSE_S", 0)
    assert "timed out" in typed(*words, COUNTERPOISE_TOKEN="x").stderr
    assert len(keys) == sent and len(set(keys)) == 1 and (keys[0] is None) is (words[1] == "list")


def test_what_is_being_done_is_waited_for(fake: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSE_S", 0)
    fake(Reply(409, b'{"detail": "it is being done"}', {"Retry-After": "1"}), {"name": "a"})
    result = typed("vder", "create", "a", "--json", COUNTERPOISE_TOKEN="x")
    assert json.loads(result.stdout) == {"name": "a"}


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    result = typed("--ca", str(tmp_path / "ca.pem"), "vder", "list", COUNTERPOISE_TOKEN="x")
    assert "--ca" in result.stderr and "can be read" in result.stderr


def test_the_log_tail_is_not_followed_there(fake: Callable[..., Fake]) -> None:
    fake({"items": [], "next": None})
    assert "--follow reads the database" in typed("audit", "tail", "--follow", COUNTERPOISE_TOKEN="x").stderr


def test_nothing_of_it_touches_a_database(fake: Callable[..., Fake], server: None) -> None:
    fake({"name": "solar"})
    typed("vder", "create", "solar", "--json", COUNTERPOISE_TOKEN="x")
    assert audit.entries() == [] and not Device.select().exists()
