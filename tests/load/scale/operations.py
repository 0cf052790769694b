"""What operators do, and how long a GET of a device waits meanwhile."""
from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from server import clock, models
from server.config import settings
from server.devices import enrolment
from server.grid.dispatch import ordercreation
from server.grid.dispatch.orderrequest import OrderRequest
from server.resources import refresh, sql
from tests.load.scale import population
from tests.load.servers import ROOT

MANY = 1000


class Operation(NamedTuple):
    """Milliseconds of an operation for each device, and the longest that a GET took meanwhile, in seconds."""
    name: str
    each_ms: float
    longest_get_s: float


class _Watch:
    def __init__(self) -> None:
        self.longest_s = 0.0


@contextmanager
def _polling() -> Iterator[_Watch]:
    """Let a process poll, and note the longest that a GET took."""
    watch = _Watch()
    process = subprocess.Popen([sys.executable, "-m", "tests.load.scale.poller", settings.database], cwd=ROOT,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    process.stdout.readline()
    yield watch
    process.stdin.close()
    watch.longest_s = float(process.stdout.read().split()[1])
    assert process.wait() == 0


def measure() -> list[Operation]:
    """Enrol MANY devices, order each of a feeder's members, and let the controls begin."""
    members = [lfdi for lfdi, in sql.rows("SELECT lfdi FROM device ORDER BY id LIMIT ?", MANY)]
    return [_enrol(), *_order(members)]


def _enrol() -> Operation:
    with _polling() as watch:
        began = time.monotonic()
        enrolment.enrol_all(
            enrolment.Entry(population.lfdi((1 << 60) + number), 123455, kind="inverter",
                            labels={"feeder": f"F{number % population.FEEDERS}"}) for number in range(MANY))
        each_ms = (time.monotonic() - began) / MANY * 1e3
    return Operation("enrolment of 1,000 at once", each_ms, watch.longest_s)


def _order(members: list[str]) -> Iterator[Operation]:
    from server.grid.groups import virtualders
    virtualders.create("chosen", members=members)
    for name in ("first order, a control for each", "second order, a control for each"):
        request = OrderRequest(vder="chosen", quantity="watts", value=1000.0 * len(members), duration_s=900,
                               start=clock.now() + 3600, addressing="device")
        with _polling() as watch:
            began = time.monotonic()
            ordercreation.create_order(request)
            each_ms = (time.monotonic() - began) / len(members) * 1e3
        yield Operation(name, each_ms, watch.longest_s)
    with models.db.atomic():  # as if it were an hour later
        sql.execute("UPDATE document SET fresh_until = ? WHERE kind = 'DERControl' AND fresh_until > ?",
                    clock.now(), clock.now())
    refresh.forget()
    with _polling() as watch:
        began = time.monotonic()
        while refresh.due():
            refresh.run()
        each_ms = (time.monotonic() - began) / len(members) * 1e3
    yield Operation("events to render anew", each_ms, watch.longest_s)
