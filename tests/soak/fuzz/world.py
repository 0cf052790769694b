"""The server that is attacked: every resource, a virtual DER in balance, and devices that must stay as they
are."""
from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server import actors, clock, functionsets, grid, models, worker
from server.config import settings
from server.devices import enrolment, ratelimits
from server.grid.balance import areasettings
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.grid.series import signals
from server.models import Device, Document, db
from server.protocol import app
from server.resources import hooks, pollrates, table
from tests import peers, postgres
from tests.server.grid.balancedarea import asks, has
from tests.server.grid.conftest import Home
from tests.standard import every_resource
from tests.wsgi import Client

assert grid
NOW = every_resource.NOW
OWNER = every_resource.LFDI
BATTERY, CAR, THERMOSTAT, AGENT, MANAGED, UNKNOWN = (peers.lfdi(number) for number in range(51, 57))
CALLERS = (OWNER, BATTERY, CAR, THERMOSTAT, AGENT, MANAGED, UNKNOWN)
WITNESSES = tuple(peers.lfdi(number) for number in range(61, 64))
"""Devices of which no attacker is the owner: a battery, a charger, a thermostat."""
NOT_THEIRS = frozenset({"DERProgram", "DERProgramList", "FunctionSetAssignments",
                        "FunctionSetAssignmentsList"})


class World:
    """Databases of one engine with the same content, made anew for each batch."""

    def __init__(self, engine: str, folder: Path):
        self.engine, self.folder = engine, folder
        self.application = app.create()
        self.template = self._url("template")
        functionsets.load()
        self._prepare()
        # (href, row name) and words that requests are made of: the same for every process of this version
        self.hrefs: tuple[str, ...] = tuple(
            row.href for row in Document.select(Document.href).order_by(Document.href)
            if table.match(row.href))
        known = Document.select(Document.mrid).where(Document.mrid.is_null(False)).order_by(Document.href)
        self.words: tuple[str, ...] = (*(row.mrid for row in known), *CALLERS, *WITNESSES)
        self.numbers: dict[str, int] = {device.lfdi: device.id for device in Device.select()}
        self.now = NOW
        self.expected: frozenset[str] = frozenset()
        """What operators' verbs say that fail on the server as it was prepared."""
        self.before = self.witnessed()
        db.close()

    def _url(self, name: str) -> str:
        if self.engine == "sqlite":
            return f"sqlite:///{self.folder}/{name}.db"
        return f"{postgres.URL.rpartition('/')[0]}/soak_fuzz_{self.folder.name.lower()}_{name}"

    def _prepare(self) -> None:
        if self.engine == "postgres":
            postgres.create(self.template)
        settings.database = self.template
        clock.turn_to(NOW)
        models.connect(self.template)
        hooks.run_seeds()
        pollrates.forget()
        every_resource.fill(2023)
        client = Client(self.application)
        kinds = ("battery", "ev_charger", "thermostat")
        for lfdis, label in (((BATTERY, CAR, THERMOSTAT), "attacker"), (WITNESSES, "witness")):
            for lfdi, kind in zip(lfdis, kinds, strict=True):
                category = 1 if kind == "thermostat" else None
                enrolment.enrol(lfdi, name=f"{label} {kind}", kind=kind, category=category)
        enrolment.enrol(AGENT, name="agent", kind=enrolment.AGGREGATOR)
        enrolment.enrol(MANAGED, name="managed", kind="battery", manager=AGENT)
        virtualders.create("town")
        for name, kind in (("batteries", "battery"), ("chargers", "ev_charger"), ("warmth", "thermostat")):
            virtualders.create(name, rule=f"kind = {kind}", parent="town", purpose="kind")
        virtualders.update("batteries", add=["one"])
        Device.update(last_contact_at=NOW).execute()
        for lfdi in (BATTERY, CAR, THERMOSTAT, MANAGED, *WITNESSES):
            self._report(Home(peers.Peer(client, lfdi), Device.get(Device.lfdi == lfdi)))
        areasettings.set_automatic("town", on=True)
        signals.put("town", "imbalance", [6000.0] * 4 + [-6000.0] * 4 + [0.0] * 100, NOW // 900 * 900, 900)
        with actors.acting("soak"):
            dercontrols.post("batteries", {"opModMaxLimW": 5000}, 3600, NOW + 60)
        worker.turn()

    @staticmethod
    def _report(home: Home) -> None:
        kind = home.device.kind
        if kind == "thermostat":
            has(home, 2000)
            home.post(-1000)
            return
        home.rate(80 if kind == "battery" else 82, 5000, 5000, 10_000)
        home.charge(0.5)
        home.post(0)
        if kind == "ev_charger":
            asks(home)

    @contextmanager
    def fresh(self) -> Iterator[None]:
        """Connect to a database as it was prepared, with the clock set to NOW."""
        url = self._url("case")
        if self.engine == "sqlite":
            shutil.copy(self.template.partition(":///")[2], url.partition(":///")[2])
        else:
            self._copy_postgres(url)
        settings.database = url
        clock.turn_to(NOW)
        models.connect(url)
        pollrates.forget()
        ratelimits.forget()
        worker.forget()
        try:
            yield
        finally:
            db.close()
            for path in self.folder.glob("case.db*"):
                path.unlink()

    def _copy_postgres(self, url: str) -> None:
        import psycopg
        name, template = (other.rpartition("/")[2] for other in (url, self.template))
        with psycopg.connect(postgres.URL, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')

    @staticmethod
    def witnessed() -> dict[str, Any]:
        """What was submitted by and for the witnesses, by href."""
        return {row.href: row.submitted for row in Document.select().where(Document.audience.in_(WITNESSES))
                if row.kind not in NOT_THEIRS}

    def close(self) -> None:
        """Remove the databases."""
        if self.engine == "postgres":
            import psycopg
            with psycopg.connect(postgres.URL, autocommit=True) as connection:
                for name in ("case", "template"):
                    database = self._url(name).rpartition("/")[2]
                    connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


@contextmanager
def world(engine: str) -> Iterator[World]:
    """A world, and this process's settings as they were afterwards."""
    saved, pace = dict(settings.__dict__), clock.spec()
    with tempfile.TemporaryDirectory(prefix="soak") as folder:
        made = World(engine, Path(folder))
        try:
            yield made
        finally:
            made.close()
            settings.__dict__.clear()
            settings.__dict__.update(saved)
            clock.follow(pace)
            pollrates.forget()
