import math

import pytest

from server import models
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import singledevices, vdervalidation, virtualders
from server.models import Audience, Membership, VirtualDER
from server.resources import hooks, store
from tests import peers


@pytest.fixture
def enrolled(server):
    """Enrols device N with labels: `enrolled(1, feeder="F1")`."""
    def enrol(number, kind="battery", manager="", **labels):
        return enrolment.enrol(
            peers.lfdi(number), name=f"d{number}", kind=kind, labels=labels, manager=manager
        )
    return enrol


def assigned(device):
    """The names of a device's FunctionSetAssignments."""
    return sorted(
        document.submitted["description"] for document in store.items(f"{enrolment.href(device)}/fsa")
    )


def names(vder):
    return [device["name"] for device in virtualders.show(vder)["devices"]]


def test_a_program_with_its_primacy_that_members_reach_by_their_assignments(enrolled, peer):
    device = enrolled(1)
    vder = virtualders.create("north", members=["d1"], primacy=80)
    client = peer(1)
    (assignment,) = client.get(f"{enrolment.href(device)}/fsa?l=9").data["FunctionSetAssignments"]
    assert assignment["description"] == "north"
    (program,) = client.get(assignment["DERProgramListLink"]["href"] + "?l=9").data["DERProgram"]
    assert (program["href"], program["primacy"], program["description"]) == (vder["program"], 80, "north")
    assert client.get(program["DERControlListLink"]["href"]).status == 200
    assert assignment["TimeLink"]["href"] and client.get(assignment["TimeLink"]["href"]).status == 200


def test_others_do_not_see_the_program(enrolled, peer):
    enrolled(1)
    enrolled(2)
    vder = virtualders.create("north", members=["d1"])
    assert peer(1).get(vder["program"]).status == 200
    assert peer(2).get(vder["program"]).status == 404
    assert peer(2).get(f"/fsa/{vder['id']}/derp").status == 404


def test_members_by_rule_follow_labels_and_rule(enrolled):
    first, second = enrolled(1, feeder="F1"), enrolled(2, feeder="F2")
    virtualders.create("f1", "feeder = F1")
    assert names("f1") == ["d1"]
    enrolment.relabel(second, {"feeder": "F1"})
    assert names("f1") == ["d1", "d2"] and assigned(second) == ["f1"]
    enrolment.relabel(first, {"feeder": None})
    assert names("f1") == ["d2"] and assigned(first) == []
    virtualders.update("f1", rule="kind = battery and not feeder = F1")
    assert names("f1") == ["d1"] and assigned(second) == []
    three = enrolled(3)
    assert names("f1") == ["d1", "d3"] and assigned(three) == ["f1"]


def test_a_group_contains_the_members_of_its_groups(enrolled):
    device = enrolled(1, feeder="F1")
    virtualders.create("system")
    virtualders.create("substation", parent="system")
    virtualders.create("feeder", "feeder = F1", parent="substation")
    assert assigned(device) == ["feeder"]
    assert [virtualders.show(name)["primacy"] for name in ("system", "substation", "feeder")] == [100, 99, 98]
    virtualders.update("feeder", parent="")
    assert assigned(device) == ["feeder"]
    assert names("system") == []


@pytest.mark.parametrize("levels", [7, 15])
def test_as_many_levels_as_a_topology_has(enrolled, peer, levels):
    device, above = enrolled(1), None
    for level in range(levels):
        above = virtualders.create(f"level {level}", "*" if level == levels - 1 else "", parent=above)["name"]
    assignments = peer(1).get(f"{enrolment.href(device)}/fsa?l=99").data
    assert assignments["all"] == 1
    link = assignments["FunctionSetAssignments"][0]["DERProgramListLink"]["href"]
    programs = peer(1).get(f"{link}?l=99").data["DERProgram"]
    assert sorted(program["primacy"] for program in programs) == list(range(101 - levels, 101))


