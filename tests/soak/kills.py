"""Kills of every process under load: what was acknowledged is there, once; nothing is told twice."""
from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import peewee

from certs import dev
from server import actors, clock, functionsets, grid, models
from server.config import settings
from server.devices import enrolment
from server.grid.balance import areasettings
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.grid.series import signals
from server.models import Device, discard_connection
from server.models.unavailable import DATABASE_ERRORS
from server.resources import pollrates, store
from tests.flows.server import entries, until
from tests.soak import promises
from tests.soak.outcome import Outcome
from tests.soak.site import Cluster, Site, binaries
from tests.soak.writers import Writer, join

assert grid
DEVICES = 4
RATE = 60.0  # so that the balance decides a step each 15 s
STEP = 900
EVENT_S = 1800  # of the operator's events: 30 s of real time
SETTINGS = {"workers": 2, "log_events": 1_000_000, "quota_items": 1_000_000, "quota_device_bytes": 1 << 30,
            "quota_readings_per_day": 1_000_000_000, "quota_responses": 1000,
            "connections_per_certificate": 32}
OF_POSTGRES = ["backend", "backend", "database", "postmaster"]
DOWN = (*DATABASE_ERRORS, peewee.DatabaseError)


def deck(targets: list[str], chance: random.Random) -> list[str]:
    """Return the targets shuffled, drawn from the end: one of each kind first, then the others.

    So a short proof kills everything too.
    """
    kinds = sorted(set(targets))
    others = sorted((Counter(targets) - Counter(kinds)).elements())
    return chance.sample(others, len(others)) + chance.sample(kinds, len(kinds))


