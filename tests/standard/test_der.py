"""DER: what a device says of itself, and the programs, defaults, curves and assignments it is given.

IEEE 2030.5-2018, 10.10 and 8.6; CSIP CORE-010 to CORE-014, BASIC-002 to BASIC-020.
"""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.devices import enrolment
from server.grid.groups import virtualders
from server.models import EVERYONE, Device
from server.resources import store
from tests.conftest import NOON
from tests.peers import Peer
from tests.standard.every_resource import sample

DER = "/edev/1/der/1"
LEVELS = ("system", "sub-transmission", "substation", "feeder", "segment", "transformer", "service point")


def control(start: int, **more: Any) -> dict[str, Any]:
    return {"interval": {"start": start, "duration": 600}, "DERControlBase": {"opModConnect": True}, **more}


def only_said(reply: Any) -> dict[str, Any]:
    added = ("href", "pollRate", "subscribable")
    return {key: value for key, value in reply.data.items() if key not in added}


# --- what a device says ---------------------------------------------------------------------------

@pytest.mark.parametrize(
    "name, step",
    [
        ("DERCapability", "dercap"),
        ("DERSettings", "derg"),
        ("DERStatus", "ders"),
        ("DERAvailability", "dera"),
    ],
)
def test_what_a_device_says_is_read_back(device: Peer, name: str, step: str) -> None:
    href = f"{DER}/{step}"
    blank = device.get(href)
    assert (blank.status, blank.name) == (200, name)
    for _ in range(2):
        assert device.put(href, name, sample(name)).status == 204
        assert only_said(device.get(href)) == sample(name)
    assert device.get(href).etag != blank.etag
    assert device.get(DER).data[f"{name}Link"] == {"href": href}


def test_codes_that_the_standard_reserves_are_kept_as_a_device_says_them(device: Peer) -> None:
    """CSIP-AUS says by operationalModeStatus 100 and above which instruction of AS/NZS 4755 is followed; and
    nothing more than readingTime has to be there."""
    for data in ({"readingTime": NOON},
                 {"readingTime": NOON, "operationalModeStatus": {"dateTime": NOON, "value": 103},
                  "inverterStatus": {"dateTime": NOON, "value": 75}}):
        assert device.put(f"{DER}/ders", "DERStatus", data).status == 204
        assert data.items() <= device.get(f"{DER}/ders").data.items()


def test_a_put_replaces_all_that_was_said(device: Peer) -> None:
    device.put(f"{DER}/ders", "DERStatus", sample("DERStatus"))
    device.put(f"{DER}/ders", "DERStatus", {"readingTime": 7})
    assert only_said(device.get(f"{DER}/ders")) == {"readingTime": 7}


@pytest.mark.parametrize(
    "name, href",
    [
        ("DeviceInformation", "/edev/1/di"),
        ("DeviceStatus", "/edev/1/dstat"),
        ("PowerStatus", "/edev/1/ps"),
        ("Configuration", "/edev/1/cfg"),
        ("FileStatus", "/edev/1/fs"),
    ],
)
def test_what_a_device_says_of_itself(device: Peer, name: str, href: str) -> None:
    store.add("File", "/file", sample("File"), EVERYONE)  # of which its FileStatus tells
    assert device.put(href, name, sample(name)).status in (201, 204)
    resource = device.get(href).data
    assert sample(name).items() <= resource.items()
    assert device.get("/edev/1").data[f"{name}Link"] == {"href": href}


def test_a_second_der_comes_with_its_tree_and_goes_with_it(device: Peer) -> None:
    href = device.post("/edev/1/der", "DER", {}).location
    links = {key: link["href"] for key, link in device.get(href).data.items() if key.endswith("Link")}
    assert {"DERCapabilityLink", "DERSettingsLink", "DERStatusLink", "DERAvailabilityLink"} <= links.keys()
    assert {device.get(link).status for link in links.values()} == {200}
    assert device.get("/edev/1").data["DERListLink"]["all"] == 2
    assert device.delete(href).status == 204
    assert {device.get(link).status for link in (href, *links.values())} == {404}
    assert device.get("/edev/1").data["DERListLink"]["all"] == 1


