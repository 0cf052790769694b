"""Events as devices see them: the rules of test_events_rules, through the device interface and the store,
as the clock turns.

IEEE 2030.5-2018, 10.2; CSIP CORE-012, CORE-013, CORE-021, BASIC-016 to BASIC-026, MAINT-003 to MAINT-005.
"""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.grid.groups import virtualders
from server.resources import numbering, store
from tests.conftest import NOON
from tests.peers import Peer
from tests.standard import every_resource
from tests.wsgi import Client

SCHEDULED, ACTIVE, CANCELLED, RANDOMIZED, SUPERSEDED = range(5)
CONNECT, LIMIT = {"opModConnect": True}, {"opModMaxLimW": 5000}


@pytest.fixture
def program(device: Peer) -> str:
    return virtualders.create("all", members=["one"])["program"]


def post(program: str, start: int, end: int, **more: Any) -> str:
    """A control from `start` to `end`, in seconds after noon."""
    return store.add("DERControl", f"{program}/derc", {
        "interval": {"start": NOON + start, "duration": end - start}, "DERControlBase": CONNECT, **more})


def status(device: Peer, href: str) -> tuple[int, int, int | None]:
    """currentStatus, its dateTime and potentiallySupersededTime (None if it is not), in seconds after
    noon."""
    event_status = device.get(href).data["EventStatus"]
    flagged = event_status["potentiallySupersededTime"] - NOON if event_status[
        "potentiallySuperseded"] else None
    return event_status["currentStatus"], event_status["dateTime"] - NOON, flagged


def listed(device: Peer, href: str) -> list[str]:
    reply = device.get(f"{href}?l=255").data
    hrefs = [
        event["href"]
        for event in next(iter(value for key, value in reply.items() if isinstance(value, list)), [])
    ]
    assert reply["all"] == reply["results"] == len(hrefs)
    return hrefs


def counts(device: Peer, program: str) -> tuple[int, int]:
    """What the program's links say of its controls: all, active. They have to agree with the lists."""
    resource = device.get(program).data
    counted = resource["DERControlListLink"]["all"], resource["ActiveDERControlListLink"]["all"]
    assert counted == (len(listed(device, f"{program}/derc")), len(listed(device, f"{program}/actderc")))
    return counted


# seconds after noon: status, its dateTime, listed, active
LIFE = [(0, SCHEDULED, 0, 1, 0), (99, SCHEDULED, 0, 1, 0), (100, ACTIVE, 100, 1, 1), (101, ACTIVE, 100, 1, 1),
        (699, ACTIVE, 100, 1, 1), (700, ACTIVE, 100, 0, 0), (10 ** 6, ACTIVE, 100, 0, 0)]


@pytest.mark.parametrize("look", ["always", "only then"])
def test_the_status_turns_at_the_instant_whether_or_not_anyone_looks(
    device: Peer, program: str, look: str
) -> None:
    href = post(program, 100, 700)
    for second, wanted, since, in_list, active in LIFE:
        clock.turn_to(NOON + second)
        if look == "always" or second in (101, 700):
            assert counts(device, program) == (in_list, active), second
            assert status(device, href)[:2] == (wanted, since), second


def test_each_answer_alone_is_right_at_the_instant(device: Peer, program: str) -> None:
    """Whichever is asked first after time has passed, it does not show what was true before."""
    for turn, (href, look) in enumerate([
            (f"{program}/derc", lambda data: data["DERControl"][0]["EventStatus"]["currentStatus"]),
            (f"{program}/actderc", lambda data: data["all"]),
            (program, lambda data: data["ActiveDERControlListLink"]["all"]),
            ("/derp", lambda data: data["DERProgram"][0]["ActiveDERControlListLink"]["all"]),
            ("/edev/1/der/1/derp", lambda data: data["DERProgram"][0]["ActiveDERControlListLink"]["all"]),
            ("/edev/1/der/1/cdp", lambda data: data.get("ActiveDERControlListLink", {"all": 0})["all"])]):
        control = post(program, 1000 * turn + 100, 1000 * turn + 200)
        clock.turn_to(NOON + 1000 * turn + 99)
        assert look(device.get(href).data) == 0, href
        clock.advance(1)
        assert look(device.get(href).data) == 1, href
        clock.turn_to(NOON + 1000 * turn + 300)
        assert control not in listed(device, f"{program}/derc")


