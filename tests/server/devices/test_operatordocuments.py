"""Documents that an operator keeps by href: validated as a device's are, and seen by whom they are for."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from server import actors
from server.devices import enrolment, operatordocuments
from server.errors import Refused
from server.grid.groups import assignments, virtualders
from server.models import AuditEntry
from server.resources import codec, store, table
from tests.conftest import NOON
from tests.peers import Peer

SAMPLES = Path(__file__).parents[2] / "samples"
NS = 'xmlns="urn:ieee:std:2030.5:ns"'
PROGRAM = f"<MessagingProgram {NS}><mRID>0A</mRID><locale>en</locale><primacy>1</primacy></MessagingProgram>"
MESSAGE: dict[str, Any] = {
    "mRID": "0B", "creationTime": NOON, "priority": 1, "textMessage": "hello",
    "EventStatus": {"currentStatus": 0, "dateTime": NOON, "potentiallySuperseded": False},
    "interval": {"start": NOON, "duration": 3600}}


def submitted(text: str) -> operatordocuments.SubmittedDocument:
    return operatordocuments.parse("a file", text.encode())


def message(**changes: Any) -> operatordocuments.SubmittedDocument:
    return submitted(json.dumps({"TextMessage": {**MESSAGE, **changes}}))


@pytest.fixture
def program(server: None) -> str:
    return operatordocuments.post("/msg", submitted(PROGRAM))["href"]


def test_what_is_posted_as_xml_or_json_is_served_to_devices(program: str, device: Peer) -> None:
    with actors.acting("alice"):
        posted = operatordocuments.post(f"{program}/txt", message())
    assert posted == {"href": "/msg/1/txt/1", "kind": "TextMessage", "created": True, "warnings": []}
    _, served = codec.decode(device.get(posted["href"]).body)
    assert served["textMessage"] == "hello" and served["EventStatus"]["currentStatus"] == 1
    assert operatordocuments.read(posted["href"])["xml"].encode() == device.get(posted["href"]).body
    assert [row["href"] for row in operatordocuments.items(f"{program}/txt")] == [posted["href"]]
    entry = AuditEntry.select().order_by(AuditEntry.id.desc()).get()
    assert (entry.who, entry.operation, entry.subject) == ("alice", "resource post", "/msg/1/txt/1")


def test_what_was_read_can_be_written_again(program: str) -> None:
    before = operatordocuments.read(program)
    written = operatordocuments.put(program, submitted(before["xml"].replace("<locale>en<", "<locale>fr<")))
    assert not written["created"] and "<locale>fr<" in operatordocuments.read(program)["xml"]


def test_what_is_removed_goes_with_all_below_it(program: str) -> None:
    operatordocuments.post(f"{program}/txt", message())
    assert operatordocuments.delete(program) == {"href": program, "kind": "MessagingProgram", "below": 1}
    assert store.get(f"{program}/txt/1") is None


def test_who_it_is_for_sees_it_and_nobody_else(program: str, device: Peer, peer: Any) -> None:
    other = peer(2)
    enrolment.enrol(other.lfdi, name="other")
    virtualders.create("some", members=[device.lfdi])
    for audience in (device.lfdi, assignments.audience(virtualders.find("some"))):
        href = operatordocuments.post("/msg", submitted(PROGRAM.replace("0A", "0C")), audience)["href"]
        assert device.get(href).status == 200 and other.get(href).status == 404
        operatordocuments.delete(href)


def test_data_of_customers_is_for_nobody_until_it_is_said_whose_it_is(server: None, device: Peer) -> None:
    account = (SAMPLES / "CustomerAccount.xml").read_text()
    warned = operatordocuments.post("/bill", submitted(account))
    assert "no device sees it" in warned["warnings"][0] and device.get(warned["href"]).status == 404
    assert not operatordocuments.put(warned["href"], submitted(account), device.lfdi)["warnings"]
    assert device.get(warned["href"]).status == 200


@pytest.mark.parametrize("text, reason", [
    ("hello", "line 1"), ("", "line 1|empty"), ('{"a": 1, "b": 2}', "one root element"), ("[1]", "line 1"),
    ('{"Wind": {}}', "Wind is not an element"), ('{"TextMessage": {"wind": 1}}', "no element or attribute"),
    ('{"TextMessage": {}}', "Missing child"), ('{"TextMessage": 5}', "wants a mapping"),
    ('{"TextMessage"', "Expecting"),
    ('{"TextMessage": {"mRID": ["0A"]}}', "not a value of its type"),
    ('{"a": ' + 100_000 * "[", "nested too deeply")])
def test_a_file_that_is_no_valid_document_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason) as refused:
        submitted(text)
    assert refused.value.status == 400 and "a file" in refused.value.why


@pytest.mark.parametrize("href, reason, status", [
    ("/wind", "is not a resource", 404), ("/msg/9/txt", "nothing at /msg/9", 404),
    ("/tp", "does not take TextMessage", 400), ("/msg/1/acttxt", "does not take", 400),
    ("/msg/1", "does not take", 400)])
def test_an_item_that_a_list_does_not_take_is_refused(
    program: str, href: str, reason: str, status: int
) -> None:
    with pytest.raises(Refused, match=reason) as refused:
        operatordocuments.post(href, message())
    assert refused.value.status == status


@pytest.mark.parametrize("href, reason", [
    ("/msg", "is a list"), ("/tm", "made when asked for"), ("/msg/1", "takes MessagingProgram"),
    ("/msg/9/txt/1", "nothing at /msg/9")])
def test_what_cannot_be_written_is_refused(program: str, href: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        operatordocuments.put(href, message())
    assert store.get("/msg/9/txt/1") is None


def test_what_others_keep_is_refused_and_says_by_what(server: None, device: Peer) -> None:
    virtualders.create("town")
    program = virtualders.find("town").program
    with pytest.raises(Refused, match="vder create, vder update"):
        operatordocuments.delete(program)
    with pytest.raises(Refused, match="enrol, device label, device remove"):
        operatordocuments.delete(f"/edev/{enrolment.find('1').id}")
    assert store.get(program) and set(operatordocuments.KEEPERS) <= set(table.rows)


@pytest.mark.parametrize("href, reason", [
    ("/msg", "is a list"), ("/tm", "made for each device"), ("/msg/7", "nothing at /msg/7")])
def test_what_is_not_stored_is_not_read(program: str, href: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        operatordocuments.read(href)
    with pytest.raises(Refused):
        operatordocuments.items("/msg/1/acttxt")


def test_a_notification_to_this_server_is_refused_to_the_operator_too(server: None) -> None:
    notification = submitted((SAMPLES / "Notification.xml").read_text())
    with pytest.raises(Refused, match="subscribed to nothing"):
        operatordocuments.post("/ntfy", notification)
    assert not store.items("/ntfy")


@pytest.mark.parametrize("href", ["/dcap", "/edev?l=9", "/msg", "/msg/1", "/tm", "/edev/1/fsa?l=5", "/file"])
def test_a_resource_is_shown_as_a_device_gets_it(program: str, device: Peer, href: str) -> None:
    shown = operatordocuments.read_as(href, enrolment.find("one"))
    got = device.get(href)
    assert (shown["xml"].encode(), shown["kind"]) == (got.body, got.name)


@pytest.mark.parametrize("href, status", [
    ("/msg/1", 404), ("/nowhere", 404), ("/edev/9", 404), ("/edev?l=x", 400)])
def test_what_a_device_gets_not_is_not_shown(program: str, device: Peer, href: str, status: int) -> None:
    operatordocuments.put("/msg/1", submitted(PROGRAM), "0" * 40)
    with pytest.raises(Refused) as refused:
        operatordocuments.read_as(href, enrolment.find("one"))
    assert refused.value.status == status == device.get(href).status
