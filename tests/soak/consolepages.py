"""Every page of the console with 100,000 devices: it opens, and takes no more than a second of the server."""
from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

from server.api import access, app
from server.config import settings
from server.console import frame
from server.console.pagetable import PAGES
from server.models import OperatorUser, db
from server.operators import sessions
from server.operators.roles import Role
from tests.load import databases
from tests.load.scale import population
from tests.soak.outcome import Outcome
from tests.wsgi import Client

MOST_S = 1.0
LATER = ("/console/now/power", "/console/do/device%20list")  # what pages fetch after they are there
LATER_S = 5.0


def prove(devices: int = 100_000) -> list[Outcome]:
    """Open each page twice, on each engine that there is; the second time counts, since the first loads what
    it needs."""
    outcomes = []
    saved = dict(settings.__dict__)
    with tempfile.TemporaryDirectory() as folder, databases.urls(Path(folder)) as urls:
        for engine, url in urls.items():
            outcome = Outcome(f"pages of the console, {engine}",
                              f"{len(PAGES) + len(LATER)} with {devices} devices")
            settings.database, settings.default_vder = url, "everyone"
            databases.connect(url)
            population.build(devices)
            took = dict(_open(outcome))
            outcome.figures["longest"] = max(took, key=lambda href: took[href])
            outcome.figures["s"] = round(max(took.values()), 2)
            outcomes.append(outcome)
            db.close()
    settings.__dict__.clear()
    settings.__dict__.update(saved)
    return outcomes


def _open(outcome: Outcome) -> Iterator[tuple[str, float]]:
    application: Flask = app.create()
    frame.register(application)
    user, _ = OperatorUser.get_or_create(name="ada", defaults={"role": Role.ADMINISTRATOR, "created_at": 0})
    cookie = f"{access.cookie_name()}={sessions.start(user, sessions.PASSWORD)}"
    client = Client(application)
    for href in (*(page.href for page in PAGES), *LATER):
        for _ in range(2):
            started = time.perf_counter()
            status = client.open(href, headers={"Cookie": cookie}).status_code
            took_s = time.perf_counter() - started
        if status != 200:
            outcome.faults.append(f"{href} is {status}")
        if took_s > (LATER_S if href in LATER else MOST_S):
            outcome.faults.append(f"{href} took {took_s:.2f} s")
        yield href, took_s