# --- programs -------------------------------------------------------------------------------------

@pytest.fixture
def program(device: Peer) -> str:
    """The program of a virtual DER that the device is in."""
    return virtualders.create("feeder", members=["one"], primacy=5)["program"]


def test_a_program_has_its_lists_before_anything_is_in_them(device: Peer, program: str) -> None:
    resource = device.get(program).data
    assert (resource["description"], resource["primacy"], len(resource["mRID"])) == ("feeder", 5, 32)
    for key in ("DERControlListLink", "ActiveDERControlListLink", "DERCurveListLink"):
        assert resource[key]["all"] == 0
        assert device.get(resource[key]["href"]).data["all"] == 0
    default = device.get(resource["DefaultDERControlLink"]["href"])
    assert (default.status, default.data["DERControlBase"], len(default.data["mRID"])) == (200, {}, 32)


def test_a_default_control_is_linked_when_there_is_one(device: Peer, program: str) -> None:
    base = {
        "opModMaxLimW": 5000,
        "opModFixedPFInjectW": {"displacement": 95, "excitation": False, "multiplier": -2},
    }
    document = {"mRID": "0D", "DERControlBase": base, "setGradW": 28, "setSoftGradW": 14}
    store.put(f"{program}/dderc", document)
    link = device.get(program).data["DefaultDERControlLink"]
    default = device.get(link["href"]).data
    assert default["DERControlBase"] == base
    assert (default["setGradW"], default["setSoftGradW"]) == (28, 14)
    store.remove(f"{program}/dderc")
    assert "DefaultDERControlLink" not in device.get(program).data
    assert device.get(link["href"]).status == 404


def test_controls_are_counted_and_carry_what_they_say(device: Peer, program: str) -> None:
    modes = {
        "opModConnect": False,
        "opModEnergize": True,
        "opModFixedW": -2500,
        "opModMaxLimW": 7500,
        "rampTms": 100,
        "opModTargetW": {"multiplier": 0, "value": -3000},
    }
    store.add("DERControl", f"{program}/derc", control(NOON + 60, DERControlBase=modes, randomizeStart=-120,
                                                       randomizeDuration=90, deviceCategory="00000200"))
    store.add("DERControl", f"{program}/derc", control(NOON + 6000))
    resource = device.get(program).data
    assert (resource["DERControlListLink"]["all"], resource["ActiveDERControlListLink"]["all"]) == (2, 1)
    first = device.get(f"{program}/derc").data["DERControl"][0]
    assert (first["randomizeStart"], first["randomizeDuration"]) == (-120, 90)
    assert first["DERControlBase"] == modes
    assert (first["responseRequired"], device.get(first["replyTo"]).status) == ("03", 200)


def test_a_response_is_asked_for_as_the_utility_says(device: Peer, program: str) -> None:
    href = store.add("DERControl", f"{program}/derc", control(NOON, responseRequired="00"))
    assert device.get(href).data["responseRequired"] == "00"
    assert "replyTo" not in device.get(href).data
    href = store.add("DERControl", f"{program}/derc", control(NOON + 900, responseRequired="01"))
    assert device.get(href).data["replyTo"] == "/rsps/8/rsp"


CURVES = ("opModFreqWatt opModHFRTMayTrip opModHFRTMustTrip opModHVRTMayTrip opModHVRTMomentaryCessation "
          "opModHVRTMustTrip opModLFRTMayTrip opModLFRTMustTrip opModLVRTMayTrip opModLVRTMomentaryCessation "
          "opModLVRTMustTrip opModVoltVar opModVoltWatt opModWattPF opModWattVar").split()