def test_a_member_by_name_may_be_taken_out_again(enrolled):
    first = enrolled(1)
    enrolled(2, feeder="F2")
    virtualders.create("mixed", "feeder = F2", members=["d1"])
    virtualders.update("mixed", add=["d2"], remove=["d1"])
    assert names("mixed") == ["d2"] and assigned(first) == []
    virtualders.update("mixed", remove=["d2"])
    assert names("mixed") == ["d2"], "the rule still brings it"
    with pytest.raises(Refused, match="by a rule or a child"):
        virtualders.update("mixed", remove=["d2"])


def test_no_assignment_is_made_anew_without_need(enrolled):
    device = enrolled(1, feeder="F1")
    virtualders.create("f1", "feeder = F1", members=["d1"])
    before = [
        (document.href, document.submitted) for document in store.items(f"{enrolment.href(device)}/fsa")
    ]
    virtualders.update("f1", rule="kind = battery", primacy=70)
    enrolment.relabel(device, {"phase": "A"})
    assert [
        (document.href, document.submitted) for document in store.items(f"{enrolment.href(device)}/fsa")
    ] == before


def test_a_removed_device_leaves_nothing_behind(enrolled):
    device = enrolled(1, feeder="F1")
    virtualders.create("f1", "feeder = F1")
    singledevices.ensure([device], 90)
    store.remove(enrolment.href(device))
    assert names("f1") == [] and Membership.select().count() == 0
    assert VirtualDER.select().count() == 1 and len(store.items("/derp")) == 1
    assert not Audience.select().where(Audience.audience.startswith("vder:")).exists()


def test_a_deleted_virtual_der_leaves_nothing_behind(enrolled):
    device = enrolled(1)
    virtualders.create("up", "")
    virtualders.create("f1", "*", parent="up", members=["d1"])
    with pytest.raises(Refused, match="up contains f1"):
        virtualders.delete("up")
    virtualders.delete("f1")
    assert assigned(device) == [] and Membership.select().count() == 0 and len(store.items("/derp")) == 1
    assert not Audience.select().where(Audience.audience.startswith("vder:")).exists()


def test_one_with_live_controls_is_deleted_only_by_force(enrolled):
    vder = virtualders.create("f1", "*")
    store.add("DERControl", f"{vder['program']}/derc", {
        "DERControlBase": {"opModFixedW": 100}, "interval": {"start": 2_000_000_000, "duration": 60}})
    with pytest.raises(Refused, match="1 controls"):
        virtualders.delete("f1")
    virtualders.delete("f1", force=True)
    assert store.items("/derp") == []


@pytest.mark.parametrize("change, status, why", [
    (lambda: virtualders.create("a"), 409, "already"),
    (lambda: virtualders.create("12"), 400, "not all of them digits"),
    (lambda: virtualders.create("x" * 33), 400, "1 to 32 characters"),
    (lambda: virtualders.create("x", "kind ="), 400, "character 7"),
    (lambda: virtualders.create("x", primacy=256), 400, "primacy 256"),
    (lambda: virtualders.create("x", parent="nowhere"), 404, "nowhere"),
    (lambda: virtualders.create("x", members=["nobody"]), 404, "nobody"),
    (lambda: virtualders.update("a", parent="a"), 409, "cannot be below"),
    (lambda: virtualders.update("a", parent="b"), 409, "cannot be below"),
    (lambda: virtualders.update("a", rule="("), 400, "character 2"),
    (lambda: virtualders.delete("c"), 404, "no virtual DER 'c'"),
])
def test_what_is_refused_changes_nothing(enrolled, change, status, why):
    virtualders.create("a")
    virtualders.create("b", parent="a")
    before = list(virtualders.list_vders())
    with pytest.raises(Refused, match=why) as caught:
        change()
    assert caught.value.status == status
    assert list(virtualders.list_vders()) == before


def test_a_tree_does_not_grow_without_end(server):
    above = None
    for level in range(vdervalidation.MAX_LEVELS):
        above = virtualders.create(f"level {level}", parent=above)["name"]
    with pytest.raises(Refused, match="32 levels"):
        virtualders.create("below", parent=above)
    virtualders.create("beside")
    with pytest.raises(Refused, match="32 levels"):
        virtualders.update("level 0", parent="beside")


