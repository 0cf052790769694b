"""Signing in and out by REST, who may use a cookie, and guests."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import Flask

from certs import authority
from server import clock
from server.api import signin
from server.config import settings
from server.grid.groups import virtualders
from server.operators import users
from server.operators.roles import Role
from tests.conftest import NOON, on_sqlite
from tests.server.api.conftest import TOKEN, Program
from tests.server.operators.conftest import _quick  # noqa: F401  (a fixture)
from tests.wsgi import Answer, Client

PASSWORD = "a window over the yard"
HERE = {"Origin": "https://localhost"}
pytestmark = on_sqlite


class Browser(NamedTuple):
    """Keeps the cookies that it is given."""
    client: Client
    cookies: dict[str, str]

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request with the cookies."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body is not None:
            sent["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        answer = self.client.open("/api/v1" + path, method=method, data=data, headers=sent)
        for cookie in answer.headers.getlist("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def sign_in(self, name: str = "kate", password: str = PASSWORD) -> Answer:
        """Sign in."""
        return self.send("POST", "/session", {"name": name, "password": password}, **HERE)


@pytest.fixture
def browser(server: None, rest: Flask) -> Browser:
    """The browser of kate, a user."""
    clock.turn_to(NOON)
    virtualders.create("street")
    users.create("kate", Role.OPERATOR, "", PASSWORD)
    return Browser(Client(rest), {})


@pytest.fixture
def signed_in(browser: Browser) -> Browser:
    assert browser.sign_in().status_code == 200
    return browser


def read(answer: Answer, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.data.decode()
    return dict(json.loads(answer.data))


def test_who_signs_in_is_known_until_they_sign_out(browser: Browser) -> None:
    answer = browser.sign_in()
    assert read(answer) == {
        "user": "kate", "role": "operator", "vder": None, "signed_in_by": "password",
        "until": "2025-06-15T12:30:00Z", "ends_at": "2025-06-16T00:00:00Z"}
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-counterpoise=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "no-store" in answer.headers["Cache-Control"]
    assert read(browser.send("GET", "/session")) == read(answer)
    assert read(browser.send("GET", "/virtual-ders"))["items"]
    kept = dict(browser.cookies)
    signed_out = browser.send("DELETE", "/session", **HERE)
    assert read(signed_out) == {"signed_out": True} and "Max-Age=0" in signed_out.headers["Set-Cookie"]
    browser.cookies.update(kept)
    assert "sign in again" in read(browser.send("GET", "/virtual-ders"), 401)["detail"]


def test_without_tls_the_cookie_has_a_name_that_browsers_take(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "console_tls", False)
    cookie = browser.sign_in().headers["Set-Cookie"]
    assert cookie.startswith("counterpoise=") and "Secure" not in cookie
    assert browser.send("GET", "/session").status_code == 200


@pytest.mark.parametrize("headers, allowed", [
    (HERE, True), ({"Sec_Fetch_Site": "same-origin"}, True),
    ({}, False), ({"Origin": "null"}, False), ({"Origin": "http://localhost"}, False),
    ({"Origin": "https://evil.example"}, False), ({"Origin": "https://localhost:1"}, False),
    ({"Sec_Fetch_Site": "cross-site"}, False), ({"Sec_Fetch_Site": "none"}, False),
    ({"Sec_Fetch_Site": "same-site", **HERE}, False)])
def test_what_changes_something_has_to_come_from_here(
    signed_in: Browser, headers: dict[str, str], allowed: bool
) -> None:
    assert signed_in.send("GET", "/virtual-ders", **headers).status_code == 200
    for method, path, body in (("POST", "/virtual-ders", {"name": "road"}), ("DELETE", "/session", None)):
        answer = signed_in.send(method, path, body, **headers)
        assert answer.status_code == (200 if allowed else 403), answer.data
        assert allowed or "another origin" in read(answer, 403)["detail"]


def test_a_page_of_elsewhere_signs_nobody_in(browser: Browser) -> None:
    body = {"name": "kate", "password": PASSWORD}
    assert browser.send("POST", "/session", body, Sec_Fetch_Site="cross-site").status_code == 403
    assert browser.send("POST", "/session", body, Origin="https://evil.example").status_code == 403
    assert browser.send("POST", "/session", body).status_code == 200  # a program


def test_what_a_page_asks_for_by_itself_keeps_nobody_signed_in(signed_in: Browser) -> None:
    clock.advance(1799)
    assert signed_in.send("GET", "/virtual-ders", X_Passive="1").status_code == 200
    clock.advance(1)
    assert signed_in.send("GET", "/virtual-ders").status_code == 401


@pytest.mark.parametrize("body, status, why", [
    ({"name": "kate", "password": "wrong"}, 401, "name or password is wrong"),
    ({"name": "kate"}, 400, "a value is needed"), ({"name": "kate", "password": 1}, 400, "not a text"),
    ({"name": "kate\0", "password": ""}, 400, "none of a text"),
    ({"name": "kate", "pasword": ""}, 400, "only name and password"), ([], 400, "not an object")])
def test_what_signs_nobody_in(browser: Browser, body: Any, status: int, why: str) -> None:
    assert why in read(browser.send("POST", "/session", body), status)["detail"]
    assert not browser.cookies


def test_a_body_of_another_type_signs_nobody_in(browser: Browser) -> None:
    """A form of a page of elsewhere could send one."""
    answer = browser.client.open("/api/v1/session", method="POST", data=b"{}",
                                 headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_one_sets_ones_own_password_and_is_signed_in_again(signed_in: Browser) -> None:
    before, another = dict(signed_in.cookies), PASSWORD + " and the wall"
    body = {"present": PASSWORD, "password": another}
    assert read(signed_in.send("PUT", "/session/password", body, **HERE))["user"] == "kate"
    assert signed_in.send("GET", "/session").status_code == 200
    assert signed_in._replace(cookies=before).send("GET", "/session").status_code == 401
    problem = read(signed_in.send("PUT", "/session/password", body, **HERE), 400)
    assert problem["argument"] == "present"


def test_a_token_is_told_for_whom_it_stands(program: Program) -> None:
    caller = program.call("GET", "/session")
    assert (caller["user"], caller["signed_in_by"], caller["until"]) == ("console", signin.TOKEN, None)
    assert "has no token" in program.refused("GET", "/session", token="",
                                             headers={"Authorization": "Basic a2F0ZQ=="})["detail"]
    assert TOKEN not in json.dumps(caller)


@pytest.fixture
def guest(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setattr(settings, "console_guest", "kate")
    return browser


def test_a_guest_looks_and_does_nothing(guest: Browser) -> None:
    assert read(guest.send("GET", "/session"))["role"] == "viewer"
    assert guest.send("GET", "/virtual-ders").status_code == 200
    assert "needs the role" in read(guest.send("POST", "/virtual-ders", {"name": "road"}), 403)["detail"]
    body = {"present": PASSWORD, "password": PASSWORD + "s"}
    assert "a guest" in read(guest.send("PUT", "/session/password", body), 403)["detail"]
    guest.sign_in()
    assert read(guest.send("GET", "/session"))["role"] == "operator"


def test_a_guest_comes_by_an_address_of_this_machine(guest: Browser) -> None:
    assert "not by evil.example" in read(guest.send("GET", "/session", Host="evil.example"), 401)["detail"]
    assert guest.send("GET", "/session", Host="[::1]:8444").status_code == 200
    forwarded = guest.client.open("/api/v1/session", headers={"X-Forwarded-For": "203.0.113.9"})
    assert "not by a proxy" in read(forwarded, 401)["detail"]


def test_a_guest_who_is_no_user_is_told_so(guest: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    users.update("kate", disabled=True)
    assert "kate is disabled" in read(guest.send("GET", "/session"), 401)["detail"]
    monkeypatch.setattr(settings, "console_guest", "nobody")
    assert "nobody is not there" in read(guest.send("GET", "/session"), 401)["detail"]


class PeerSocket(NamedTuple):
    """A connection by which a certificate came."""
    der: bytes | None

    def getpeercert(self, binary_form: bool) -> bytes | None:
        """Return the certificate."""
        assert binary_form
        return self.der


def by_certificate(browser: Browser, der: bytes | None, method: str = "GET", path: str = "/session",
                   **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    body = json.dumps({"name": "road"}).encode() if method == "POST" else None
    return browser.client.open(f"/api/v1{path}", method=method, data=body,
                               headers={"Content-Type": "application/json", **sent} if body else sent,
                               environ_overrides={"gunicorn.socket": PeerSocket(der)})


def test_a_certificate_stands_for_whom_it_names(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = authority.root("Operators")
    kate, nobody = (authority.operator(root, name).der for name in ("kate", "nobody"))
    assert by_certificate(browser, kate).status_code == 401, "without the setting"
    (tmp_path / "ca.pem").write_bytes(root.pem())
    monkeypatch.setattr(settings, "console_operator_ca", str(tmp_path / "ca.pem"))
    caller = read(by_certificate(browser, kate))
    assert (caller["user"], caller["signed_in_by"], caller["until"]) == ("kate", "certificate", None)
    assert "who is no user" in read(by_certificate(browser, nobody), 401)["detail"]
    assert "has no token" in read(by_certificate(browser, None), 401)["detail"]
    assert by_certificate(browser, kate, path="/stream").status_code == 200
    for headers, status in (({}, 200), ({"Sec_Fetch_Site": "cross-site"}, 403),
                            ({"Origin": "https://evil.example"}, 403)):
        answer = by_certificate(browser, kate, "POST", "/virtual-ders", **headers)
        assert answer.status_code == status, "a browser sends it by itself, a program says nothing"
