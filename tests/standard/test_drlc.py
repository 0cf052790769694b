"""Demand response: programs, load controls, what can be shed, and the answers (IEEE 2030.5-2018, 10.3; the
schema's words on EndDeviceControl, LoadShedAvailability and DrResponse)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.devices import enrolment
from server.errors import Refused
from server.grid.controls import drevents
from server.grid.groups import drprograms, virtualders
from server.grid.series.intervals import iso
from server.resources import store
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer

THERMOSTAT, EVSE, PANELS = 1 << 0, 1 << 17, 1 << 21
HEAT = {"Offset": {"heatingOffset": 20}}
Home = Callable[..., Peer]


@pytest.fixture
def home(peer: Callable[[int], Peer]) -> Home:
    """Enrols device N of a category."""
    def enrol(number: int, category: int | None = THERMOSTAT) -> Peer:
        enrolment.enrol(peers.lfdi(number), name=f"d{number}", category=category)
        return peer(number)
    return enrol


@pytest.fixture
def thermostat(home: Home) -> Peer:
    """A thermostat in the virtual DER `street`."""
    device = home(1)
    virtualders.create("street", members=["d1"], primacy=80)
    return device


def assigned(device: Peer, number: int = 1) -> list[dict[str, Any]]:
    return device.get(f"/edev/{number}/fsa?l=9").data.get("FunctionSetAssignments", [])


def led_to(device: Peer, number: int = 1) -> list[str]:
    """The DemandResponsePrograms that a device's assignments lead to, by their descriptions."""
    links = [assignment["DemandResponseProgramListLink"] for assignment in assigned(device, number)
             if "DemandResponseProgramListLink" in assignment]
    return [program["description"] for link in links
            for program in device.get(f"{link['href']}?l=9").data["DemandResponseProgram"]]


# --- programs -------------------------------------------------------------------------------------

def test_a_thermostat_is_led_to_the_program_of_its_group(thermostat: Peer) -> None:
    link = assigned(thermostat)[0]["DemandResponseProgramListLink"]
    listed = thermostat.get(f"{link['href']}?l=9").data
    assert link["all"] == listed["all"] == 1
    program, = listed["DemandResponseProgram"]
    assert (program["description"], program["primacy"]) == ("street", 80)
    for name in ("EndDeviceControlListLink", "ActiveEndDeviceControlListLink"):
        assert program[name]["all"] == 0 and thermostat.get(program[name]["href"]).status == 200
    assert thermostat.get(program["href"]).data["mRID"] == program["mRID"]
    assert thermostat.get("/dcap").data["DemandResponseProgramListLink"] == {"href": "/dr", "all": 1}


def test_panels_are_led_to_none(home: Home) -> None:
    device, other = home(1, PANELS), home(2, None)
    virtualders.create("street", members=["d1", "d2"])
    assert led_to(device) == led_to(other, 2) == []
    assert "DemandResponseProgramListLink" not in device.get("/dcap").data


def test_one_load_among_others_makes_the_program_and_only_it_is_led_there(home: Home) -> None:
    home(1, PANELS)
    virtualders.create("street", members=["d1"])
    two = home(2, EVSE)
    virtualders.update("street", add=["d2"])
    assert led_to(two, 2) == ["street"] and led_to(peers.Peer(two.client, peers.lfdi(1))) == []


