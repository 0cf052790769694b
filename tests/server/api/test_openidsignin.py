"""Sign in at a provider of OpenID Connect, which runs in this process, and everything that it may answer."""
from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import ECKey
from werkzeug import Request, Response
from werkzeug.serving import make_server

from server import clock
from server.config import settings
from server.operators import openid, users
from server.operators.roles import Role
from tests.conftest import NOON, on_sqlite
from tests.server.api.test_signin import Browser
from tests.wsgi import Answer, Client

pytestmark = on_sqlite
SECRET = "of the client"
KEY, OTHER = (ECKey.generate_key("P-256", {"kid": "1"}, private=True) for _ in range(2))
HOUR_S = 3600


class Provider:
    """Lets in whoever `claims` says. `alter` changes what its ID token says, `key` is what it signs with."""

    def __init__(self) -> None:
        self.issuer, self.key = "", KEY
        self.claims: dict[str, Any] = {"preferred_username": "kate"}
        self.asked: dict[str, str] = {}

    def __call__(self, environ: Any, start: Any) -> Any:
        """Answer a request."""
        request = Request(environ)
        if request.path.endswith("openid-configuration"):
            answer: Any = {"issuer": self.issuer, **{
                name: f"{self.issuer}/{name}"
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}}
        elif request.path == "/jwks_uri":
            answer = {"keys": [KEY.as_dict(private=False)]}
        else:
            answer = self.token(request)
        status = 400 if "error" in answer else 200
        return Response(json.dumps(answer), status, content_type="application/json")(environ, start)

    def token(self, request: Request) -> dict[str, Any]:
        """Give the ID token for a code, to the client, who has what the code was asked for with."""
        verifier = request.form["code_verifier"].encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).decode().rstrip("=")
        assert request.authorization and request.authorization.password == SECRET
        if request.form["code"] != "good" or challenge != self.asked["code_challenge"]:
            return {"error": "invalid_grant", "error_description": "the code was used"}
        now = int(clock.system.time())
        claims = {"iss": self.issuer, "sub": "1", "aud": "grid", "exp": now + HOUR_S, "iat": now,
                  "nonce": self.asked["nonce"], **self.claims}
        token = jwt.encode({"alg": "ES256", "kid": "1"}, claims, self.key)
        return {"access_token": "x", "token_type": "Bearer", "id_token": token}