def test_curves_and_the_controls_that_lead_to_them(device: Peer, program: str) -> None:
    """BASIC-004 to 006, 011, 012: a control or a default names a curve of its program, whatever it is for."""
    points = [{"xvalue": 92 + 2 * number, "yvalue": 30 - 10 * number} for number in range(8)]
    base = {}
    for kind, mode in enumerate(CURVES):
        href = store.add("DERCurve", f"{program}/dc", {
            "curveType": kind, "CurveData": points, "xMultiplier": 0, "yMultiplier": -2, "yRefType": 3})
        resource = device.get(href).data
        assert (resource["curveType"], resource["CurveData"], resource["creationTime"]) == (kind, points,
                                                                                            NOON)
        base[mode] = {"href": href}
    assert device.get(program).data["DERCurveListLink"]["all"] == len(CURVES)
    shown = device.get(store.add("DERControl", f"{program}/derc", control(NOON, DERControlBase=base))).data
    assert shown["DERControlBase"] == base
    assert {device.get(link["href"]).data["curveType"] for link in shown["DERControlBase"].values()} == {
        *range(15)
    }


def test_a_der_lists_its_programs_by_primacy(device: Peer) -> None:
    for name, primacy in (("b", 9), ("a", 3), ("c", 7)):
        virtualders.create(name, members=["one"], primacy=primacy)
    virtualders.create("not mine", primacy=1)
    for href in (f"{DER}/derp", "/derp"):
        listed = device.get(f"{href}?l=9").data
        assert [der_program["description"] for der_program in listed["DERProgram"]] == ["a", "c", "b"]
        assert {device.get(der_program["href"]).status for der_program in listed["DERProgram"]} == {200}
    assert device.get(DER).data["AssociatedDERProgramListLink"] == {"href": f"{DER}/derp", "all": 3}
    assert [der_program["description"]
            for der_program in device.get(f"{DER}/derp?s=1&l=1").data["DERProgram"]] == ["c"]
    assert device.get(f"{DER}/derp?s=3").data["results"] == 0


def test_primacies_are_swapped_while_running(device: Peer) -> None:
    for name, primacy in (("a", 3), ("b", 9)):
        virtualders.create(name, members=["one"], primacy=primacy)
    virtualders.update("a", primacy=9)
    virtualders.update("b", primacy=3)
    assert [der_program["description"]
            for der_program in device.get("/derp?l=9").data["DERProgram"]] == ["b", "a"]


def test_the_current_program_is_the_strongest_with_something_active(device: Peer) -> None:
    """The schema's DER, CurrentDERProgramLink: the program that has the active control, if there is a link.
    There is none; the resource is where the table has it."""
    weak, strong = (virtualders.create(name, members=["one"], primacy=primacy)["program"]
                    for name, primacy in (("weak", 9), ("strong", 3)))
    assert "CurrentDERProgramLink" not in device.get(DER).data
    current = lambda: device.get(f"{DER}/cdp").data  # noqa: E731
    store.add("DERControl", f"{weak}/derc", control(NOON + 60))
    assert device.get(f"{DER}/cdp").status == 404
    clock.advance(60)
    assert (current()["description"], current()["href"]) == ("weak", f"{DER}/cdp")
    assert {
        device.get(link["href"]).status for key, link in current().items() if key.endswith("ListLink")
    } == {200}
    store.add("DERControl", f"{strong}/derc", control(NOON + 60))
    assert current()["description"] == "strong"
    store.remove(strong)
    assert current()["description"] == "weak"
    clock.advance(7200)
    assert device.get(f"{DER}/cdp").status == 404


