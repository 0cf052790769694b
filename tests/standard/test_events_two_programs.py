"""Overlapping controls of a system and a service point, alike and independent, posted before and after the
start of the other (CSIP BASIC-021 to 026): the server marks what happens inside a program, and leaves
programs to primacy."""
import pytest

from server import clock
from server.devices import enrolment
from server.grid.controls import dercontrols, preview
from server.grid.groups import virtualders
from tests import peers

ALIKE, OTHER = {"opModMaxLimW": 5000}, {"opModConnect": False}
SCHEDULED, ACTIVE, CANCELLED, SUPERSEDED = 0, 1, 2, 4


@pytest.fixture
def site(server, peer):
    """A device in `system`, and below it in `service point`, the stronger."""
    device = enrolment.enrol(peers.lfdi(1), name="one")
    virtualders.create("system", primacy=90)
    virtualders.create("service point", "name = one", parent="system", primacy=80)
    return peer(1), device


def status(client, control):
    event_status = client.get(control["href"]).data["EventStatus"]
    return event_status["currentStatus"], event_status["dateTime"], event_status["potentiallySuperseded"]


def followed(device):
    return {row["mode"]: (row["vder"], row["value"]) for row in preview.preview(device)["follows"]}


@pytest.mark.parametrize("base, follows", [
    (ALIKE, {"opModMaxLimW": ("service point", 5000)}),
    (OTHER, {"opModConnect": ("service point", False), "opModMaxLimW": ("system", 4000)})])
@pytest.mark.parametrize("head_start", [600, 0])
def test_programs_overlap_and_neither_is_superseded(site, base, follows, head_start):
    client, device = site
    begin = clock.now() + 600
    system = dercontrols.post("system", {"opModMaxLimW": 4000}, 600, begin)
    clock.advance(head_start)
    service = dercontrols.post("service point", base, 300, begin + 100)
    clock.turn_to(begin + 99)
    assert status(client, system) == (ACTIVE, begin, False)
    assert followed(device) == {"opModMaxLimW": ("system", 4000)}
    clock.turn_to(begin + 100)
    assert status(client, system) == (ACTIVE, begin, False)
    assert status(client, service) == (ACTIVE, begin + 100, False)
    assert followed(device) == follows
    clock.turn_to(begin + 400)
    assert followed(device) == {"opModMaxLimW": ("system", 4000)}


@pytest.mark.parametrize("late", [0, 700])
def test_in_one_program_the_newer_takes_over_for_good(site, late):
    client, device = site
    created, begin = clock.now(), clock.now() + 600
    first = dercontrols.post("system", ALIKE, 1200, begin)
    clock.advance(1 + late)
    second = dercontrols.post("system", ALIKE, 300, begin + 200)
    assert status(client, first) == ((ACTIVE, begin, False) if late else (SCHEDULED, created, False))
    clock.turn_to(begin + 200)
    assert status(client, first) == (SUPERSEDED, begin + 200, False)
    assert status(client, second) == (ACTIVE, begin + 200, False)
    clock.turn_to(begin + 500)
    assert client.get("/derp/1/actderc?l=9").data["all"] == 0
    assert status(client, first) == (SUPERSEDED, begin + 200, False), "it stays listed until its own end"
    assert client.get("/derp/1/derc?l=9").data["all"] == 1
    clock.turn_to(begin + 1200)
    assert client.get("/derp/1/derc?l=9").data["all"] == 0 and followed(device) == {}


def test_independent_controls_of_one_program_run_side_by_side(site):
    client, device = site
    first, second = dercontrols.post("system", ALIKE, 600), dercontrols.post("system", OTHER, 600)
    assert status(client, first) == status(client, second) == (ACTIVE, clock.now(), False)
    assert followed(device) == {"opModConnect": ("system", False), "opModMaxLimW": ("system", 5000)}


def test_the_newer_cancelled_in_time_leaves_the_older_in_force(site):
    client, device = site
    begin = clock.now()
    first = dercontrols.post("system", ALIKE, 600)
    clock.advance(10)
    second = dercontrols.post("system", {"opModMaxLimW": 1}, 300, begin + 60)
    dercontrols.cancel(second["href"], at=begin + 30)
    clock.turn_to(begin + 29)
    assert status(client, second) == (SCHEDULED, begin + 10, False)
    clock.turn_to(begin + 100)
    assert status(client, second) == (CANCELLED, begin + 30, False)
    assert status(client, first) == (ACTIVE, begin, False)
    assert followed(device) == {"opModMaxLimW": ("system", 5000)}


def test_primacies_swapped_while_running(site):
    client, device = site
    dercontrols.post("system", {"opModMaxLimW": 4000}, 600)
    dercontrols.post("service point", ALIKE, 600)
    assert followed(device) == {"opModMaxLimW": ("service point", 5000)}
    virtualders.update("system", primacy=70)
    assert followed(device) == {"opModMaxLimW": ("system", 4000)}
    programs = client.get("/derp?l=9").data["DERProgram"]
    assert [(program["description"], program["primacy"]) for program in programs] == [
        ("system", 70), ("service point", 80)]
