"""Messages to the members of a virtual DER: their devices find them, and nobody else's."""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.devices import enrolment
from server.errors import Refused
from server.grid.controls import messages
from server.grid.groups import virtualders
from server.resources import store
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer

TEXT = "A storm is on its way: batteries will be kept full."


@pytest.fixture
def street(device: Peer) -> str:
    """A virtual DER with one device."""
    virtualders.create("street", members=["one"])
    return "street"


def found(device: Peer) -> list[dict[str, Any]]:
    """The messages to which a device comes from DeviceCapability by links alone, the active ones."""
    capability = device.get("/dcap").data
    mine, = device.get(f"{capability['EndDeviceListLink']['href']}?l=1").data["EndDevice"]
    texts: list[dict[str, Any]] = []
    for assignment in device.get(f"{mine['FunctionSetAssignmentsListLink']['href']}?l=9").data.get(
            "FunctionSetAssignments", []):
        if link := assignment.get("MessagingProgramListLink"):
            programs = device.get(f"{link['href']}?l=9").data
            assert programs["all"] == link["all"] and programs["href"] == link["href"]
            for program in programs["MessagingProgram"]:
                href = program["ActiveTextMessageListLink"]["href"]
                texts += device.get(f"{href}?l=9").data.get("TextMessage", [])
    return texts


def test_a_member_finds_the_message_by_its_links_while_it_is_to_be_shown(street: str, device: Peer) -> None:
    sent = messages.send(street, TEXT, 3600, NOON + 60, priority="high", originator="Example Networks")
    assert sent["addressed"] == 1 and not sent["warnings"] and sent["status"] == "scheduled"
    assert not found(device)
    clock.turn_to(NOON + 60)
    message, = found(device)
    assert (message["textMessage"], message["priority"], message["originator"]) == (
        TEXT, 2, "Example Networks")
    assert message["responseRequired"] == "01" and message["EventStatus"]["currentStatus"] == 1
    clock.turn_to(NOON + 60 + 3600)
    assert not found(device)


def test_who_is_no_member_finds_none(street: str, device: Peer, peer: Any) -> None:
    enrolment.enrol(peers.lfdi(2), name="two")
    virtualders.create("elsewhere", members=["two"])
    href = messages.send(street, TEXT, 3600)["href"]
    assert not found(peer(2)) and peer(2).get(href).status == 404


def test_there_is_a_program_for_each_language(street: str, device: Peer) -> None:
    for locale, text in (("en", "a"), ("de", "b"), ("en", "c")):
        messages.send(street, text, 3600, locale=locale)
    assert {program.submitted["locale"]: len(store.items(f"{program.href}/txt"))
            for program in store.items("/msg")} == {"en": 2, "de": 1}
    assert sorted(message["textMessage"] for message in found(device)) == ["a", "b", "c"]


def test_messages_are_listed_shown_and_cancelled(street: str, device: Peer) -> None:
    virtualders.create("elsewhere")
    first = messages.send(street, "later", 3600, NOON + 600)["href"]
    second = messages.send("elsewhere", "now", 3600)
    assert second["warnings"] == ["elsewhere has no members, so nobody gets it"]
    rows = list(messages.list_messages())
    assert {(row["vder"], row["text"], row["status"]) for row in rows} == {
        ("street", "later", "scheduled"), ("elsewhere", "now", "active")}
    assert [row["href"] for row in messages.list_messages(street)] == [first]
    assert "<textMessage>later</textMessage>" in messages.show(first)["xml"]
    assert messages.cancel(first, "it has passed")["status"] == "cancelled"
    assert "it has passed" in messages.show(first)["xml"]
    with pytest.raises(Refused, match="cancelled already"):
        messages.cancel(first)
    clock.turn_to(NOON + 7200)
    assert not list(messages.list_messages()) and len(list(messages.list_messages(ended=True))) == 2


def test_messages_go_with_their_virtual_der(street: str, device: Peer) -> None:
    messages.send(street, TEXT, 3600)
    virtualders.delete(street)
    assert not store.items("/msg") and not found(device)


@pytest.mark.parametrize("text, words", [("", "0 characters"), ("  ", "2 characters"), ("x" * 1001, "1001")])
def test_a_text_that_is_empty_or_too_long_is_refused(street: str, text: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        messages.send(street, text, 3600)


@pytest.mark.parametrize("arguments", [{"originator": "x" * 21}, {"locale": "x" * 50}, {"duration_s": 0}])
def test_what_the_schema_does_not_take_is_refused(street: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        messages.send(street, TEXT, **{"duration_s": 3600, **arguments})
    assert not store.items("/msg")


def test_what_is_no_message_is_refused(street: str) -> None:
    for href in ("/msg/1/txt/1", "/derp/1"):
        with pytest.raises(Refused, match="no message"):
            messages.show(href)
