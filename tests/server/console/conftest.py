"""A person with a browser at the console over the database of the test, without a browser."""
from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from server.api import access, app
from server.console import frame
from server.models import OperatorUser, VirtualDER
from server.operators import sessions
from server.operators.roles import Role
from tests.wsgi import Answer, Client


class Person:
    """Opens pages and sends forms, in a session."""

    def __init__(self, client: Client, cookie: str):
        self.client, self.cookie = client, cookie

    def open(self, href: str, *, method: str = "GET", data: bytes | None = None,
             headers: Mapping[str, str] | None = None) -> Answer:
        """Send a request as a browser does."""
        sent = {"Sec-Fetch-Site": "same-origin", "Cookie": f"{access.cookie_name()}={self.cookie}"}
        return self.client.open(href, method=method, data=data, headers={**sent, **(headers or {})})

    def see(self, href: str, status: int = 200) -> str:
        """Open a page and return its HTML."""
        answer = self.open(href)
        assert answer.status_code == status, (href, answer.status_code, text(answer.data.decode())[-600:])
        return answer.data.decode()

    def send(self, href: str, status: int = 200, /, **fields: Any) -> Answer:
        """Send a form of the console."""
        key = sessions.form_key(self.cookie) if self.cookie else ""
        body = urlencode({"csrf_token": key, **fields}, doseq=True).encode()
        answer = self.open(href, method="POST", data=body,
                           headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status_code == status, (answer.status_code, text(answer.data.decode())[-600:])
        return answer

    def do(self, name: str, status: int = 200, /, **fields: Any) -> str:
        """Send the form of an operation, and return the page that comes."""
        return self.send(f"/console/do/{name.replace(' ', '%20')}", status, **fields).data.decode()


def text(page: str) -> str:
    """Return what a page says, without its tags."""
    body = re.sub(r"(?s)<(script|style)\b.*?</\1>|<head>.*?</head>", "", page)
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", body).split()))


@pytest.fixture(scope="session")
def interface() -> Flask:
    made = app.create()
    frame.register(made)
    return made


@pytest.fixture
def person(server: None, interface: Flask) -> Callable[..., Person]:
    """People with a role, who have signed in: `person(Role.VIEWER)`."""
    def sign_in(role: Role = Role.ADMINISTRATOR, vder: VirtualDER | None = None) -> Person:
        name = str(role) if vder is None else f"{role} of {vder.name}"
        user = OperatorUser.get_or_none(OperatorUser.name == name) or OperatorUser.create(
            name=name, role=role, vder=vder, password="", created_at=0)
        return Person(Client(interface), sessions.start(user, sessions.PASSWORD))
    return sign_in


@pytest.fixture
def admin(person: Callable[..., Person]) -> Person:
    return person()
