"""Whoever keeps an area in balance is killed, and so is the server in the middle of an event: nothing is
lost, nothing is told twice. Real processes, and so some seconds."""
from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from clients.transport.connection import Connection
from server import clock
from server.config import settings
from server.grid.balance import areasettings
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.grid.series import signals
from server.models import Balance, Device, DispatchOrder, Document, Meter, Plan, ResponseRecord, Share
from server.resources import refresh, store
from tests.flows.conftest import DEVICES, own_sqlite
from tests.flows.server import ROOT, Process, Server, entries, until
from tests.server.grid.conftest import battery, home

pytestmark = [pytest.mark.flow, pytest.mark.restart]
assert battery and home
STEP, RATE = 900, 600.0
ALWAYS = 1 << 40


def wait(seconds: float) -> None:
    """Wait, while meters are read every half second, which are five minutes."""
    end = time.monotonic() + seconds
    while True:
        Meter.update(read_at=clock.now()).execute()
        if time.monotonic() >= end:
            return
        time.sleep(0.5)


@pytest.fixture
def area(battery: Callable[..., object], tmp_path: Path) -> Iterator[Callable[[], Process]]:
    """Four batteries below `town`, which is kept in balance; starts a worker in a process of its own, whose
    clock is this one's, at 600x."""
    for number in range(1, 5):
        battery(number)
    virtualders.create("town")
    virtualders.create("batteries", rule="kind = battery", parent="town")
    signals.put("town", "imbalance", [1000.0 * (step % 5) for step in range(400)], clock.now(), STEP)
    areasettings.set_automatic("town", replan_steps=2)
    Device.update(last_contact_at=ALWAYS).execute()
    clock.run(RATE)
    wait(0)
    environment = {
        "COUNTERPOISE_DATABASE": settings.database,
        "COUNTERPOISE_CLOCK": clock.spec(),
        "COUNTERPOISE_LOG_LEVEL": "info",
        "PYTHONPATH": str(ROOT),
    }
    workers: list[Process] = []

    def start() -> Process:
        """A worker that has begun to work, with a log of its own."""
        log = tmp_path / f"work{len(workers)}.log"
        worker = Process([sys.executable, "-m", "server", "work"], log, environment, tmp_path)
        workers.append(worker)
        until(lambda: "the worker has started" in worker.text, why=lambda: worker.text)
        return worker

    yield start
    for worker in workers:
        if worker.popen.poll() is None:
            worker.kill()


def test_two_planners_that_are_killed_again_and_again_tell_each_step_once(
    area: Callable[[], Process],
) -> None:
    chance, begun = random.Random(3), clock.now()
    workers = [area(), area()]
    for _ in range(6):
        wait(chance.uniform(1.0, 2.0))
        number = chance.randrange(2)
        workers[number].kill()
        workers[number] = area()
    wait(4.5)
    for worker in workers:
        assert worker.stop() == 0, worker.text
    clock.turn_to(clock.now())
    orders_by_step = Counter(
        order.start // STEP for order in DispatchOrder.select().where(DispatchOrder.quantity == "percent")
    )
    assert set(orders_by_step.values()) == {1} and len(orders_by_step) >= (clock.now() - begun) / STEP / 2
    events = store.items(f"{virtualders.find('batteries').program}/derc", ended=True)
    assert (
        len(events) == len(orders_by_step)
        and Counter(event.submitted["interval"]["start"] // STEP for event in events) == orders_by_step
    )
    assert {share.event_href for share in Share.select()} == {event.href for event in events}
    assert Share.select().count() == 4 * len(events)
    plans = list(Plan.select().order_by(Plan.id))
    assert [plan.state for plan in plans] == ["superseded"] * (len(plans) - 1) + ["published"]
    assert Balance.get().plan_id == plans[-1].id and Balance.get().last_step_start // STEP == max(
        orders_by_step)
    refresh.run()  # what has become due since the workers stopped
    assert store.reindex() == 4  # the meters, whose time the test has moved


@own_sqlite
def test_a_server_that_is_killed_in_an_event_goes_on_with_it_and_posts_nothing_twice(
        enrolled: Callable[..., Server]) -> None:
    server = enrolled(workers=2)
    virtualders.create("street", members=[entries(server.certs)[name]["lfdi"] for name in DEVICES])
    control = dercontrols.post("street", {"opModMaxLimW": 5000}, 3600)
    program = virtualders.find("street").program
    lfdi = entries(server.certs)["device-1"]["lfdi"]
    answer = {"createdDateTime": clock.now(), "endDeviceLFDI": lfdi, "status": 2, "subject": control["mrid"]}

    def statuses() -> list[tuple[str, int]]:
        listed = server.get("device-1", f"{program}/derc?l=9").get("DERControl", [])
        return [(event["mRID"], event["EventStatus"]["currentStatus"]) for event in listed]
    before = statuses()
    for _ in range(2):
        with closing(Connection(server.https("device-1"))) as connection:
            connection.post("/rsps/1/rsp", "DERControlResponse", answer)
        assert server.process is not None
        server.process.kill()
        server.start()
        assert statuses() == before == [(control["mrid"], 1)]
    assert (
        ResponseRecord.select()
        .where((ResponseRecord.subject == control["mrid"]) & (ResponseRecord.lfdi == lfdi))
        .count()
        == 1
    )
    assert Document.select().where(Document.kind == "DERControl").count() == 1
    assert server.stop() == 0
