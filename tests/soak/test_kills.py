"""The proof by kills sees what is lost and what is there twice; and it kills every kind of process."""
from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from clients.transport.mtls import HttpReply
from server import clock
from server.config import settings
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.models import Document, Reading, ResponseRecord, is_postgres
from server.resources import store
from tests import peers
from tests.conftest import NOON
from tests.soak import kills, promises
from tests.soak.kills import Ground, deck
from tests.soak.writers import Writer


class InProcess:
    """A site whose server is this process."""
    certs: Path

    def __init__(self, peer: peers.Peer, folder: Path):
        self.peer, self.certs = peer, folder
        (folder / "devices.json").write_text(json.dumps([{"name": "device-1", "lfdi": peer.lfdi}]))

    def https(self, name: str) -> Any:
        return SimpleNamespace(exchange=self.exchange, close=lambda: None)

    def exchange(self, method: str, href: str, body: bytes | None, fields: dict[str, str]) -> HttpReply:
        reply = self.peer.request(method, href, body)
        return HttpReply(reply.status, reply.headers, reply.body)

    def get(self, name: str, href: str) -> dict[str, Any]:
        return self.peer.get(href).data

    def tracebacks(self) -> list[str]:
        return []


@pytest.fixture
def ground(device: peers.Peer, tmp_path: Path) -> Ground:
    """What is left of a device that wrote five times and answered an event, after two kills."""
    for name in ("town", "batteries"):
        virtualders.create(name)
    virtualders.create("street", members=["one"])
    ground = object.__new__(Ground)
    ground.engine, ground.database = "postgres" if is_postgres() else "sqlite", settings.database
    ground.site = InProcess(device, tmp_path)  # type: ignore[assignment]
    ground.killed = Counter(ground.targets())
    ground.controls = [dercontrols.post("street", {"opModMaxLimW": 5000}, 1800, NOON + 60)["mrid"]]
    writer = Writer(ground.site, 1, str(virtualders.find("street").program), threading.Event())
    for _ in range(5):
        clock.advance(5)
        writer.step()
    writer.counts["interrupted"] = 1
    ground.writers = [writer]
    return ground


def test_what_is_there_is_not_lost(ground: Ground) -> None:
    outcome = promises.verdict(ground)
    assert (outcome.lost, outcome.faults) == (0, [])
    assert outcome.figures["acknowledged writes"] == 5 * 3 + 2  # with the mirror and an answer


def lose_event() -> None:
    href, = [row.href for row in Document.select().where(Document.kind == "LogEvent").limit(1)]
    store.remove(href)


def lose_reading() -> None:
    Reading.delete().where(Reading.start == Reading.select().order_by(Reading.start).get().start).execute()


def lose_answer() -> None:
    ResponseRecord.delete().execute()


def lose_status() -> None:
    store.put("/edev/1/der/1/ders", {"readingTime": 1})


def lose_control() -> None:
    Document.delete().where(Document.kind == "DERControl").execute()


@pytest.mark.parametrize("lose", [lose_event, lose_reading, lose_answer, lose_status, lose_control])
def test_a_lost_acknowledged_write_is_counted(ground: Ground, lose: Any) -> None:
    lose()
    outcome = promises.verdict(ground)
    assert outcome.lost == 1 and not outcome.passed


def test_what_is_there_twice_is_a_fault(ground: Ground) -> None:
    row = ResponseRecord.select().dicts().get()
    ResponseRecord.create(**row | {"href": "/rsps/1/rsp/9"})
    first = store.items("/edev/1/lel")[0].submitted
    store.add("LogEvent", "/edev/1/lel", first, audience=ground.writers[0].lfdi)
    faults = promises.verdict(ground).faults
    assert any("answered" in fault and "2 times" in fault for fault in faults)
    assert any("once and it is there 2 times" in fault for fault in faults)


def test_a_status_that_goes_back_is_a_fault(ground: Ground) -> None:
    ground.writers[0].seen["AB"] = [0, 1, 0]
    assert "/edev/1 saw AB with statuses [0, 1, 0]" in promises.verdict(ground).faults


def test_a_proof_without_effect_is_a_fault(ground: Ground) -> None:
    ground.writers[0].counts["interrupted"] = 0
    del ground.killed["master"]
    faults = promises.verdict(ground).faults
    assert faults == ["never killed: master", "nothing was interrupted, so nothing was shown"]


def test_every_kind_of_process_is_killed_soon() -> None:
    targets = ["worker", "worker", "worker", "master", "work", "work", *kills.OF_POSTGRES]
    for seed in range(20):
        drawn = deck(targets, Random(seed))
        assert sorted(drawn) == sorted(targets)
        assert set(drawn[-6:]) == {"worker", "master", "work", "backend", "database", "postmaster"}