@pytest.fixture(scope="module")
def listening() -> Iterator[Provider]:
    provider = Provider()
    server = make_server("127.0.0.1", 0, provider)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield provider
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def provider(listening: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Provider:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    for name, value in (("issuer", listening.issuer), ("client", "grid"),
                        ("secret_file", str(tmp_path / "secret"))):
        monkeypatch.setattr(settings, f"openid_{name}", value)
    monkeypatch.setattr(listening, "claims", {"preferred_username": "kate"})
    monkeypatch.setattr(listening, "key", KEY)
    openid._known.clear()
    return listening


@pytest.fixture
def browser(server: None, rest: Flask) -> Browser:
    clock.turn_to(NOON)
    users.create("kate", Role.OPERATOR)
    return Browser(Client(rest), {})


def begin(browser: Browser, provider: Provider, to: str = "") -> dict[str, str]:
    """Begin, and return what the provider is asked for."""
    answer = browser.send("GET", "/session/openid" + (f"?to={to}" if to else ""))
    assert answer.status_code == 303, answer.data
    href = urlsplit(answer.headers["Location"])
    assert f"{href.scheme}://{href.netloc}{href.path}" == f"{provider.issuer}/authorization_endpoint"
    provider.asked = {name: values[0] for name, values in parse_qs(href.query).items()}
    return provider.asked


def come_back(browser: Browser, state: str, answer: str = "code=good") -> Answer:
    return browser.send("GET", f"/session/openid/back?state={state}&{answer}")


def why(answer: Answer, status: int) -> str:
    assert answer.status_code == status, answer.data
    return str(json.loads(answer.data)["detail"])


def test_who_comes_back_from_the_provider_is_signed_in(browser: Browser, provider: Provider) -> None:
    asked = begin(browser, provider, "/console/now")
    assert asked["code_challenge_method"] == "S256" and asked["response_type"] == "code"
    assert asked["redirect_uri"] == "https://localhost/api/v1/session/openid/back"
    answer = come_back(browser, asked["state"])
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/now"), answer.data
    caller = json.loads(browser.send("GET", "/session").data)
    assert (caller["user"], caller["role"], caller["signed_in_by"]) == ("kate", "operator", "OpenID Connect")
    again = come_back(browser, asked["state"])
    assert "no answer to an attempt" in why(again, 400), "an attempt counts once"


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/%5Cevil.example", "", "/%0A"])
def test_it_leads_nowhere_else(browser: Browser, provider: Provider, to: str) -> None:
    asked = begin(browser, provider, to)
    assert come_back(browser, asked["state"]).headers["Location"] == "/"


def test_another_browser_does_not_finish_the_attempt(browser: Browser, provider: Provider) -> None:
    asked = begin(browser, provider)
    assert "of this browser" in why(come_back(browser._replace(cookies={}), asked["state"]), 400)
    assert "of this browser" in why(come_back(browser, asked["state"] + "x"), 400)


@pytest.mark.parametrize("answer, status, reason", [
    ("error=access_denied&error_description=not+today", 401, "refuses it: not today"),
    ("error=access_denied", 401, "refuses it: access_denied"),
    ("code=", 400, "has no code"), ("code=bad", 401, "refuses it: the code was used")])
def test_what_the_provider_refuses_is_said(
    browser: Browser, provider: Provider, answer: str, status: int, reason: str
) -> None:
    asked = begin(browser, provider)
    assert reason in why(come_back(browser, asked["state"], answer), status)
    assert browser.send("GET", "/session").status_code == 401


@pytest.mark.parametrize("claims, status, reason", [
    ({"iss": "https://evil.example"}, 401, "not valid"), ({"aud": "another"}, 401, "not valid"),
    ({"exp": 1}, 401, "not valid"), ({"nonce": "of before"}, 401, "not valid"),
    ({"aud": ["grid", "another"]}, 401, "not valid"),
    ({"preferred_username": None}, 403, "does not say preferred_username"),
    ({"preferred_username": "nobody"}, 403, "'nobody' is no user here")])
def test_who_is_not_let_in(
    browser: Browser, provider: Provider, claims: dict[str, Any], status: int, reason: str
) -> None:
    provider.claims = {"preferred_username": "kate", **claims}
    asked = begin(browser, provider)
    assert reason in why(come_back(browser, asked["state"]), status)


def test_a_key_that_the_provider_does_not_publish_counts_for_nothing(
    browser: Browser, provider: Provider
) -> None:
    provider.key = OTHER
    asked = begin(browser, provider)
    assert "ID token is not valid" in why(come_back(browser, asked["state"]), 401)


def test_who_is_new_becomes_a_viewer_where_that_is_set(
    browser: Browser, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "openid_new_users", "viewer")
    provider.claims = {"preferred_username": "nora"}
    assert come_back(browser, begin(browser, provider)["state"]).status_code == 303
    assert users.find("nora").role == Role.VIEWER
    users.update("nora", disabled=True)
    assert "disabled" in why(come_back(browser, begin(browser, provider)["state"]), 403)


@pytest.mark.parametrize("claims, reason", [
    ({"email": "Kate@grid.example", "email_verified": True}, ""),
    ({"email": "kate@grid.example", "email_verified": False}, "has not verified"),
    ({"email": "kate@grid.example"}, "has not verified")])
def test_of_mail_addresses_only_verified_ones_count(
    browser: Browser, provider: Provider, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any], reason: str
) -> None:
    monkeypatch.setattr(settings, "openid_claim", "email")
    users.create("kate@grid.example", Role.VIEWER)
    provider.claims = claims
    answer = come_back(browser, begin(browser, provider)["state"])
    assert reason in why(answer, 403) if reason else answer.status_code == 303


def test_without_a_provider_or_where_it_is_away_it_is_said(
    browser: Browser, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "openid_issuer", "http://127.0.0.1:9")
    assert "does not answer" in why(browser.send("GET", "/session/openid"), 503)
    monkeypatch.setattr(settings, "openid_issuer", f"{provider.issuer}/")
    assert "calls itself" in why(browser.send("GET", "/session/openid"), 503)
    monkeypatch.setattr(settings, "openid_issuer", "")
    assert "no provider" in why(browser.send("GET", "/session/openid"), 404)
