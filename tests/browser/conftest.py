"""One browser, and one server of the console in a thread, for all tests of a file.

The browser is Chromium as the system has it; where there is none the tests are skipped, save in CI.
"""
from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import Flask
from werkzeug.serving import make_server

from server import clock, models
from server.api import access, app
from server.config import settings
from server.console import frame
from server.devices import ratelimits
from server.functionsets import selflog
from server.models import OperatorUser, db
from server.operators import sessions
from server.operators.roles import Role
from server.resources import pollrates, profiles, refresh
from tests.conftest import NOON

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), "")
SCREENSHOTS = Path(__file__).parents[2] / "var" / "screenshots"
SIZE = {"width": 1280, "height": 800}


class Site(NamedTuple):
    """The console, served: its address, and how to sign somebody in."""
    url: str
    sign_in: Callable[[str, Role], dict[str, Any]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if not CHROMIUM:
        assert not os.environ.get("CI"), "CI has to install chromium"
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def site(_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The console over an empty SQLite database of this file."""
    saved = dict(settings.__dict__)
    path = tmp_path_factory.mktemp("console") / "test.db"
    shutil.copy(_template, path)
    settings.database, settings.console_tls, settings.synchronous = f"sqlite:///{path}", False, "normal"
    clock.turn_to(NOON)
    for module in (pollrates, profiles, ratelimits, refresh, selflog):
        module.forget()
    models.connect()
    application = app.create()
    frame.register(application)
    server = _serve(application)
    url = f"http://127.0.0.1:{server.server_port}"

    def sign_in(name: str, role: Role) -> dict[str, Any]:
        """Make a user and return the cookie of a session."""
        user = OperatorUser.get_or_none(OperatorUser.name == name) or OperatorUser.create(
            name=name, role=role, created_at=NOON)
        return {"name": access.cookie_name(), "value": sessions.start(user, sessions.PASSWORD), "url": url}
    yield Site(url, sign_in)
    server.shutdown()
    db.close()
    settings.__dict__.clear()
    settings.__dict__.update(saved)


def _serve(application: Flask) -> Any:
    """Serve an application in threads of this process, so that the clock of the test is the server's."""
    def closing(environ: Any, start_response: Any) -> Any:
        try:
            return list(application(environ, start_response))
        finally:
            db.close()  # each request has a thread, and each thread a connection
    server = make_server("127.0.0.1", 0, closing, threaded=True)
    server.log = lambda *_: None  # type: ignore[method-assign]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Tab:
    """A page of a browser that notes what it complains of, and what it asks of elsewhere."""

    def __init__(self, browser: Any, site: Site, cookie: dict[str, Any], theme: str = "light"):
        self.site, self.complaints, self.outside = site, [], []  # type: ignore[var-annotated]
        self.context = browser.new_context(viewport=SIZE, color_scheme=theme, reduced_motion="reduce")
        self.context.set_default_timeout(15_000)
        self.context.add_cookies([cookie])
        self.page = self.context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))
        self.page.on("request", self._on_request)

    def _on_console(self, message: Any) -> None:
        if message.type in ("error", "warning") and "GPU stall" not in message.text:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _on_request(self, request: Any) -> None:
        if not request.url.startswith((self.site.url, "data:", "blob:")):
            self.outside.append(request.url)

    def open(self, href: str) -> Any:
        """Open a page and wait until its charts are drawn."""
        answer = self.page.goto(self.site.url + href)
        assert answer.status == 200, (href, answer.status)
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until all charts of the page are drawn."""
        self.page.locator("[data-chart]:not([data-drawn])").first.wait_for(state="detached")

    def close(self) -> None:
        self.context.close()
