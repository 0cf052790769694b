"""What operators and the balance do, and how long a GET of a device waits meanwhile."""
from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from server import clock, models
from server.config import settings
from server.devices import enrolment
from server.grid.balance import areasettings, controller, preparation
from server.grid.dispatch import ordercreation
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.groups import virtualders
from server.grid.series import signals
from server.resources import refresh, sql
from tests.load.scale import population
from tests.load.servers import ROOT

MANY = 10_000
CHOSEN = "chosen"
STEP_S = 900
SURPLUS_W = 2000.0  # for each device, so that batteries charge and the rest of generation is curtailed


class Operation(NamedTuple):
    """Milliseconds of an operation for each device, and the longest that a GET took meanwhile, in seconds."""
    name: str
    each_ms: float
    longest_get_s: float


@contextmanager
def _polling(longest_s: list[float]) -> Iterator[None]:
    """Let a process poll, and add the longest that a GET took."""
    process = subprocess.Popen([sys.executable, "-m", "tests.load.scale.poller", settings.database], cwd=ROOT,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    process.stdout.readline()
    yield
    process.stdin.close()
    longest_s.append(float(process.stdout.read().split()[1]))
    assert process.wait() == 0


def _measure(name: str, count: int, operate: Callable[[], object]) -> Operation:
    longest_s: list[float] = []
    with _polling(longest_s):
        began = time.monotonic()
        operate()
        each_ms = (time.monotonic() - began) / count * 1e3
    return Operation(name, each_ms, longest_s[0])


def measure() -> Iterator[Operation]:
    """Measure what an operator does with up to MANY devices, and steps of the balance of all."""
    members = [lfdi for lfdi, in sql.rows("SELECT lfdi FROM device ORDER BY id LIMIT ?", MANY)]
    total, = sql.row("SELECT count(*) FROM device")
    count = len(members)
    yield _measure("enrolment", count, lambda: enrol(count))
    yield _measure("joining a virtual DER", count, lambda: virtualders.create(CHOSEN, members=members))
    yield _measure("first order, a control for each", count, lambda: order(count))
    yield _measure("second order, a control for each", count, lambda: order(count))
    make_due()
    yield _measure("events that begin", count, render_due)
    start = clock.now() // STEP_S * STEP_S + STEP_S
    signals.put(population.AREA, "imbalance", [-SURPLUS_W * total] * 8, start, STEP_S)
    areasettings.set_automatic(population.AREA)
    area = virtualders.find(population.AREA)
    prepare()  # which the order has done already for MANY devices
    for name, step in (("first", start), ("second", start + STEP_S)):
        # else they are out of contact by then, and the step has nobody to publish for
        sql.execute("UPDATE device SET last_contact_at = ?", step)
        yield _measure(f"{name} step of the balance", total, partial(controller.decide, area, step))


def enrol(count: int) -> None:
    """Enrol devices as from a file."""
    for begin in range(0, count, 500):
        enrolment.enrol_all(
            enrolment.Entry(population.lfdi((1 << 60) + number), 123455, kind="inverter",
                            labels={"feeder": f"F{number % population.FEEDERS}"})
            for number in range(begin, min(begin + 500, count)))


def order(count: int) -> None:
    """Order power of the chosen virtual DER, an hour ahead."""
    ordercreation.create_order(OrderRequest(
        vder=CHOSEN, quantity="watts", value=1000.0 * count, duration_s=900, start=clock.now() + 3600,
        addressing="device"))


def prepare() -> None:
    """Make what a step needs of single devices, as the worker does before."""
    while preparation.prepare_due():
        pass


def make_due() -> None:
    """Let the controls be due to be rendered anew, as if it were an hour later."""
    with models.db.atomic():
        sql.execute("UPDATE document SET fresh_until = ? WHERE kind = 'DERControl' AND fresh_until > ?",
                    clock.now(), clock.now())
    refresh.forget()


def render_due() -> None:
    """Render what is due, as the worker does."""
    while refresh.due():
        refresh.run()
