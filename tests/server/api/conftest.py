"""An operator's program, with a token, at the REST interface over the database of the test."""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from flask import Flask

from server.api import app
from server.api.encoding import Encoded
from server.api.routes import ROOT
from server.errors import Refused
from server.operators import authentication
from server.operators.principals import Principal
from server.operators.roles import Role
from tests.wsgi import Answer, Client

TOKEN, WHO = "token of the test", "console"


class Program(NamedTuple):
    """Sends requests with a token."""
    client: Client

    def send(self, method: str, path: str, body: Any = None, *, token: str = TOKEN,
             headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request; a body that is no bytes is sent as JSON."""
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        return self.client.open(ROOT + path, method=method, data=body, headers=sent)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Send a request that succeeds, and return what its answer says."""
        answer = self.send(method, path, body, **options)
        assert answer.status_code == 200, answer.data.decode()
        return json.loads(answer.data)

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        """Send a request that is refused, and return the problem."""
        answer = self.send(method, path, body, **options)
        assert answer.status_code >= 400, answer.data.decode()
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = dict(json.loads(answer.data))
        assert problem["status"] == answer.status_code and problem["title"] and problem["detail"]
        return problem

    def send_encoded(self, request: Encoded) -> Answer:
        """Send a request that was encoded."""
        headers = {"Content-Type": request.content_type} if request.content_type else {}
        return self.send(request.method, request.href.removeprefix(ROOT), request.body or None,
                         headers=headers)


@pytest.fixture(scope="session")
def rest() -> Flask:
    return app.create()


@pytest.fixture
def program(server: None, rest: Flask, monkeypatch: pytest.MonkeyPatch) -> Program:
    """A program whose token lets in an administrator."""
    monkeypatch.setattr(authentication, "by_token", by_token)
    return Program(Client(rest))


def by_token(text: str) -> Principal:
    """Return whom the token of the tests lets in; Refused (401) for any other."""
    if text != TOKEN:
        raise Refused(401, "nobody has this token")
    return Principal(WHO, Role.ADMINISTRATOR, None)
