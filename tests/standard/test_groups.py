"""Groups: FunctionSetAssignments of a topology and of what is outside it, their order, and their limits.

IEEE 2030.5-2018, 8.6 and the schema's PrimacyType; CSIP 2.1, groups (P24 to P27, G10).
"""
from __future__ import annotations

import pytest

from server import clock
from server.config import settings
from server.devices import enrolment
from server.grid.controls import defaultcontrols, dercontrols
from server.grid.groups import assignments, programs, singledevices, virtualders
from server.models import Device
from server.resources import store
from tests.conftest import NOON
from tests.peers import Peer

LEVELS = ["system", "substation", "feeder"]


def topology(*, member: bool = True) -> None:
    """Three levels, the device at the bottom."""
    for above, name in zip([None, *LEVELS], LEVELS, strict=False):
        virtualders.create(name, parent=above, members=["one"] if member and name == LEVELS[-1] else ())


def assigned(device: Peer) -> list[tuple[str, list[str]]]:
    """The FunctionSetAssignments in the order of their list, each with the programs that it leads to."""
    found = []
    for assignment in device.get("/edev/1/fsa?l=255").data.get("FunctionSetAssignments", []):
        link = assignment["DERProgramListLink"]
        listed = device.get(f"{link['href']}?l=255").data
        assert (listed["all"], listed["href"]) == (link["all"], link["href"])
        names = [program["description"] for program in listed["DERProgram"]]
        found.append((assignment["description"], names))
    return found


def test_one_assignment_leads_to_all_programs_of_a_topology(device: Peer) -> None:
    """P26: one for the topology, by primacy, and one more for each group outside it."""
    topology()
    virtualders.create("water heaters", primacy=120, members=["one"])
    virtualders.create("pilot", primacy=70, members=["one"])
    assert assigned(device) == [("pilot", ["pilot"]), ("feeder", ["feeder", "substation", "system"]),
                                ("water heaters", ["water heaters"])]


def test_the_strongest_comes_first_and_keeps_its_place(device: Peer) -> None:
    """8.6.2, table 23: by mRID descending; so mRIDs begin with the strength at creation, and stay."""
    for name, primacy in (("a", 90), ("b", 70), ("c", 130), ("d", 0), ("e", 255)):
        virtualders.create(name, primacy=primacy, members=["one"])
    names = [name for name, _ in assigned(device)]
    assert names == ["d", "b", "a", "c", "e"]
    mrids = {document.submitted["mRID"] for document in store.items("/edev/1/fsa")}
    virtualders.update("e", primacy=1)
    assert [name for name, _ in assigned(device)] == names
    assert {document.submitted["mRID"] for document in store.items("/edev/1/fsa")} == mrids


def test_one_for_each_level_is_a_setting(device: Peer) -> None:
    """CORE-010 and BASIC-002 of the test procedures differ in what they set up."""
    topology()
    settings.assignments = "level"
    assert assignments.reassign() == 1
    assert assigned(device) == [(name, [name]) for name in reversed(LEVELS)]
    settings.assignments = "tree"
    assert assignments.reassign() == 1 and assignments.reassign() == 0
    assert assigned(device) == [("feeder", ["feeder", "substation", "system"])]
    assert store.reindex() == 0


def test_a_move_within_the_tree_changes_the_path(device: Peer) -> None:
    topology()
    virtualders.create("other substation", parent="system")
    virtualders.update("feeder", parent="other substation")
    assert assigned(device) == [("feeder", ["feeder", "other substation", "system"])]
    virtualders.update("other substation", parent="")
    assert assigned(device) == [("feeder", ["feeder", "other substation"])]


def test_a_device_that_is_listed_above_too_is_assigned_once(device: Peer) -> None:
    topology()
    virtualders.update("substation", add=["one"])
    assert assigned(device) == [("feeder", ["feeder", "substation", "system"])]
    virtualders.update("feeder", remove=["one"])
    assert assigned(device) == [("substation", ["substation", "system"])]
    virtualders.update("feeder", parent="")
    virtualders.update("feeder", add=["one"])
    assert sorted(assigned(device)) == [("feeder", ["feeder"]), ("substation", ["substation", "system"])]
    virtualders.update("feeder", parent="substation")
    assert assigned(device) == [("feeder", ["feeder", "substation", "system"])]


