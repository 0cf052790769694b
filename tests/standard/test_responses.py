"""Responses: what devices answer to events, and which answers are refused (IEEE 2030.5-2018, 8.8 and table
27; CSIP CORE-022, CORE-023)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.devices import enrolment
from server.grid.controls import responses
from server.grid.fleet import participation
from server.grid.groups import assignments, virtualders
from server.models import ResponseRecord
from server.resources import codec, schema, store
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer
from tests.standard.every_resource import sample

LIST = "/rsps/1/rsp"


@pytest.fixture
def subject(device: Peer) -> str:
    """The mRID of a control that the device is given."""
    program = virtualders.create("all", members=["one"])["program"]
    href = store.add("DERControl", f"{program}/derc", {
        "interval": {"start": NOON, "duration": 600}, "DERControlBase": {"opModConnect": True}})
    return device.get(href).data["mRID"]


def answer(device: Peer, subject: str, **more: Any) -> dict[str, Any]:
    return {"createdDateTime": NOON, "endDeviceLFDI": device.lfdi, "subject": subject, "status": 1, **more}


def test_an_answer_is_kept_and_read_back(device: Peer, subject: str) -> None:
    reply = device.post(LIST, "DERControlResponse", answer(device, subject))
    assert (reply.status, reply.location) == (201, f"{LIST}/1")
    read = device.get(reply.location)
    assert (read.name, read.data) == (
        "DERControlResponse",
        {"href": reply.location, **answer(device, subject)},
    )
    row = ResponseRecord.get()
    assert (row.subject, row.lfdi, row.status, row.created_at, row.received_at) == (
        subject,
        device.lfdi,
        1,
        NOON,
        NOON,
    )


def test_it_goes_where_the_event_says(device: Peer, subject: str) -> None:
    control = device.get("/derp/1/derc").data["DERControl"][0]
    assert control["responseRequired"] == "03"
    assert device.post(control["replyTo"], "DERControlResponse", answer(device, subject)).status == 201


def test_the_life_of_an_event_in_answers(device: Peer, subject: str) -> None:
    for number, status in enumerate((1, 2, 4, 5, 3)):
        answer_document = answer(device, subject, status=status, createdDateTime=NOON + number)
        assert device.post(LIST, "DERControlResponse", answer_document).status == 201
    listed = device.get(f"{LIST}?l=9").data
    assert [response["status"] for response in listed["Response"]] == [3, 5, 4, 2, 1]
    assert {response["xsi:type"] for response in listed["Response"]} == {"DERControlResponse"}
    assert (listed["all"], ResponseRecord.select().count()) == (5, 5)


@pytest.mark.parametrize("kind, status", [
    ("Response", 201), ("DERControlResponse", 201), ("TextResponse", 400), ("PriceResponse", 400),
    ("LogEvent", 400), ("ResponseSet", 400), ("DERControl", 400)])
def test_every_kind_of_answer(device: Peer, subject: str, kind: str, status: int) -> None:
    response = (
        {**sample(kind), "subject": subject, "endDeviceLFDI": device.lfdi}
        if "endDeviceLFDI" in sample(kind)
        else sample(kind)
    )
    reply = device.post(LIST, kind, response)
    assert reply.status == status
    if status == 201:
        assert (device.get(reply.location).name, device.get(reply.location).data["subject"]) == (
            kind,
            subject,
        )


IN_2018 = {*range(1, 15), 252, 253, 254} - {12}  # 12, cannot be displayed, is for messages
IN_2023 = IN_2018 | {15, 251}


def test_a_status_has_to_be_defined_by_the_sender_s_edition(device: Peer, subject: str) -> None:
    for defined, headers in ((IN_2018, {}), (IN_2018, {"Accept": "application/sep+xml; level=-S1"}),
                             (IN_2023, {"Accept": "application/sep+xml; level=-S2"}),
                             (IN_2023, {"Content_Type": "application/sep+xml; level=-S2"})):
        for status in (0, *range(1, 18), 128, 250, 251, 252, 253, 254, 255):
            response = answer(device, subject, status=status)
            expected = {201, 204} if status in defined else {400}
            assert device.post(LIST, "DERControlResponse", response, **headers).status in expected, (
                status,
                headers,
            )


def test_a_status_may_be_left_out(device: Peer, subject: str) -> None:
    response = {
        key: value
        for key, value in answer(device, subject).items()
        if key not in ("status", "createdDateTime")
    }
    assert device.post(LIST, "Response", response).status == 201


def test_an_unknown_event_is_refused(device: Peer, subject: str) -> None:
    for mrid in ("0" * 32, "F" * 32, subject[:-1] + ("0" if subject[-1] != "0" else "1")):
        assert device.post(LIST, "DERControlResponse", answer(device, mrid)).status == 400
    assert ResponseRecord.select().count() == 0


def test_what_is_no_event_is_not_answered(device: Peer, subject: str) -> None:
    for href in ("/derp/1", "/rsps/1"):
        assert device.post(LIST, "Response", answer(device, device.get(href).data["mRID"])).status == 400


def test_an_mrid_is_the_same_however_it_is_spelled(device: Peer, subject: str) -> None:
    response = answer(device, subject.lower(), endDeviceLFDI=device.lfdi.lower())
    assert device.post(LIST, "DERControlResponse", response).status == 201
    assert ResponseRecord.get().subject == subject


def test_an_unknown_lfdi_and_another_s_are_refused(device: Peer, subject: str) -> None:
    enrolment.enrol(peers.lfdi(2))
    for lfdi in (peers.lfdi(2), peers.lfdi(3)):
        assert (
            device.post(LIST, "DERControlResponse", answer(device, subject, endDeviceLFDI=lfdi)).status == 403
        )
    assert ResponseRecord.select().count() == 0


def test_an_event_for_others_is_as_unknown_as_any(
    device: Peer, subject: str, peer: Callable[[int], Peer]
) -> None:
    enrolment.enrol(peers.lfdi(2))
    theirs, nobody_s = (
        peer(2).post(LIST, "DERControlResponse", answer(peer(2), mrid)) for mrid in (subject, "0" * 32)
    )
    assert theirs.status == nobody_s.status == 400
    assert theirs.body.replace(subject.encode(), b"0" * 32) == nobody_s.body


def test_a_device_that_left_the_group_says_what_became_of_its_event(device: Peer, subject: str) -> None:
    device.post(LIST, "DERControlResponse", answer(device, subject))
    virtualders.update("all", remove=["one"])
    assert device.get("/derp/1").status == 404
    assert device.post(LIST, "DERControlResponse", answer(device, subject, status=14)).status == 201


def test_the_same_answer_twice_is_kept_once(device: Peer, subject: str) -> None:
    first = device.post(LIST, "DERControlResponse", answer(device, subject))
    again = device.post(LIST, "DERControlResponse", answer(device, subject))
    assert (again.status, again.location) == (204, first.location)
    later = device.post(LIST, "DERControlResponse", answer(device, subject, createdDateTime=NOON + 1))
    assert later.location != first.location
    assert (device.get(LIST).data["all"], ResponseRecord.select().count()) == (2, 2)


def test_answers_of_two_kinds_are_two(device: Peer, subject: str) -> None:
    """8.8.3: the same content as a Response and as a DERControlResponse is not the same Response."""
    first = device.post(LIST, "DERControlResponse", answer(device, subject))
    other = device.post(LIST, "Response", answer(device, subject))
    assert other.status == 201 and other.location != first.location


@pytest.mark.parametrize("status", [3, 8, 9, 10])
def test_an_event_is_not_over_before_it_begins(device: Peer, subject: str, status: int) -> None:
    """Table 27: 3, 8, 9 and 10 are said at the effective end; a count of participation would be wrong."""
    later = store.add("DERControl", "/derp/1/derc", {
        "interval": {"start": NOON + 3600, "duration": 600}, "randomizeStart": -900,
        "DERControlBase": {"opModConnect": False}})
    mrid = device.get(later).data["mRID"]
    assert device.post(LIST, "DERControlResponse", answer(device, mrid, status=4)).status == 201
    assert device.post(LIST, "DERControlResponse", answer(device, mrid, status=status)).status == 400
    clock.advance(3600 - 900 - 300)  # less the tolerance for clocks
    assert device.post(LIST, "DERControlResponse", answer(device, mrid, status=status)).status == 201


def test_an_answer_dated_ahead_does_not_stay_the_latest(device: Peer, subject: str) -> None:
    """8.8: createdDateTime says when it happened; a device's clock may be days ahead."""
    device.post(LIST, "DERControlResponse", answer(device, subject, createdDateTime=NOON + 10 ** 6, status=2))
    clock.advance(600)
    device.post(LIST, "DERControlResponse", answer(device, subject, createdDateTime=NOON + 600, status=3))
    assert responses.latest_responses([(device.lfdi, subject)]) == {(device.lfdi, subject): "completed"}


