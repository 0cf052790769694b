"""ERR-001, ERR-002: redirects, and subscriptions across a restart, an end, and a refusal."""
from __future__ import annotations

import pytest

from server import models
from server.grid.controls import dercontrols
from server.notifications import delivery
from server.operations import subscriptions
from server.protocol import app
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer
from tests.standard.csip import client, topology
from tests.standard.csip.client import Subscriber
from tests.standard.csip.scenarios import FIRST
from tests.wsgi import Client

pytestmark = on_sqlite


def test_err_001_the_server_redirects_nobody(home: Peer) -> None:
    """A client follows a redirect; a server needs none, and this one has none: not for paths that differ in a
    slash or in case either. A proxy in front may redirect."""
    for href in ("/dcap", "/dcap/", "/DCAP", "/edev/1/", "/"):
        reply = home.get(href)
        assert reply.status == (200 if href == "/dcap" else 404) and "Location" not in reply.headers, href


def restart(subscriber: Subscriber) -> None:
    """Start the server anew: another connection to the database, another application."""
    models.db.close()
    models.connect()
    subscriber.client = Peer(Client(app.create()), subscriber.client.lfdi)


def change(number: int) -> None:
    dercontrols.post("SP", FIRST, 60, NOON + 600 * (number + 1))


def test_err_002_subscriptions_survive_a_restart(subscriber: Subscriber) -> None:
    """And the notification after it keeps to the limit; the server may end one, with status 1 and its URI."""
    href = f"{topology.program('SP')}/derc"
    subscriptions_made = subscriber.subscribe(href, limit=1)
    change(0)
    restart(subscriber)
    change(1)
    assert subscriber.told() == [(href, 0)]
    listed = subscriber.notice(href)["Resource"]
    assert (listed["all"], listed["results"]) == (2, 1) and subscriber.shows(href)
    subscriptions.end(subscriptions_made[0])
    assert subscriber.told() == [(href, 1)]
    assert subscriber.notice(href)["subscriptionURI"].endswith(subscriptions_made[0])


@pytest.mark.parametrize("answered, kept", [(201, True), (204, True), (400, False)])
def test_err_002_what_the_client_answers(subscriber: Subscriber, answered: int, kept: bool) -> None:
    """400: the subscription is deleted, and nothing is told of that."""
    href = f"{topology.program('SP')}/derc"
    subscriber.receiver.answer = lambda path: answered
    subscriber.subscribe(href)
    change(0)
    assert subscriber.told() == [(href, 0)]
    assert bool(client.items(subscriber.client, "/edev/1/sub")) == kept
    change(1)
    assert subscriber.told() == ([(href, 0)] if kept else [])
    assert delivery.result_of(answered).value == ("delivered" if kept else "refused")
