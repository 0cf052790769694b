"""Programs are told of changes of state: signed, in order, again until they take it, and not for ever."""
from __future__ import annotations

import base64
import hmac
import json
import socket
from collections.abc import Iterator

import pytest

from server import alarms, clock, statechanges
from server.config import settings
from server.errors import BadArgument, Refused
from server.grid.groups import virtualders
from server.models import StateChange, vder_audience
from server.models.changes import ALARM, MOST, ORDER, note
from server.monitoring import changehooks, hookdelivery, hookposts
from server.monitoring.undelivered import Undelivered
from server.operations import webhooks
from tests.conftest import on_sqlite
from tests.server.monitoring.receivers import Webhook, serving

HOUR = 3600


@pytest.fixture
def receiver(server: None) -> Iterator[Webhook]:
    settings.webhook_networks = "127.0.0.0/8"
    receiver = Webhook()
    with serving(receiver):
        yield receiver


def told(receiver: Webhook) -> list[str]:
    """The subjects of the changes that have come since the last call."""
    posts, receiver.posts = receiver.posts, []
    return [change["subject"] for _, body in posts for change in json.loads(body)["data"]["changes"]]


def shown(name: str = "desk") -> changehooks.WebhookRow:
    return changehooks.describe(changehooks.find(name))


def test_what_changes_is_told_once_and_signed(receiver: Webhook) -> None:
    note(ALARM, "raised", 0)  # before
    secret = changehooks.add("desk", receiver.url, [], "")["secret"]
    for number in range(1, 4):
        note(ALARM, "raised", number, type="quota")
    assert hookdelivery.deliver_due() == 1 and hookdelivery.deliver_due() == 0
    (headers, body), = receiver.posts
    document = json.loads(body)
    assert document["type"] == "changes" and not document["data"]["lost"]
    assert document["data"]["changes"][0] == {
        "at": document["data"]["changes"][0]["at"], "kind": "alarm", "subject": "1", "change": "raised",
        "type": "quota"}
    assert told(receiver) == ["1", "2", "3"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, "sha256")
    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    assert "secret" not in shown() and shown()["waiting"] == 0 and shown()["told_at"] == clock.now()


def test_kinds_and_a_part_of_the_tree(receiver: Webhook) -> None:
    for name in ("north", "south"):
        virtualders.create(name)
    north, south = virtualders.find("north"), virtualders.find("south")
    changehooks.add("orders", receiver.url, [ORDER], "")
    changehooks.add("north", receiver.url, [], "north")
    note(ALARM, "raised", 1)
    note(ORDER, "created", 2, vder_audience(south.id))
    note(ORDER, "created", 3, vder_audience(north.id))
    hookdelivery.deliver_due()
    assert sorted(told(receiver)) == ["2", "3", "3"]
    note(ALARM, "raised", 4)
    hookdelivery.deliver_due()
    assert receiver.posts == [] and shown("orders")["waiting"] == 0


def test_what_is_not_taken_is_sent_again_as_it_was(receiver: Webhook) -> None:
    changehooks.add("desk", receiver.url, [], "")
    note(ALARM, "raised", 1)
    receiver.status = 500
    assert hookdelivery.deliver_due() == 0 and hookdelivery.deliver_due() == 0
    first, = receiver.posts
    assert "answers 500" in shown()["last_error"] and shown()["failing_since"] == clock.now()
    note(ALARM, "raised", 2)
    clock.turn_to(clock.now() + settings.alarm_undelivered_s)
    hookdelivery.deliver_due()
    (alarm,) = alarms.rows(kind="webhook")
    assert alarm["source"] == "webhook desk" and "takes nothing since" in alarm["detail"]
    receiver.status = 204
    clock.turn_to(clock.now() + HOUR)
    assert hookdelivery.deliver_due() == 2
    again = receiver.posts[2]
    assert again[1] == first[1] and again[0]["webhook-id"] == first[0]["webhook-id"]
    assert alarms.rows(kind="webhook") == [] and shown()["failing_since"] is None