def test_answers_that_come_late_are_kept(device: Peer, subject: str) -> None:
    clock.advance(86400)
    assert device.get("/derp/1/derc").data["all"] == 0
    for status in (3, 254):
        assert device.post(LIST, "DERControlResponse", answer(device, subject, status=status)).status == 201


def test_an_answer_is_taken_back(device: Peer, subject: str) -> None:
    href = device.post(LIST, "DERControlResponse", answer(device, subject)).location
    assert device.delete(href).status == 204
    assert (device.get(href).status, device.get(LIST).data["all"], ResponseRecord.select().count()) == (
        404,
        0,
        0,
    )


def test_a_set_that_is_not_there_takes_nothing(device: Peer, subject: str) -> None:
    assert device.get("/rsps/9/rsp").status == 404
    assert device.post("/rsps/9/rsp", "DERControlResponse", answer(device, subject)).status == 404


def sets(device: Peer) -> dict[str, tuple[str, int]]:
    """The ResponseSets that a device sees: description, and the number of its Responses, by href."""
    return {item["href"]: (item["description"], item["ResponseListLink"]["all"])
            for item in device.get("/rsps?l=9").data.get("ResponseSet", [])}


def test_each_program_has_a_set_of_its_own_and_its_events_lead_there(device: Peer, subject: str) -> None:
    """8.8: a ResponseSet for each program; the number in its link is of the caller's own Responses."""
    assert sets(device) == {"/rsps/1": ("Responses to events", 0), "/rsps/8": ("all", 0)}
    reply_to = device.get("/derp/1/derc").data["DERControl"][0]["replyTo"]
    assert reply_to == "/rsps/8/rsp" and device.get(reply_to).data["all"] == 0
    posted = device.post(reply_to, "DERControlResponse", answer(device, subject))
    assert posted.location == "/rsps/8/rsp/1" and device.get(posted.location).data["subject"] == subject
    assert sets(device)["/rsps/8"] == ("all", 1)
    assert device.get("/rsps/8").data == device.get("/rsps?l=9").data["ResponseSet"][
        list(sets(device)).index("/rsps/8")]


