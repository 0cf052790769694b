"""A worker is killed while it notifies: what was acknowledged and written down is not sent again, and nothing
is lost.

The worker is a process of its own; the receiver, in this one, counts what it has acknowledged.
"""
from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable

import pytest

from server import clock
from server.devices import enrolment
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.models import Subscription
from tests.flows.server import ROOT, Process, Server, entries, until
from tests.server.notifications.receiver import receiving

pytestmark = [pytest.mark.flow, pytest.mark.restart]
COUNT, BEFORE_THE_KILL = 240, 60


def told() -> set[str]:
    """The subscriptions of which the database knows that they were told."""
    rows = Subscription.select().where(Subscription.sent_at.is_null(False) & Subscription.due_at.is_null())
    return {row.uri for row in rows}


def test_what_was_acknowledged_and_written_is_not_sent_again(serve: Callable[..., Server]) -> None:
    server = serve(notification_networks="127.0.0.0/8", notification_interval_s=0)
    device = enrolment.enrol(entries(server.certs)["device-1"]["lfdi"], name="one")
    controls = f"{virtualders.create('street', members=['one'])['program']}/derc"

    def work(name: str) -> Process:
        return Process([sys.executable, "-m", "server", "work"], server.folder / f"{name}.log",
                       server.environment | {"PYTHONPATH": str(ROOT)}, server.folder)

    with receiving() as receiver:
        receiver.delay_s = 0.02
        for number in range(COUNT):
            Subscription.create(
                href=f"{enrolment.href(device)}/sub/{number + 1}", lfdi=device.lfdi, resource=controls,
                kind="DERControlList", watched=controls, viewer=device.lfdi, only_audience="",
                active_only=False, uri=receiver.uri(f"/{number}"), receiver=receiver.uri(""),
                own_address="", base="https://localhost", item_limit=10, level="", renewed_at=clock.now(),
                status=0, version=0, check_only=False)
        dercontrols.post("street", {"opModConnect": True}, 600, clock.now() + 3600)
        first = work("first")
        until(lambda: len(told()) >= BEFORE_THE_KILL, 60, 0.01)
        first.kill()
        until(lambda: quiet(receiver.received), 10)
        written, sent = told(), Counter(receiver.uri(one.path) for one in receiver.received)
        assert BEFORE_THE_KILL <= len(written) < COUNT and set(sent) >= written
        # the leases of the dead worker are over, which takes a minute
        Subscription.update(due_at=clock.now()).where(Subscription.due_at.is_null(False)).execute()
        second = work("second")
        try:
            until(lambda: len(told()) == COUNT, 60)
        finally:
            second.stop()
        times = Counter(receiver.uri(one.path) for one in receiver.received)
    assert len(times) == COUNT
    assert {uri for uri in written if times[uri] > 1} == set()
    assert {uri for uri, count in times.items() if count > 1} <= set(sent) - written
    assert max(times.values()) <= 2


def quiet(received: list[object]) -> bool:
    """Whether nothing has come for a moment."""
    count = len(received)
    time.sleep(0.3)
    return len(received) == count
