"""Clients that subscribe, of another author and as they come: py20305 with subscriptions on, as for servers
of 2018 and by default, told over mutual TLS of a control that they would otherwise read minutes later.

The worker is killed and started again before the last control.
"""
from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from server import clock
from server.grid.controls import dercontrols
from server.models import ResponseRecord, Subscription
from tests.flows.conftest import own_sqlite
from tests.flows.realclient import RealClient
from tests.flows.server import ROOT, Process, Server, free_port, until

pytestmark = [pytest.mark.flow, own_sqlite]  # the queue on both: test_notifications_killed

STREET = "street"
CLIENTS = {"2018": "device-1", "default": "device-2"}


class Flow(NamedTuple):
    """The server, the clients by edition, and the mRIDs of the two controls."""
    server: Server
    clients: dict[str, RealClient]
    mrids: list[str]


def work(server: Server, log: Path) -> Process:
    environment = server.environment | {"PYTHONPATH": str(ROOT)}
    return Process([sys.executable, "-m", "server", "work"], log, environment, server.folder)


def received(mrid: str) -> set[str]:
    return {row.lfdi for row in ResponseRecord.select().where(
        (ResponseRecord.subject == mrid) & (ResponseRecord.status == 1))}


@pytest.fixture(scope="module")
def flow(serve: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    folder = tmp_path_factory.mktemp("subscribers")
    server = serve(registration="yes", default_vder=STREET, poll_rate=900, post_rate=300,
                   notification_networks="127.0.0.0/8", notification_interval_s=1)
    worker = work(server, folder / "worker.log")
    server.operator("vder", "default", STREET, "opModMaxLimW=90%")
    clients = {edition: RealClient(server, name, folder, compat=edition == "2018", subscription={
        "enabled": True, "notification_host": "127.0.0.1", "notification_port": free_port(),
        "notification_external_host": "127.0.0.1", "notification_client_cert_mode": "enforce"})
        for edition, name in CLIENTS.items()}
    try:
        everyone = {client.lfdi for client in clients.values()}
        for client in clients.values():
            client.await_output("Starting poll loop", 60)
        until(lambda: {row.lfdi for row in Subscription.select().where(
            Subscription.resource.endswith("/derc"))} == everyone, 60)
        mrids = []
        for number in range(2):
            start = clock.now() + 600 * number + 300
            control = dercontrols.post(STREET, {"opModMaxLimW": 5000 - number}, 60, start)
            mrids.append(str(control["mrid"]))
            if number:  # whatever the first worker was about to send, the second sends
                os.killpg(worker.popen.pid, signal.SIGKILL)
                worker.popen.wait()
                worker = work(server, folder / "worker2.log")
            until(lambda mrid=mrids[-1]: received(mrid) == everyone, 90, 0.2,  # type: ignore[misc]
                  lambda: [client.process.text[-1500:] for client in clients.values()])
        yield Flow(server, clients, mrids)
    finally:
        for client in clients.values():
            client.stop()
        worker.stop()


@pytest.mark.parametrize("edition", CLIENTS)
def test_it_was_told_over_mutual_tls_and_did_not_poll(flow: Flow, edition: str) -> None:
    client = flow.clients[edition]
    assert "client_cert_mode=enforce" in client.process.text
    assert not [line for line in client.warnings() if "otification" in line]
    for mrid in flow.mrids:
        assert client.responses(mrid)[:1] == [1]


def test_nothing_is_left_to_tell(flow: Flow) -> None:
    until(lambda: not Subscription.select().where(Subscription.due_at.is_null(False)).exists(), 30)
    rows = list(Subscription.select())
    assert all(row.last_error is None and row.status == 0 for row in rows)
    told = {row.lfdi for row in rows if row.sent_at is not None and row.resource.endswith("/derc")}
    assert told == {client.lfdi for client in flow.clients.values()}
    assert {row["state"] for row in flow.server.operator("subscription", "list")} == {"active"}