def test_sets_are_ordered_by_mrid_counted_and_paged(device: Peer) -> None:
    """Table 26, and the counts of links to the list."""
    for number in range(4):
        virtualders.create(f"v{number}", members=["one"])
    listed = device.get("/rsps?l=9").data
    mrids = [item["mRID"] for item in listed["ResponseSet"]]
    assert mrids == sorted(mrids, reverse=True) and len({*mrids}) == len(mrids) == listed["all"] == 5
    assert [device.get(f"/rsps?s={n}&l=1").data["ResponseSet"][0]["mRID"] for n in range(5)] == mrids
    assert device.get("/dcap").data["ResponseSetListLink"]["all"] == 5
    assert not {*mrids} & {item["mRID"] for item in device.get("/derp?l=9").data["DERProgram"]}
    assert "ResponseSetListLink" not in device.get("/edev/1/fsa").data["FunctionSetAssignments"][0]


def test_a_set_is_there_for_who_sees_its_program(
    device: Peer, subject: str, peer: Callable[[int], Peer]
) -> None:
    enrolment.enrol(peers.lfdi(2), name="two")
    assert peer(2).get("/rsps/8").status == peer(2).get("/rsps/8/rsp").status == 404
    assert list(sets(peer(2))) == ["/rsps/1"] and peer(9).get("/rsps/8").status == 404
    assert device.delete("/rsps/8").status == 403 and device.get("/rsps/8").status == 200


def test_who_has_left_goes_on_answering_in_the_set_it_was_told(device: Peer, subject: str) -> None:
    device.post("/rsps/8/rsp", "DERControlResponse", answer(device, subject))
    virtualders.update("all", remove=["one"])
    later = answer(device, subject, status=2)
    assert device.post("/rsps/8/rsp", "DERControlResponse", later).status == 201
    assert device.get("/rsps/8/rsp").data["all"] == 2 and device.get("/rsps/8").status == 404