def test_one_that_has_begun_already_is_active_from_its_creation(device: Peer, program: str) -> None:
    clock.advance(50)
    href = post(program, 0, 100)
    assert status(device, href)[:2] == (ACTIVE, 50)
    assert counts(device, program) == (1, 1)


def test_randomization_moves_the_earliest_start_and_the_latest_end(device: Peer, program: str) -> None:
    early = post(program, 100, 200, randomizeStart=-60)
    late = post(program, 1000, 1100, randomizeStart=60, randomizeDuration=30)
    clock.advance(39)
    assert status(device, early)[0] == SCHEDULED
    clock.advance(1)
    assert status(device, early)[:2] == (ACTIVE, 40)
    clock.turn_to(NOON + 1000)
    assert status(device, late)[0] == ACTIVE
    clock.turn_to(NOON + 1189)
    assert listed(device, f"{program}/derc") == [late]
    clock.advance(1)
    assert listed(device, f"{program}/derc") == []


def test_a_newer_one_supersedes_at_its_earliest_start(device: Peer, program: str) -> None:
    old = post(program, 100, 700)
    clock.advance(10)
    new = post(program, 300, 500, randomizeStart=-20)
    assert status(device, old) == (SCHEDULED, 0, None)
    assert status(device, new) == (SCHEDULED, 10, None)
    clock.turn_to(NOON + 279)
    assert status(device, old) == (ACTIVE, 100, None)
    assert counts(device, program) == (2, 1)
    clock.advance(1)
    assert status(device, old)[:2] == (SUPERSEDED, 280)
    assert status(device, new)[:2] == (ACTIVE, 280)
    assert counts(device, program) == (2, 1)
    assert listed(device, f"{program}/actderc") == [new]
    clock.turn_to(NOON + 699)
    assert status(device, old)[:2] == (SUPERSEDED, 280)
    assert listed(device, f"{program}/derc") == [old], (
        "superseded, it stays listed until the end of its period"
    )
    clock.advance(1)
    assert listed(device, f"{program}/derc") == []


def test_superseded_is_final(device: Peer, program: str) -> None:
    old = post(program, 0, 700)
    clock.advance(10)
    new = post(program, 100, 200)
    clock.turn_to(NOON + 150)
    assert status(device, old)[:2] == (SUPERSEDED, 100)
    store.cancel(new)
    assert (status(device, old)[0], status(device, new)[0]) == (SUPERSEDED, CANCELLED)
    store.remove(new)
    assert status(device, old)[:2] == (SUPERSEDED, 100)


def test_one_that_is_cancelled_in_time_supersedes_nothing(device: Peer, program: str) -> None:
    old = post(program, 0, 700)
    clock.advance(10)
    new = post(program, 100, 200)
    clock.advance(10)
    store.cancel(new)
    assert status(device, old) == (ACTIVE, 0, None)
    clock.turn_to(NOON + 150)
    assert status(device, old) == (ACTIVE, 0, None)


def test_a_partial_overlap_of_controls_is_potential(device: Peer, program: str) -> None:
    old = post(program, 0, 700, DERControlBase={**CONNECT, **LIMIT})
    clock.advance(10)
    post(program, 100, 200)
    assert status(device, old) == (ACTIVE, 0, 10)
    clock.turn_to(NOON + 150)
    assert status(device, old) == (ACTIVE, 0, 10)
    clock.turn_to(NOON + 250)
    assert status(device, old) == (ACTIVE, 0, None)


def test_different_controls_do_not_meet(device: Peer, program: str) -> None:
    old = post(program, 0, 700, DERControlBase=LIMIT)
    clock.advance(10)
    post(program, 100, 200)
    clock.turn_to(NOON + 150)
    assert status(device, old) == (ACTIVE, 0, None)
    assert counts(device, program) == (2, 2)


def test_other_programs_do_not_meet_either(device: Peer, program: str) -> None:
    """BASIC-021 to 026: which of two programs counts is the client's to say, by primacy."""
    other = virtualders.create("other", members=["one"], primacy=1)["program"]
    old = post(program, 0, 700)
    clock.advance(10)
    new = post(other, 100, 200)
    clock.turn_to(NOON + 150)
    assert status(device, old) == (ACTIVE, 0, None)
    assert status(device, new) == (ACTIVE, 100, None)