def test_a_load_program_above_is_assigned_with_the_path(device: Peer) -> None:
    topology()
    enrolment.relabel(Device.get(), {}, kind="thermostat")
    (link,) = {assignment["DemandResponseProgramListLink"]["all"] for assignment in
               device.get("/edev/1/fsa?l=9").data["FunctionSetAssignments"]}
    listed = device.get(f"/fsa/{virtualders.find('feeder').id}/dr?l=9").data
    assert link == listed["all"] == 3


@pytest.mark.parametrize("groups, warned", [(15, False), (16, True)])
def test_more_assignments_than_a_client_follows(device: Peer, groups: int, warned: bool) -> None:
    """P24, P27: a client follows up to 15 FunctionSetAssignments and 15 programs."""
    for number in range(groups):
        details = virtualders.create(f"group {number}", members=["one"])
    warnings: list[str] = details.get("warnings", [])
    assert any("more than 15 FunctionSetAssignments" in warning for warning in warnings) == warned
    assert any("more than 15 programs" in warning for warning in warnings) == warned


@pytest.mark.parametrize("primacy, warned", [(0, False), (2, False), (3, True), (64, True), (65, False),
                                             (191, False), (192, True), (255, True)])
def test_a_reserved_primacy_is_warned_of_and_taken(server: None, primacy: int, warned: bool) -> None:
    """PrimacyType: 3 to 64 and 192 to 255 are reserved; figures of the conformance tests are among them."""
    details = virtualders.create("street", primacy=primacy)
    assert (details["primacy"], bool(details.get("warnings"))) == (primacy, warned)


@pytest.mark.parametrize("primacy, next_stronger", [
    (100, 99), (66, 65), (65, 2), (2, 1), (10, 9), (192, 191), (1, 0)])
def test_the_next_stronger_primacy_is_none_that_is_reserved(primacy: int, next_stronger: int) -> None:
    assert programs.stronger(primacy) == next_stronger


def test_more_controls_than_a_client_stores_are_warned_of(device: Peer) -> None:
    """G10: a client stores 24 scheduled controls, of all its programs together."""
    topology()

    def post(vder: str, number: int) -> list[str]:
        warnings = dercontrols.post(vder, {"opModConnect": True}, 60, NOON + 600 + 60 * number)["warnings"]
        return [warning for warning in warnings if "scheduled" in warning]
    for number in range(24):
        assert post(LEVELS[number % 3], number) == []
    assert post("system", 24) == ["1 of 1 members have more than 24 scheduled controls (up to 25), and a "
                                  "client may forget the rest: post later ones later"]
    clock.turn_to(NOON + 661)
    assert post("system", 30) == [], "what has begun is no longer ahead"


def test_a_default_says_nothing_until_it_is_set(device: Peer) -> None:
    """10.10; CSIP 2.1, G11: there is one to subscribe to from the start, except with devices of their own,
    whose
    program is the strongest and would hide the others."""
    street = virtualders.create("street", members=["one"])
    assert device.get(f"{street['program']}/dderc").data["DERControlBase"] == {}
    assert virtualders.show("street")["default"] is None
    home = virtualders.create("home", parent="street", members=["one"])["program"]
    assert device.get(f"{home}/dderc").status == 404, "it would hide the street's"
    defaultcontrols.set_default("home", {"opModMaxLimW": 5000})
    defaultcontrols.clear_default("home")
    assert device.get(f"{home}/dderc").status == 404
    alone = singledevices.ensure([Device.get()], 90)[1]
    assert device.get(f"{alone.program}/dderc").status == 404
    assert "DefaultDERControlLink" not in device.get(alone.program).data
    store.remove(f"{street['program']}/dderc")
    assert store.reindex() > 0 and device.get(f"{street['program']}/dderc").status == 200


def test_members_of_a_removed_group_are_assigned_what_is_above(device: Peer) -> None:
    topology()
    virtualders.update("system", add=["one"])
    virtualders.delete("feeder")
    assert assigned(device) == [("system", ["system"])]