def test_an_event_that_named_the_general_set_is_answered_there(device: Peer, subject: str) -> None:
    """As events did that were published before programs had sets of their own."""
    assert device.post(LIST, "DERControlResponse", answer(device, subject)).location == f"{LIST}/1"
    assert sets(device)["/rsps/1"][1] == 1 and responses.latest_responses([(device.lfdi, subject)])


def test_each_sees_its_own_answers(device: Peer, subject: str, peer: Callable[[int], Peer]) -> None:
    enrolment.enrol(peers.lfdi(2), name="two")
    virtualders.update("all", add=["two"])
    for who in (device, peer(2)):
        who.post(LIST, "DERControlResponse", answer(who, subject))
    for who in (device, peer(2)):
        listed = who.get(f"{LIST}?l=9").data
        assert [response["endDeviceLFDI"] for response in listed["Response"]] == [who.lfdi]


def test_a_response_for_a_default_control(device: Peer, subject: str) -> None:
    store.put("/derp/1/dderc", {"mRID": "0D", "DERControlBase": {"opModConnect": True}})
    answer_document = answer(
        device, "0D", defaultsResponded="00000001", modesResponded="00000000", modesResponded2="00000000"
    )
    reply = device.post(LIST, "DefaultDERControlResponse", answer_document)
    assert (reply.status, device.get(reply.location).name) == (201, "DefaultDERControlResponse")
    assert (
        device.post(LIST, "DefaultDERControlResponse", {**answer_document,
                                                        "endDeviceLFDI": peers.lfdi(2)}).status == 403
    )
    newer = device.post(
        LIST, "DERControlResponse", answer(device, subject, createdDateTime=NOON + 1)
    ).location
    assert [response["href"] for response in device.get(f"{LIST}?l=9").data["Response"]] == [newer,
                                                                                             reply.location]


def text_message(device: Peer) -> str:
    """The mRID of a message that the device sees."""
    program = store.add("MessagingProgram", "/msg", {"locale": "en", "primacy": 1},
                        audience=assignments.audience(virtualders.find("all")))
    href = store.add("TextMessage", f"{program}/txt", {
        "interval": {"start": NOON, "duration": 600}, "priority": 1, "textMessage": "A storm is coming."})
    return device.get(href).data["mRID"]


@pytest.mark.parametrize("kind, status, expected", [
    ("TextResponse", 1, 201), ("TextResponse", 11, 201), ("TextResponse", 12, 201), ("Response", 11, 201),
    ("DERControlResponse", 1, 400), ("DrResponse", 1, 400), ("PriceResponse", 1, 400),
    ("TextResponse", 4, 400), ("TextResponse", 10, 400), ("Response", 4, 400)])
def test_a_message_is_answered_as_a_message(
    device: Peer, subject: str, kind: str, status: int, expected: int
) -> None:
    """The type of a Response is that of its event, and nobody opts out of a message."""
    response = answer(device, text_message(device), status=status)
    assert device.post(LIST, kind, response).status == expected
    assert participation.opted_out() == []


def post_by_type(device: Peer, kind: str, data: dict[str, Any]) -> peers.Reply:
    """POST a subtype of Response under the name Response, with xsi:type."""
    document = codec.encode(kind, data).decode()
    named = f'<Response xmlns:xsi="{schema.XSI}" xsi:type="{kind}"'
    body = document.replace(f"<{kind}", named, 1).replace(f"</{kind}>", "</Response>")
    return device.request("POST", LIST, body.encode())


@pytest.mark.parametrize("kind, status, expected", [
    ("TextResponse", 11, 201), ("TextResponse", 4, 400), ("DERControlResponse", 1, 400),
    ("DrResponse", 1, 400)])
def test_a_subtype_by_xsi_type_is_held_to_the_rules_of_its_name(
    device: Peer, subject: str, kind: str, status: int, expected: int
) -> None:
    """What `<Response xsi:type="TextResponse">` says is what `<TextResponse>` says."""
    reply = post_by_type(device, kind, answer(device, text_message(device), status=status))
    assert reply.status == expected and participation.opted_out() == []
    if expected == 201:
        assert device.get(reply.headers["Location"]).name == kind


def test_an_opt_out_by_xsi_type_is_one(device: Peer, subject: str) -> None:
    assert post_by_type(device, "DERControlResponse", answer(device, subject, status=4)).status == 201
    assert [row["lfdi"] for row in participation.opted_out()] == [device.lfdi]