class Ground:
    """A site with enrolled devices, an area in balance, and an operator who posts events."""

    def __init__(self, folder: Path, engine: str, seed: int):
        self.random, self.cluster = random.Random(seed), None
        self.killed: Counter[str] = Counter()
        self.deck: list[str] = []
        self.controls: list[str] = []  # mRIDs of those that were promised to the operator
        self.tried_controls = 0
        if engine == "postgres":
            self.cluster = Cluster(folder)
            self.cluster.start()
        database = self.cluster.url if self.cluster else f"sqlite:///{folder}/kills.db"
        certs = folder / "certs"
        dev.make_dev(certs, devices=DEVICES)
        now = time.time()
        pace = f"{RATE:g}@{now}@{now // 86400 * 86400 + 43200}"
        self.site = Site(folder, certs, database, clock=pace, **SETTINGS)
        self.engine, self.database = engine, database
        self.stop = threading.Event()
        self.writers: list[Writer] = []

    def begin(self) -> None:
        """Start everything, enrol, and let the devices write."""
        functionsets.load()
        self.site.start_serve()
        settings.read(os.environ | self.site.environment)
        clock.follow(settings.clock)
        models.connect(self.database)
        pollrates.forget()
        for number in range(1, DEVICES + 1):
            enrolment.enrol(entries(self.site.certs)[f"device-{number}"]["lfdi"], name=f"d{number}",
                            kind="battery")
        virtualders.create("town")
        virtualders.create("batteries", rule="kind = battery", parent="town", purpose="kind")
        virtualders.create("street", members=[f"d{number}" for number in range(1, DEVICES + 1)], primacy=200)
        self.program = str(virtualders.find("street").program)
        for number in range(1, DEVICES + 1):
            store.put(f"/edev/{number}/der/1/dercap", {
                "modesSupported": "00500084", "rtgMaxW": {"multiplier": 0, "value": 5000}, "type": 80,
                "rtgMaxChargeRateW": {"multiplier": 0, "value": 5000},
                "rtgMaxDischargeRateW": {"multiplier": 0, "value": 5000},
                "rtgMaxWh": {"multiplier": 0, "value": 10_000}})
        signals.put("town", "imbalance", [1000.0 * (step % 5) for step in range(2000)],
                    clock.now() // STEP * STEP, STEP)
        areasettings.set_automatic("town", replan_steps=2)
        self.site.start_work()
        for number in range(1, DEVICES + 1):
            writer = Writer(self.site, number, self.program, self.stop)
            self.writers.append(writer)
            writer.start()

    # --- what is killed

    def targets(self) -> list[str]:
        """What can be killed, those more often that are more."""
        kinds = ["worker", "worker", "worker", "master", "work", "work"]
        return kinds + OF_POSTGRES if self.engine == "postgres" else kinds

    def kill(self) -> str:
        """Kill one process that is chosen by chance, and start again what does not by itself."""
        self.deck = self.deck or deck(self.targets(), self.random)
        target = self.deck.pop()
        getattr(self, f"kill_{target}")()
        self.killed[target] += 1
        return target

    def kill_worker(self) -> None:
        """One process of the device interface; its master starts another."""
        with suppress(OSError, IndexError):
            os.kill(self.random.choice(self.site.workers()), signal.SIGKILL)

    def kill_master(self) -> None:
        """The master of the device interface; its children see it and end, and then the port is free."""
        assert self.site.process is not None
        children = self.site.workers()
        self.site.process.popen.kill()
        self.site.process.popen.wait()
        until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), 60)
        self.site.ensure()

    def kill_work(self) -> None:
        """The worker."""
        assert self.site.work is not None
        self.site.work.popen.kill()
        self.site.work.popen.wait()
        self.site.ensure()

    def kill_backend(self) -> None:
        """A process of PostgreSQL that serves a connection: it then ends all others too, and recovers."""
        assert self.cluster is not None
        with suppress(OSError, IndexError):
            os.kill(self.random.choice(self.cluster.backends()), signal.SIGKILL)
        self.recover()

    def kill_database(self) -> None:
        """PostgreSQL, by an immediate stop."""
        assert self.cluster is not None
        self.cluster.stop("immediate")
        time.sleep(self.random.uniform(0, 1.5))
        self.cluster.start()
        self.recover()

    def kill_postmaster(self) -> None:
        """PostgreSQL, by SIGKILL to its first process."""
        assert self.cluster is not None
        self.cluster.kill()
        self.cluster.start()
        self.recover()

    def recover(self) -> None:
        """Wait until this process reaches the database again, and start what gave up."""
        until(self._reachable, 60)
        self.site.ensure()

    def _reachable(self) -> bool:
        try:
            Device.select().count()
            return True
        except DOWN:
            discard_connection()
            return False

    # --- what goes on meanwhile

    def operate(self) -> None:
        """Post an event; what is promised is noted."""
        self.tried_controls += 1
        try:
            Device.update(last_contact_at=clock.now() + 10 * 86400).execute()
            with actors.acting("soak"):
                posted = dercontrols.post("street", {"opModMaxLimW": 5000}, EVENT_S, clock.now() + 300,
                                          description=f"event {self.tried_controls}"[:32])
            self.controls.append(posted["mrid"])
        except DOWN:
            discard_connection()
            until(self._reachable, 60)


def prove(engine: str, kills: int, seed: int, until_at: float = float("inf")) -> Outcome:
    """Kill so many processes, or fewer if `until_at` (time.monotonic) comes first."""
    if engine == "postgres" and binaries() is None:
        return Outcome("kills, postgres", "", skipped="there is no initdb of PostgreSQL")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-kills")))
        saved, pace = dict(settings.__dict__), clock.spec()
        stack.callback(clock.follow, pace)
        stack.callback(settings.__dict__.update, saved)
        ground = Ground(folder, engine, seed)
        if ground.cluster:
            stack.callback(ground.cluster.stop)
        stack.callback(_end, ground)
        ground.begin()
        for _ in range(kills):
            time.sleep(ground.random.uniform(0.2, 1.0))
            ground.operate()
            ground.kill()
            if time.monotonic() > until_at:
                break
        ground.site.ensure()
        join(ground.writers, lambda: all(writer.events and writer.readings for writer in ground.writers))
        time.sleep(2)
        if ground.site.work is not None:
            ground.site.work.stop()
            ground.site.work = None
        return promises.verdict(ground)


def _end(ground: Ground) -> None:
    ground.stop.set()
    for process in (ground.site.work, ground.site.process):
        if process is not None:
            with suppress(OSError):
                process.kill()
    if models.db.obj is not None:
        models.db.close()