def test_parents_come_before_children_in_the_list(server):
    virtualders.create("z")
    virtualders.create("a", parent="z")
    virtualders.create("m")
    assert [(vder["name"], vder["depth"]) for vder in virtualders.list_vders()] == [
        ("m", 0),
        ("z", 0),
        ("a", 1),
    ]


def test_a_new_device_joins_the_default(server, peer):
    settings.default_vder = "everyone"
    hooks.run_seeds()
    settings.registration = True
    client = peer(7)
    reply = client.post("/edev", "EndDevice", {"lFDI": client.lfdi, "sFDI": 0, "changedTime": 0} | {
        "sFDI": peers.identity.sfdi(client.lfdi)})
    assert reply.status == 201
    (assignment,) = client.get(reply.location + "/fsa?l=5").data["FunctionSetAssignments"]
    assert assignment["description"] == "everyone"


def test_devices_that_are_enrolled_together_are_where_each_alone_would_be(enrolled):
    virtualders.create("north", rule="feeder = F1", parent=virtualders.create("area")["name"])
    virtualders.create("everyone")
    settings.default_vder = "everyone"
    alone = [enrolled(1, feeder="F1"), enrolled(2), enrolled(3, kind="thermostat", feeder="F1")]
    together = enrolment.enrol_all([
        enrolment.Entry(peers.lfdi(4), 111115, "d4", labels={"feeder": "F1"}),
        enrolment.Entry(peers.lfdi(5), 111115, "d5"),
        enrolment.Entry(peers.lfdi(6), 111115, "d6", "thermostat", {"feeder": "F1"})])

    def state(device):
        rows = Membership.select().where(Membership.device == device).order_by(Membership.vder)
        audiences = Audience.select().where(Audience.lfdi == device.lfdi, Audience.audience != device.lfdi)
        return (assigned(device), [(row.vder_id, row.listed) for row in rows],
                sorted(row.audience for row in audiences),
                [link for item in store.items(f"{enrolment.href(device)}/fsa") for link in item.submitted
                 if link.endswith("Link")])

    assert list(map(state, together)) == list(map(state, alone))
    assert store.reindex() == 0


def test_an_aggregator_sees_the_programs_of_those_it_acts_for(enrolled, peer):
    enrolled(9, kind="aggregator")
    device = enrolled(1, manager=peers.lfdi(9), feeder="F1")
    vder = virtualders.create("f1", "feeder = F1")
    assert peer(9).get(f"/fsa/{vder['id']}/derp?l=5").data["all"] == 1
    assert names("f1") == ["d1"]
    enrolment.relabel(device, {"feeder": "F2"})
    assert peer(9).get(f"/fsa/{vder['id']}/derp?l=5").status == 404


def test_an_aggregator_loses_sight_of_a_program_with_the_last_device(enrolled, peer):
    enrolled(9, kind="aggregator")
    first, last = (enrolled(number, manager=peers.lfdi(9), feeder="F1") for number in (1, 2))
    vder = virtualders.create("f1", "feeder = F1")
    store.remove(enrolment.href(first))
    assert peer(9).get(vder["program"]).status == 200
    store.remove(enrolment.href(last))
    assert peer(9).get(vder["program"]).status == 404


def test_reindex_finds_nothing_to_do_and_repairs_what_is_lost(enrolled):
    enrolled(9, kind="aggregator")
    enrolled(1, manager=peers.lfdi(9), feeder="F1")
    virtualders.create("f1", "feeder = F1")
    assert store.reindex() == 0
    Audience.delete().where(Audience.audience.startswith("vder:")).execute()
    assert store.reindex() == 2
    Membership.delete().execute()
    assert store.reindex() > 0 and names("f1") == ["d1"]
    assert models.Membership.select().count() == 1


def test_limits_are_magnitudes_that_come_and_go(enrolled):
    vder = virtualders.create("north", import_limit_w=50_000)
    assert (vder["import_limit_w"], vder["export_limit_w"]) == (50_000, None)
    changed = virtualders.update("north", export_limit_w=0, import_limit_w=math.inf)
    assert (changed["import_limit_w"], changed["export_limit_w"]) == (None, 0)
    for limit in (-1, math.nan):
        with pytest.raises(Refused, match="magnitude"):
            virtualders.update("north", import_limit_w=limit)