def test_the_usage_point_of_a_der_is_its_submeter(device: Peer) -> None:
    """The schema's DER, AssociatedUsagePointLink: the submeter that measures what the DER delivers."""
    assert "AssociatedUsagePointLink" not in device.get(DER).data
    site, submeter = ({"mRID": mrid, "deviceLFDI": device.lfdi, "roleFlags": roles, "serviceCategoryKind": 0,
                       "status": 1} for mrid, roles in (("0B", "0003"), ("0A", "0048")))
    device.post("/mup", "MirrorUsagePoint", site)
    assert "AssociatedUsagePointLink" not in device.get(DER).data, "the meter of the premises"
    assert device.get(f"{DER}/upt").status == 404
    device.post("/mup", "MirrorUsagePoint", submeter)
    link = device.get(DER).data["AssociatedUsagePointLink"]["href"]
    resource = device.get(link).data
    assert (resource["href"], resource["mRID"]) == (link, f"{10:032X}")
    assert device.get(resource["MeterReadingListLink"]["href"]).status == 200
    for roles, linked in (("0003", False), ("0009", True)):
        device.post("/mup", "MirrorUsagePoint", {**submeter, "roleFlags": roles})
        assert ("AssociatedUsagePointLink" in device.get(DER).data) == linked, roles
    store.remove("/upt/2")
    assert "AssociatedUsagePointLink" not in device.get(DER).data


# --- assignments: groups --------------------------------------------------------------------------

def assigned(device: Peer) -> dict[str, list[str]]:
    """What the FunctionSetAssignments lead to: descriptions of programs, by that of the assignment."""
    programs = {}
    for assignment in device.get("/edev/1/fsa?l=255").data.get("FunctionSetAssignments", []):
        listed = device.get(f"{assignment['DERProgramListLink']['href']}?l=255").data
        assert listed["all"] == assignment["DERProgramListLink"]["all"]
        programs[assignment["description"]] = [program["description"] for program in listed["DERProgram"]]
    return programs


@pytest.mark.parametrize("names", [LEVELS, [f"level {number}" for number in range(15)]])
def test_as_many_levels_of_topology_as_there_are(device: Peer, names: list[str]) -> None:
    """CORE-010, CORE-011: a program for each level, in one assignment; the nearest has the strongest
    primacy."""
    for above, name in zip([None, *names], names, strict=False):
        virtualders.create(name, parent=above, members=["one"] if name == names[-1] else ())
    assert assigned(device) == {names[-1]: list(reversed(names))}
    listed = device.get("/derp?l=255").data["DERProgram"]
    assert [der_program["description"] for der_program in listed] == list(reversed(names))
    assert device.get("/edev/1").data["FunctionSetAssignmentsListLink"]["all"] == 1


def test_a_device_is_moved_between_groups_while_running(device: Peer) -> None:
    for name in ("system", "A", "B"):
        virtualders.create(name, parent=None if name == "system" else "system", rule="" if name == "system"
                           else f"feeder = {name}")
    assert assigned(device) == {}
    for feeder in ("A", "B", "A"):
        old = [der_program["href"] for der_program in device.get("/derp?l=9").data.get("DERProgram", [])]
        enrolment.relabel(Device.get(), {"feeder": feeder})
        assert assigned(device) == {feeder: [feeder, "system"]}
        now = [der_program["href"] for der_program in device.get("/derp?l=9").data["DERProgram"]]
        assert {device.get(href).status for href in old if href not in now} <= {404}
        assert device.get(DER).data["AssociatedDERProgramListLink"]["all"] == 2


def test_a_program_comes_and_goes_while_running(device: Peer, program: str) -> None:
    """MAINT-003: another program in the group, then gone again."""
    group, = assigned(device)
    audience = store.get(program).audience  # type: ignore[union-attr]
    second = store.add("DERProgram", "/derp", {"description": "second", "primacy": 1}, audience=audience)
    assert [der_program["description"]
            for der_program in device.get("/derp?l=9").data["DERProgram"]] == ["second", group]
    assert device.get(DER).data["AssociatedDERProgramListLink"]["all"] == 2
    store.remove(second)
    assert assigned(device) == {group: [group]}
    assert device.get(DER).data["AssociatedDERProgramListLink"]["all"] == 1