@pytest.mark.parametrize(
    "access",
    [
        lambda device: device.post("/edev/1/lsl", "LoadShedAvailability", {"sheddablePercent": 5000}),
        lambda device: device.put(
            "/edev/1/di", "DeviceInformation", {**INFORMATION, "functionsImplemented": f"{1 << 13:016X}"}
        ),
        lambda device: device.put(
            "/edev/1/di",
            "DeviceInformation",
            {
                **INFORMATION,
                "DRLCCapabilities": {
                    "averageEnergy": {"multiplier": 0, "value": 500},
                    "maxDemand": {"multiplier": 0, "value": 2000},
                    "optionsImplemented": "00020000",
                },
            },
        ),
        lambda device: device.put(
            "/edev/1",
            "EndDevice",
            {
                "deviceCategory": "00000001",
                "lFDI": device.lfdi,
                "sFDI": device.get("/edev/1").data["sFDI"],
                "changedTime": 0,
            },
        ),
    ],
)
def test_a_device_says_later_that_it_understands(home: Home, access: Any) -> None:
    device = home(1, None)
    virtualders.create("top")
    virtualders.create("street", members=["d1"], parent="top")
    assert led_to(device) == []
    assert access(device).status in (201, 204)
    assert sorted(led_to(device)) == ["street", "top"]
    assert store.reindex() == 0


INFORMATION = {"mfDate": 0, "mfHwVer": "1", "mfID": 0, "mfModel": "m", "mfSerNum": "s", "primaryPower": 1,
               "secondaryPower": 0, "swActTime": 0, "swVer": "1", "lFDI": "00", "functionsImplemented": "00"}


def test_what_a_device_implements_outweighs_its_category_until_it_says_what_it_can_shed(
    thermostat: Peer
) -> None:
    thermostat.put("/edev/1/di", "DeviceInformation", INFORMATION)
    assert led_to(thermostat) == []
    reply = thermostat.post("/edev/1/lsl", "LoadShedAvailability", {"sheddablePercent": 5000})
    assert led_to(thermostat) == ["street"]
    assert thermostat.delete(reply.location).status == 204 and led_to(thermostat) == []


def test_the_program_follows_name_and_primacy_and_goes_with_its_group(thermostat: Peer) -> None:
    before = thermostat.get("/dr?l=9").data["DemandResponseProgram"][0]
    virtualders.update("street", name="avenue", primacy=70)
    after = thermostat.get("/dr?l=9").data["DemandResponseProgram"][0]
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed == {"description", "primacy", "version"}
    drevents.create("avenue", HEAT, 600)
    virtualders.delete("avenue")
    assert thermostat.get("/dr").data["all"] == 0 and thermostat.get(f"{before['href']}/edc").status == 404
    assert led_to(thermostat) == []


def test_others_see_nothing_of_it(thermostat: Peer, home: Home) -> None:
    two = home(2)
    href = drevents.create("street", HEAT, 600)["href"]
    for path in (href, "/dr/1", "/dr/1/edc", "/dr/1/actedc", f"/fsa/{virtualders.find('street').id}/dr"):
        assert (thermostat.get(path).status, two.get(path).status) == (200, 404), path
    assert two.get("/dr").data["all"] == 0


def test_devices_change_nothing_of_it(thermostat: Peer) -> None:
    control = thermostat.get(drevents.create("street", HEAT, 600)["href"]).data
    program = thermostat.get("/dr/1").data
    assert thermostat.post("/dr/1/edc", "EndDeviceControl", control).status == 403
    assert thermostat.delete(control["href"]).status == 403
    assert thermostat.post("/dr", "DemandResponseProgram", program).status == 403
    assert thermostat.put(control["href"], "EndDeviceControl", control).status == 405


# --- load controls --------------------------------------------------------------------------------

@pytest.mark.parametrize("action", [
    HEAT, {"Offset": {"coolingOffset": 15, "heatingOffset": 15, "loadAdjustmentPercentageOffset": 3000}},
    {"SetPoint": {"heatingSetpoint": 1900, "coolingSetpoint": 2600}}, {"DutyCycle": {"normalValue": 50}},
    {"TargetReduction": {"type": 2, "value": 500}}, {"ApplianceLoadReduction": {"type": 1}},
    {**HEAT, "DutyCycle": {"normalValue": 30}}])