@pytest.mark.parametrize("status, after_s", [(500, 25 * HOUR), (410, 0)])
def test_it_is_given_up_and_tried_again_once_it_takes_a_test(
    receiver: Webhook, status: int, after_s: int
) -> None:
    changehooks.add("desk", receiver.url, [], "")
    note(ALARM, "raised", 1)
    receiver.status = status
    hookdelivery.deliver_due()
    clock.turn_to(clock.now() + after_s)
    hookdelivery.deliver_due()
    assert shown()["given_up_at"] == clock.now()
    assert "told nothing more" in alarms.rows(kind="webhook")[0]["detail"]
    with pytest.raises(Refused, match=str(status)):
        changehooks.test("desk")
    receiver.status, receiver.posts = 200, []
    assert hookdelivery.deliver_due() == 0
    tried = webhooks.webhook.operations["test"].run({"name": "desk", "dry_run": True})
    assert tried == {"name": "desk", "status": None}
    assert receiver.posts == [] and shown()["given_up_at"] is not None
    assert changehooks.test("desk") == {"name": "desk", "status": 200}
    assert shown()["given_up_at"] is None and alarms.rows(kind="webhook") == []
    receiver.posts = []
    hookdelivery.deliver_due()
    assert told(receiver)[0] == "1"


@on_sqlite
def test_many_come_in_several_messages(receiver: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hookdelivery, "MOST", 2)
    changehooks.add("desk", receiver.url, [], "")
    for number in range(5):
        note(ALARM, "raised", number)
    assert hookdelivery.deliver_due() == 3
    assert told(receiver) == ["0", "1", "2", "3", "4"]


@on_sqlite
def test_what_is_not_kept_any_more_is_said_to_be_lost(receiver: Webhook) -> None:
    changehooks.add("desk", receiver.url, [], "")
    for number in range(MOST):
        note(ALARM, "raised", number)
    statechanges.arrange()
    StateChange.delete().where(StateChange.position < MOST).execute()
    hookdelivery.deliver_due()
    assert json.loads(receiver.posts[0][1])["data"]["lost"] is True
    assert told(receiver) == [str(MOST - 1)]
    note(ALARM, "raised", 99)
    hookdelivery.deliver_due()
    assert json.loads(receiver.posts[0][1])["data"]["lost"] is False


def test_of_two_workers_one_tells(receiver: Webhook) -> None:
    changehooks.add("desk", receiver.url, [], "")
    note(ALARM, "raised", 1)
    statechanges.arrange()
    assert hookdelivery._claim() is not None and hookdelivery._claim() is None


@on_sqlite
@pytest.mark.parametrize("url, why", [
    ("http://example.org/x", "https"), ("ftp://example.org", "absolute"),
    ("https://127.0.0.1/x", "127.0.0.0"), ("https://169.254.169.254/latest", "169.254"),
    ("https://[::1]/x", "::"), ("https://u:p@example.org", "user"),
    ("https://[::ffff:127.0.0.1]/x", "127.0.0.0")])
def test_where_messages_may_not_go(server: None, url: str, why: str) -> None:
    with pytest.raises(BadArgument, match=why):
        changehooks.add("desk", url, [], "")


@on_sqlite
def test_a_name_that_leads_here_is_not_followed(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("127.0.0.1", 443))])
    with pytest.raises(Undelivered, match=r"127\.0\.0\.0/8"):
        hookposts.post("https://innocent.example.org/", "c2VjcmV0", "1", {})


@on_sqlite
def test_names_are_unique_and_it_can_be_removed(receiver: Webhook) -> None:
    changehooks.add("desk", receiver.url, [], "")
    with pytest.raises(Refused, match="already"):
        changehooks.add("desk", receiver.url, [], "")
    changehooks.remove("desk")
    with pytest.raises(Refused, match="no webhook"):
        changehooks.test("desk")