@pytest.mark.parametrize("randomized, wanted", [(False, CANCELLED), (True, RANDOMIZED)])
@pytest.mark.parametrize("at", [10, 300])
def test_cancelled_it_stays_listed_until_its_end(device: Peer, program: str, randomized: bool, wanted: int,
                                                 at: int) -> None:
    href = post(program, 100, 700, randomizeStart=60)
    clock.turn_to(NOON + at)
    store.cancel(href, randomized=randomized, reason="tested")
    assert status(device, href)[:2] == (wanted, at)
    assert device.get(href).data["EventStatus"]["reason"] == "tested"
    assert counts(device, program) == (1, 0)
    clock.turn_to(NOON + 400)
    assert status(device, href)[:2] == (wanted, at)
    assert counts(device, program) == (1, 0)
    clock.turn_to(NOON + 759)
    assert counts(device, program) == (1, 0)
    clock.advance(1)
    assert counts(device, program) == (0, 0)


def test_a_cancellation_may_be_told_ahead(device: Peer, program: str) -> None:
    href = post(program, 100, 700)
    store.cancel(href, at=NOON + 300)
    clock.turn_to(NOON + 299)
    assert status(device, href)[:2] == (ACTIVE, 100)
    clock.advance(1)
    assert status(device, href)[:2] == (CANCELLED, 300)


def test_neighbours_are_rendered_again_when_one_goes(device: Peer, program: str) -> None:
    old = post(program, 100, 700)
    clock.advance(10)
    new = post(program, 200, 300, DERControlBase={**CONNECT, "opModMaxLimW": 5000})
    before = device.get(old).etag
    assert status(device, old)[2] == 10
    store.remove(new)
    assert status(device, old)[2] is None
    assert device.get(old).etag != before
    assert counts(device, program) == (1, 0)


def test_a_chain_of_newer_ones(device: Peer, program: str) -> None:
    hrefs = []
    for turn in range(4):
        clock.turn_to(NOON + turn)
        hrefs.append(post(program, 100 + 100 * turn, 1000))
    for turn in range(4):
        clock.turn_to(NOON + 100 + 100 * turn)
        wanted = [SUPERSEDED] * turn + [ACTIVE] + [SCHEDULED] * (3 - turn)
        assert [status(device, href)[0] for href in hrefs] == wanted
        assert counts(device, program) == (4, 1)


def test_what_is_over_can_be_read_by_its_href(device: Peer, program: str) -> None:
    """A device that answers late, or looks up what a Response was about, still finds it."""
    href = post(program, 100, 200)
    clock.advance(3600)
    assert listed(device, f"{program}/derc") == []
    assert device.get(href).status == 200


# The other four types of Event, by the same rules: list, active list (a flow reservation has none), kind.
OTHERS = [("/dr/1/edc", "/dr/1/actedc", "EndDeviceControl"), ("/msg/1/txt", "/msg/1/acttxt", "TextMessage"),
          ("/tp/1/rc/1/tti", "/tp/1/rc/1/acttti", "TimeTariffInterval"),
          ("/edev/1/frp", "", "FlowReservationResponse")]


@pytest.mark.parametrize("href, view, kind", OTHERS)
def test_all_five_types_turn(server: None, application: Any, href: str, view: str, kind: str) -> None:
    every_resource.fill()
    device = Peer(Client(application), every_resource.LFDI)
    for document in store.items(href, ended=True):
        store.remove(document.href)
    body = {**every_resource.sample(kind), "mRID": numbering.new_mrid(), "creationTime": clock.now(),
            "interval": {"start": clock.now() + 60, "duration": 60}}
    for key in ("EventStatus", "randomizeStart", "randomizeDuration"):
        body.pop(key, None)
    event = store.add(kind, href, body)
    for advance, wanted, in_list, active in ((0, 0, 1, 0), (60, 1, 1, 1), (59, 1, 1, 1), (1, 1, 0, 0)):
        clock.advance(advance)
        assert len(listed(device, href)) == in_list
        assert len(listed(device, view)) == active if view else True
        assert device.get(event).data["EventStatus"]["currentStatus"] == wanted
