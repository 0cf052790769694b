"""The REST interface as programs meet it: tokens, problems, paths, bodies, files, the audit log."""
from __future__ import annotations

import json

import peewee
import pytest

from server import audit
from server.devices import enrolment
from server.models import Device
from server.operators import tokens, users
from server.operators.roles import Role
from tests import peers
from tests.conftest import on_sqlite
from tests.server.api.conftest import Program

pytestmark = on_sqlite


def away(*_: object) -> None:
    raise peewee.OperationalError("the server closed the connection")


@pytest.mark.parametrize("authorization", ["", "Basic YTpi", "Bearer", "Bearer another", "Bearer "])
def test_nobody_gets_in_without_a_token(program: Program, authorization: str) -> None:
    for method, path in (("GET", "/devices"), ("POST", "/orders"), ("DELETE", "/virtual-ders/x")):
        headers = {"Authorization": authorization} if authorization else {}
        answer = program.send(method, path, token="", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert "token" in json.loads(answer.data)["detail"]


def test_a_real_token_has_the_rights_of_its_user(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    users.create("kate", Role.VIEWER)
    token = tokens.create("kate", "desk", None, "", 3600)["token"]
    assert program.call("GET", "/virtual-ders", token=token)["items"] == []
    problem = program.refused("POST", "/virtual-ders", {"name": "a"}, token=token)
    assert problem["status"] == 403 and "needs the role operator" in problem["detail"]
    tokens.revoke("kate", "desk")
    assert program.refused("GET", "/virtual-ders", token=token)["status"] == 401


def test_a_problem_names_the_argument_and_the_remedy(program: Program) -> None:
    assert program.refused("POST", "/virtual-ders", {"name": "a", "primacie": 3}) == {
        "title": "Bad Request", "status": 400, "argument": "primacie",
        "detail": "vder create has no such argument here. Did you mean primacy?"}
    assert program.refused("GET", "/virtual-ders/x/capability?horizon_s=-1")["argument"] == "horizon_s"
    assert program.refused("POST", "/virtual-ders", {})["argument"] == "name"


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/nothing", 404), ("PUT", "/orders", 405), ("OPTIONS", "/orders", 405), ("GET", "/devices/", 404),
    ("GET", "//devices", 404)])
def test_what_is_not_there_is_a_problem_too(program: Program, method: str, path: str, status: int) -> None:
    assert program.refused(method, path)["status"] == status


def test_what_can_be_done_there_is_said_with_a_405(program: Program) -> None:
    assert program.send("PUT", "/orders").headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("body, why", [
    (b"{", "not JSON"), (b'{"name": NaN}', "NaN is no number"), (b"[]", "not an object"),
    (b"\xff", "not JSON"),
    (b'{"name": "a", "name": "b"}', "given twice"), (b"[" * 100_000, "not JSON")])
def test_a_body_that_is_no_object(program: Program, body: bytes, why: str) -> None:
    problem = program.refused("POST", "/virtual-ders", body, headers={"Content-Type": "application/json"})
    assert why in problem["detail"]


def test_a_body_of_another_type_is_refused(program: Program) -> None:
    problem = program.refused("POST", "/virtual-ders", b"name=a", headers={"Content-Type": "text/plain"})
    assert problem["status"] == 415 and "application/json" in problem["detail"]


def test_a_name_may_have_any_character(program: Program) -> None:
    name = "a/b %2F?ü"
    program.call("POST", "/devices", {"lfdi": peers.lfdi(1), "name": name})
    assert program.call("GET", "/devices/a%2Fb%20%252F%3F%C3%BC")["name"] == name


@pytest.mark.parametrize("path", ["/resources/derp/1", "/resources/%2Fderp%2F1", "/resources//derp/1"])
def test_an_href_is_one_segment_or_as_it_stands(program: Program, path: str) -> None:
    program.call("POST", "/virtual-ders", {"name": "solar"})
    assert program.call("GET", path)["href"] == "/derp/1"


def test_a_file_comes_in_a_form_or_as_the_body(program: Program) -> None:
    csv = b"lfdi,name\n" + peers.lfdi(1).encode() + b",one\n"
    assert program.call("POST", "/devices?dry_run=true", csv, headers={"Content-Type": "text/csv"})
    form = (b'--x\r\nContent-Disposition: form-data; name="file"; filename="d.csv"\r\n\r\n' + csv
            + b'\r\n--x\r\nContent-Disposition: form-data; name="skip_enrolled"\r\n\r\ntrue\r\n--x--\r\n')
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert program.call("POST", "/devices", form, headers=headers)["items"][0]["name"] == "one"
    problem = program.refused("POST", "/devices", form.replace(b'; filename="d.csv"', b""), headers=headers)
    assert problem["argument"] == "file"


def test_what_destroys_needs_the_answer(program: Program) -> None:
    program.call("POST", "/virtual-ders", {"name": "solar"})
    problem = program.refused("DELETE", "/virtual-ders/solar")
    assert problem["argument"] == "yes" and "Delete solar" in problem["detail"]
    assert program.call("DELETE", "/virtual-ders/solar?dry_run=true") == {"deleted": "solar"}
    assert program.call("DELETE", "/virtual-ders/solar?yes=true") == {"deleted": "solar"}


def test_what_the_question_names_is_needed_first(program: Program) -> None:
    assert program.refused("DELETE", "/devices/one/contract?yes=true")["argument"] == "block"


def test_the_audit_log_has_who_and_why(program: Program) -> None:
    program.call("POST", "/virtual-ders", {"name": "solar"}, headers={"Audit-Reason": "as agreed"})
    entry, = audit.entries()
    assert (entry["who"], entry["operation"], entry["reason"]) == ("console", "vder create", "as agreed")


def test_a_page_of_a_report_is_for_who_accepts_it(program: Program) -> None:
    program.call("POST", "/virtual-ders", {"name": "solar"})
    page = program.send("GET", "/reports/days/solar", headers={"Accept": "text/html"})
    assert page.headers["Content-Type"].startswith("text/html") and b"<title>solar" in page.data
    assert program.call("GET", "/reports/days/solar")["html"] == "/api/v1/reports/days/solar"
    assert program.refused("GET", "/reports/days/solar?html_file=/tmp/x")["argument"] == "html_file"


def test_monitoring_systems_are_answered_beside_it_and_each_request_has_an_id(program: Program) -> None:
    health = program.client.open("/healthz", method="GET", headers={"X-Request-ID": "shift-7"})
    assert (health.status_code, health.data) == (200, b"ok\n")
    answers = [health, program.send("GET", "/devices", headers={"X-Request-ID": "shift-7"})]
    assert [answer.headers["X-Request-ID"] for answer in answers] == ["shift-7", "shift-7"]
    assert len(program.send("GET", "/nothing").headers["X-Request-ID"]) == 12


def test_what_fails_unexpectedly_shows_no_traceback(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolment, "find", lambda name: 1 / 0)
    problem = program.refused("GET", "/devices/one")
    assert problem["status"] == 500 and "reference" in problem["detail"] and "Zero" not in str(problem)


def test_a_database_that_is_away_is_a_503(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Device, "select", away)
    answer = program.send("GET", "/devices")
    assert answer.status_code == 503 and answer.headers["Retry-After"] == "5"