def test_each_action_as_a_device_reads_it(thermostat: Peer, action: dict[str, Any]) -> None:
    event = drevents.create("street", action, 900, NOON + 60, mandatory=True, forward=True, override_s=120,
                             randomize_start=30, randomize_duration=-30, description="peak")
    resource = thermostat.get(event["href"]).data
    assert {name: resource[name] for name in action} == action
    assert (resource["drProgramMandatory"], resource["loadShiftForward"], resource["overrideDuration"]) == (
        True,
        True,
        120,
    )
    assert (resource["deviceCategory"],
            resource["interval"]) == ("00000001", {"start": NOON + 60, "duration": 900})
    assert (resource["randomizeStart"], resource["randomizeDuration"], resource["description"]) == (30, -30,
                                                                                                    "peak")
    assert (resource["responseRequired"], resource["replyTo"]) == ("03", "/rsps/9/rsp")
    nobody = ["no member of street that is addressed understands ApplianceLoadReduction: "
              "it is for water-heater, appliance"]
    assert event["warnings"] == (nobody if "ApplianceLoadReduction" in action else [])
    assert event["addressed"] == 1


@pytest.mark.parametrize(
    "action, why",
    [
        ({}, "asks for one or more"),
        ({"opModMaxLimW": 1}, "asks for one or more"),
        ({"Offset": {}}, "is empty"),
        ({"DutyCycle": {"normalValue": 101}}, "0 to 100"),
        ({"ApplianceLoadReduction": {"type": 2}}, "0 to 1"),
        ({"TargetReduction": {"type": 13, "value": 1}}, "0 to 12"),
        ({"SetPoint": {"heatingSetpoint": -27316}}, "-27315"),
        ({"SetPoint": {"heatingSetpoint": 2200, "coolingSetpoint": 2100}}, "cooling starts"),
        ({"Offset": {"loadAdjustmentPercentageOffset": 10001}}, "10000"),
        ({"Offset": {"heatingOffset": 256}}, "heatingOffset"),
        ({"TargetReduction": {"type": 2}}, "value"),
    ],
)
def test_an_action_that_cannot_be_is_refused(thermostat: Peer, action: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        drevents.create("street", action, 900)
    assert list(drevents.list_events()) == []


def test_active_ones_are_in_the_other_list_while_they_last(thermostat: Peer) -> None:
    href = drevents.create("street", HEAT, 600, NOON + 60)["href"]
    for second, listed, active, status in ((0, 1, 0, 0), (60, 1, 1, 1), (659, 1, 1, 1), (660, 0, 0, 1)):
        clock.turn_to(NOON + second)
        assert thermostat.get("/dr/1/edc").data["all"] == listed, second
        assert thermostat.get("/dr/1/actedc").data["all"] == active, second
        assert thermostat.get(href).data["EventStatus"]["currentStatus"] == status
        assert thermostat.get("/dr/1").data["ActiveEndDeviceControlListLink"]["all"] == active


def test_a_newer_one_for_the_same_categories_supersedes_and_one_for_others_does_not(thermostat: Peer) -> None:
    older = drevents.create("street", HEAT, 600, NOON + 60)["href"]
    other = drevents.create("street", HEAT, 600, NOON + 60, category=EVSE)["href"]
    clock.advance(1)
    newer = drevents.create("street", {"DutyCycle": {"normalValue": 50}}, 600, NOON + 300)
    assert newer["warnings"] == [f"it supersedes {older} from {iso(NOON + 300)} on"]
    both = drevents.create("street", HEAT, 600, NOON + 3000, category=EVSE | THERMOSTAT)
    clock.turn_to(NOON + 300)
    states = {href: thermostat.get(href).data["EventStatus"]["currentStatus"]
              for href in (older, other, newer["href"], both["href"])}
    assert list(states.values()) == [4, 1, 1, 0]


def test_a_partial_overlap_of_categories_is_only_flagged(thermostat: Peer) -> None:
    older = drevents.create("street", HEAT, 600, NOON + 60)["href"]
    clock.advance(1)
    drevents.create("street", HEAT, 600, NOON + 60, category=EVSE | THERMOSTAT)
    status = thermostat.get(older).data["EventStatus"]
    assert (status["currentStatus"], status["potentiallySuperseded"]) == (0, True)


def test_cancelled_at_once_or_by_randomization(thermostat: Peer) -> None:
    first = drevents.create("street", HEAT, 600)["href"]
    second = drevents.create("street", HEAT, 600, NOON + 3600, randomize_start=60)["href"]
    drevents.cancel(first, reason="rain")
    drevents.cancel(second, randomized=True)
    statuses = [thermostat.get(href).data["EventStatus"] for href in (first, second)]
    assert [(status["currentStatus"], status["dateTime"]) for status in statuses] == [(2, NOON), (3, NOON)]
    assert statuses[0]["reason"] == "rain"
    with pytest.raises(Refused, match="already"):
        drevents.cancel(first)


def test_a_dry_run_leaves_nothing_not_even_a_program(home: Home) -> None:
    home(1, PANELS)
    virtualders.create("street", members=["d1"])
    event = drevents.create("street", HEAT, 600, category=THERMOSTAT, dry_run=True)
    assert "<heatingOffset>20</heatingOffset>" in event["xml"][0] and event["dry_run"] is True
    assert event["warnings"] == ["no member of street reports this category"] and event["addressed"] == 0
    assert list(drevents.list_events()) == [] and store.get("/dr/1") is None
    with pytest.raises(Refused, match="specify the category"):
        drevents.create("street", HEAT, 600)


# --- what can be shed -----------------------------------------------------------------------------

def test_the_program_asks_for_news_of_what_can_be_shed(thermostat: Peer) -> None:
    program = thermostat.get("/dr/1").data
    assert program["availabilityUpdatePercentChangeThreshold"] > 0
    assert program["availabilityUpdatePowerChangeThreshold"]["value"] > 0


def test_what_can_be_shed_is_kept_once_for_each_program(thermostat: Peer) -> None:
    body = {
        "availabilityDuration": 3600,
        "DemandResponseProgramLink": {"href": "/dr/1"},
        "sheddablePercent": 4000,
        "sheddablePower": {"multiplier": 0, "value": 1800},
    }
    reply = thermostat.post("/edev/1/lsl", "LoadShedAvailability", body)
    assert reply.status == 201 and body.items() <= thermostat.get(reply.location).data.items()
    again = thermostat.post("/edev/1/lsl", "LoadShedAvailability", {**body, "sheddablePercent": 0})
    assert (again.status, again.location) == (204, reply.location)
    assert thermostat.post("/edev/1/lsl", "LoadShedAvailability", {"sheddablePercent": 1}).status == 201
    assert thermostat.get("/edev/1/lsl").data["all"] == 2
    assert thermostat.put(reply.location, "LoadShedAvailability", body).status == 204
    assert thermostat.get(reply.location).data["sheddablePercent"] == 4000


def test_of_a_program_that_is_not_its_own_it_says_nothing(thermostat: Peer, home: Home) -> None:
    home(2)
    virtualders.create("avenue", members=["d2"])
    for href in ("/dr/2", "/dr/7", "/derp/1"):
        body = {"DemandResponseProgramLink": {"href": href}, "sheddablePercent": 1}
        assert thermostat.post("/edev/1/lsl", "LoadShedAvailability", body).status == 400, href


# --- answers --------------------------------------------------------------------------------------

@pytest.fixture
def control(thermostat: Peer) -> dict[str, Any]:
    """A load control of ten minutes, as the thermostat reads it."""
    return thermostat.get(
        drevents.create("street", {**HEAT, "DutyCycle": {"normalValue": 50}}, 600, override_s=120)["href"]
    ).data


def answer(device: Peer, control: dict[str, Any], status: int, **more: Any) -> peers.Reply:
    return device.post(
        control["replyTo"],
        "DrResponse",
        {
            "createdDateTime": clock.now(),
            "endDeviceLFDI": device.lfdi,
            "subject": control["mRID"],
            "status": status,
            **more,
        },
    )


def test_an_answer_says_what_was_done(thermostat: Peer, control: dict[str, Any]) -> None:
    done = {"Offset": {"heatingOffset": 15}, "DutyCycle": {"normalValue": 50}, "overrideDuration": 60,
            "AppliedTargetReduction": {"type": 2, "value": 700}}
    reply = answer(thermostat, control, 8, **done)
    read = thermostat.get(reply.location)
    assert (reply.status, read.name) == (201, "DrResponse") and done.items() <= read.data.items()


@pytest.mark.parametrize(
    "more",
    [
        {"DutyCycle": {"normalValue": 101}},
        {"AppliedTargetReduction": {"type": 13, "value": 1}},
        {"Offset": {}},
        {"ApplianceLoadReduction": {"type": 9}},
        {"overrideDuration": 601},
        {"SetPoint": {"coolingSetpoint": -30000}},
    ],
)
def test_what_cannot_have_been_done_is_refused(
    thermostat: Peer, control: dict[str, Any], more: dict[str, Any]
) -> None:
    assert answer(thermostat, control, 3, **more).status == 400
    assert drevents.show(control["href"])["answers"] == {"no answer": 1}


def test_it_answers_nothing_but_a_load_control(thermostat: Peer) -> None:
    store.put(
        "/derp/1/derc/9",
        {
            "mRID": "0C",
            "creationTime": NOON,
            "interval": {"start": NOON, "duration": 60},
            "DERControlBase": {"opModConnect": True},
        },
    )
    assert answer(thermostat, {"replyTo": "/rsps/1/rsp", "mRID": "0C"}, 1).status == 400
    assert answer(thermostat, {"replyTo": "/rsps/1/rsp", "mRID": "0E"}, 1).status == 400


def test_who_opted_out_and_for_how_long(thermostat: Peer, control: dict[str, Any], home: Home) -> None:
    two, _ = home(2), home(3)
    virtualders.update("street", add=["d2", "d3"])
    for device in (thermostat, two):
        for status in (1, 2):
            answer(device, control, status)
    clock.advance(60)
    answer(thermostat, control, 4)

    def outcomes() -> dict[str, tuple[str, bool, int | None]]:
        return {device["name"]: (device["answer"], device["opted_out"], device["overridden_s"])
                for device in drevents.show(control["href"])["devices"]}

    assert outcomes() == {
        "d1": ("opted out", True, None),
        "d2": ("started", False, None),
        "d3": ("no answer", False, None),
    }
    clock.advance(60)
    answer(thermostat, control, 5)
    assert outcomes()["d1"] == ("started", False, None)
    clock.advance(480)
    answer(thermostat, control, 9, overrideDuration=60)
    answer(two, control, 3, Offset={"heatingOffset": 20})
    assert outcomes()["d1"] == ("partially completed with opt-in", False, 60)
    shown = drevents.show(control["href"])
    assert shown["answers"] == {"partially completed with opt-in": 1, "completed": 1, "no answer": 1}
    assert [device["applied"] for device in shown["devices"] if device["name"] == "d2"] == [
        {"Offset": {"heatingOffset": 20}}
    ]


def test_a_program_is_found_by_category_names() -> None:
    assert drprograms.CATEGORIES["water-heater"] == 1 << 3 and drprograms.CATEGORIES["evse"] == EVSE
    assert not drprograms.LOADS & PANELS


@pytest.mark.parametrize("more", [
    {"functionsImplemented": f"{1 << 13:016X}"},
    {"DRLCCapabilities": {"averageEnergy": {"multiplier": 0, "value": 500},
                          "maxDemand": {"multiplier": 0, "value": 2000}, "optionsImplemented": "00020000"}},
])
def test_a_device_takes_back_what_it_said_of_itself(home: Home, more: dict[str, Any]) -> None:
    device = home(1, None)
    virtualders.create("street", members=["d1"])
    assert device.put("/edev/1/di", "DeviceInformation", {**INFORMATION, **more}).status == 204
    assert led_to(device) == ["street"]
    assert device.request("DELETE", "/edev/1/di").status == 204
    assert led_to(device) == [] and store.reindex() == 0
