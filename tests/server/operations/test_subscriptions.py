"""`subscription list` and `end`: what an operator sees of subscriptions, and how one is ended."""
from __future__ import annotations

import pytest

from server.cli import check
from server.config import settings
from server.errors import BadArgument, Refused
from server.models import Subscription
from server.notifications import queue
from server.operations import subscriptions
from server.resources import store
from tests.conftest import NOON
from tests.peers import Peer

HREF = "/edev/1/sub/1"


@pytest.fixture
def subscriber(device: Peer) -> Peer:
    assert device.post("/edev/1/sub", "Subscription", {
        "subscribedResource": "/derp", "encoding": 0, "level": "+S1", "limit": 1,
        "notificationURI": "https://10.0.0.1/n"}).status == 201
    return device


def state() -> str:
    row, = subscriptions.list_subscriptions()
    return row["state"]


def test_the_state_says_what_is_due(subscriber: Peer) -> None:
    assert state() == "active"
    Subscription.update(due_at=NOON).execute()
    assert state() == "pending" and queue.backlog() == (1, 0, None)
    assert [finding.text for finding in check._notifications()] == ["1 are due"]
    Subscription.update(failing_since=NOON - 600, last_error="it answered 500").execute()
    assert state() == "failing" and queue.backlog() == (1, 1, NOON - 600)
    finding, = check._notifications()
    assert finding.state == check.WARNING and "the first for 10 minutes" in finding.text
    assert len(list(subscriptions.list_subscriptions(device="one", failing=True))) == 1
    Subscription.update(failing_since=None).execute()
    assert not list(subscriptions.list_subscriptions(failing=True))


def test_it_is_ended_once(subscriber: Peer) -> None:
    with pytest.raises(BadArgument, match="it has to be absolute"):
        subscriptions.end(HREF, moved_to="/derp")
    row = subscriptions.end(HREF)
    assert row["state"] == "ended" and store.get(HREF) is None and Subscription.get().status == 1
    with pytest.raises(Refused, match="has ended already"):
        subscriptions.end(HREF)
    with pytest.raises(Refused, match="there is no subscription /edev/1/sub/9"):
        subscriptions.end("/edev/1/sub/9")
    assert settings.notification_retry_hours == 24


def test_it_says_where_the_resource_is_now(subscriber: Peer) -> None:
    subscriptions.end(HREF, moved_to="https://other.example/derp")
    assert (Subscription.get().status, Subscription.get().moved_to) == (2, "https://other.example/derp")
