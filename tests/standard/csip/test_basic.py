"""BASIC-001 to BASIC-029: identity, groups, modes, defaults and controls, alarms, status, readings."""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.config import settings
from server.devices import identity
from server.errors import Refused
from server.grid.controls import defaultcontrols, dercontrols
from server.grid.groups import assignments, virtualders
from server.resources.codes import DERCurveType
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer
from tests.standard.csip import client, scenarios, topology
from tests.standard.csip.client import ACTIVE, SCHEDULED
from tests.standard.csip.scenarios import ALIKE, FIRST, INDEPENDENT, LOWER, MINUTE

pytestmark = on_sqlite


def test_basic_001_each_device_is_who_it_is(fleet: Peer) -> None:
    """LFDI, SFDI and PIN of each; an assignment that leads to a program."""
    devices = client.items(fleet, "/edev")
    assert len(devices) == 5
    for device in devices:
        assert device["sFDI"] == identity.sfdi(device["lFDI"])
        assert sum(map(int, f"{device['sFDI']:012}")) % 10 == 0
        pin = fleet.get(device["RegistrationLink"]["href"]).data["pIN"]
        assert pin == topology.PIN and sum(map(int, str(pin))) % 10 == 0
    for name in topology.DEVICES:
        device = client.end_device(fleet, name)
        assert client.linked(fleet, device, "FunctionSetAssignmentsList", "DERProgramList")


def test_basic_002_an_assignment_for_each_level(home: Peer) -> None:
    """Seven assignments with their Time; one control, at the service point, in five minutes; one default."""
    settings.assignments = "level"
    assignments.reassign()
    defaultcontrols.set_default("SY", scenarios.UPPER)
    dercontrols.post("SP", FIRST, 2 * MINUTE, NOON + 5 * MINUTE)
    found = client.linked(home, client.end_device(home, "ED"), "FunctionSetAssignmentsList")
    assert len(found) == 7 and {home.get(item["TimeLink"]["href"]).status for item in found} == {200}
    listed = {}
    for assignment in found:
        (program,) = client.linked(home, assignment, "DERProgramList")
        listed[program["description"]] = program
    assert {name: program["primacy"] for name, program in listed.items()} == topology.LEVELS
    assert {name: len(client.linked(home, program, "DERControlList"))
            for name, program in listed.items()} == {name: int(name == "SP") for name in topology.LEVELS}
    assert client.default(home, "SY") == scenarios.UPPER


@pytest.mark.parametrize("kind", ["level", "tree"])
def test_basic_003_the_feeder_and_all_below_are_replaced(home: Peer, kind: str) -> None:
    """Beside the levels a group of its own; then the device is at the end of another feeder, with a new
    default and a new control, and sees nothing of what it has left."""
    settings.assignments = kind
    virtualders.create("Group-Z", primacy=3, members=["ED"])
    assignments.reassign()
    defaultcontrols.set_default("SP", LOWER)
    old = dercontrols.post("SP", FIRST, 2 * MINUTE, NOON + 5 * MINUTE)["href"]
    before = {item["href"] for item in client.items(home, "/edev/1/fsa")}
    assert len(before) == (8 if kind == "level" else 2)
    topology.branch(["FDX", "SGX", "TFX", "SPX"], below="SS")
    virtualders.update("SP", remove=["ED"])
    virtualders.update("SPX", add=["ED"])
    defaultcontrols.set_default("SPX", {"opModMaxLimW": 7000})
    new = dercontrols.post("SPX", FIRST, 2 * MINUTE, NOON + 4 * MINUTE)["href"]
    assert {item["href"] for item in client.items(home, "/edev/1/fsa")} != before
    assert sorted(client.programs(home, "ED")) == sorted(
        ["Group-Z", "SPX", "TFX", "SGX", "FDX", "SS", "ST", "SY"])
    assert {home.get(href).status for href in (old, f"{topology.program('SP')}/dderc")} == {404}
    assert client.default(home, "SPX") == {"opModMaxLimW": 7000}
    clock.turn_to(NOON + 4 * MINUTE)
    assert client.status(home, new) == (ACTIVE, NOON + 4 * MINUTE)


# --- modes ----------------------------------------------------------------------------------------

def points(*pairs: tuple[int, int]) -> list[dict[str, int]]:
    return [{"xvalue": x, "yvalue": y} for x, y in pairs]


def curve(mode: str, y_ref: int, data: list[dict[str, int]], x: int = 0, y: int = 0) -> dict[str, Any]:
    """A mode by a curve of its type."""
    return {mode: {"curveType": DERCurveType[mode], "yRefType": y_ref, "xMultiplier": x,
                   "yMultiplier": y, "CurveData": data}}


# Low voltage, must trip: seconds and percent, both in hundredths.
LVRT_MUST_TRIP = points((150, 0), (150, 5000), (1200, 5000), (1200, 7000), (2200, 7000), (2200, 8800),
                        (10000, 8800))
LVRT_OTHER = points((50, 0), (50, 5000), (1000, 5000), (1000, 7000), (10000, 8800))
HVRT = points((16, 14000), (16, 12000), (1300, 12000), (1300, 11000), (10000, 11000))
LOW_FREQUENCY = points((16, 5000), (16, 5700), (30000, 5700), (30000, 5850), (60000, 5850))
HIGH_FREQUENCY = points((16, 6600), (16, 6200), (30000, 6200), (30000, 6050), (60000, 6050))


def default_then_control(home: Peer, default: dict[str, Any], control: dict[str, Any],
                         **elements: Any) -> None:
    """A default, and a control in three minutes for two, with other values; both are read back, with their
    curves."""
    bases = []
    for modes in (default, control):
        base = dict(modes)
        for mode, value in modes.items():
            if isinstance(value, dict) and "CurveData" in value:
                base[mode] = {"href": defaultcontrols.add_curve("SP", value)["href"]}
                shown = home.get(base[mode]["href"]).data
                assert value.items() <= shown.items() and 1 <= len(shown["CurveData"]) <= 10
        bases.append(base)
    defaultcontrols.set_default("SP", bases[0], elements)
    href = dercontrols.post("SP", bases[1], 2 * MINUTE, NOON + 3 * MINUTE)["href"]
    for second, status in ((0, SCHEDULED), (180, ACTIVE)):
        clock.turn_to(NOON + second)
        (program,) = (item for item in client.items(home, "/derp") if item["description"] == "SP")
        whole = home.get(program["DefaultDERControlLink"]["href"]).data
        assert whole["DERControlBase"] == bases[0] and elements.items() <= whole.items()
        (shown,) = client.linked(home, program, "DERControlList")
        assert (shown["href"], shown["DERControlBase"]) == (href, bases[1])
        assert shown["EventStatus"]["currentStatus"] == status
    clock.turn_to(NOON + 300)
    assert client.controls(home, "SP") == [] and client.default(home, "SP") == bases[0]


def test_basic_004_voltage_ride_through(home: Peer) -> None:
    """Must trip, may trip and momentary cessation, for low and high voltage."""
    modes = {**curve("opModLVRTMustTrip", 4, LVRT_MUST_TRIP, -2, -2),
             **curve("opModLVRTMayTrip", 4, LVRT_OTHER, -2, -2),
             **curve("opModLVRTMomentaryCessation", 4, LVRT_OTHER, -2, -2),
             **curve("opModHVRTMustTrip", 4, HVRT, -2, -2), **curve("opModHVRTMayTrip", 4, HVRT, -2, -2),
             **curve("opModHVRTMomentaryCessation", 4, HVRT, -2, -2)}
    default_then_control(home, modes, modes)


def test_basic_005_frequency_ride_through(home: Peer) -> None:
    """Must trip and may trip, for low and high frequency."""
    modes = {**curve("opModLFRTMustTrip", 0, LOW_FREQUENCY, -2, -2),
             **curve("opModLFRTMayTrip", 0, LOW_FREQUENCY, -2, -2),
             **curve("opModHFRTMustTrip", 0, HIGH_FREQUENCY, -2, -2),
             **curve("opModHFRTMayTrip", 0, HIGH_FREQUENCY, -2, -2)}
    default_then_control(home, modes, modes)


def test_basic_006_volt_var(home: Peer) -> None:
    steep = points((92, 44), (98, 0), (102, 0), (108, -44))
    flat = points((90, 30), (97, 0), (103, 0), (110, -30))
    default_then_control(home, curve("opModVoltVar", 2, steep), curve("opModVoltVar", 2, flat))


def test_basic_007_ramp_rates(home: Peer) -> None:
    """setGradW and setSoftGradW are of a default; a control has no such elements."""
    default_then_control(home, {}, FIRST, setGradW=100, setSoftGradW=200)
    with pytest.raises(Refused, match="setGradW"):
        dercontrols.post("SP", {**FIRST, "setGradW": 100}, 600)


def test_basic_008_fixed_power_factor(home: Peer) -> None:
    def power_factor(hundredths: int) -> dict[str, Any]:
        return {"opModFixedPFInjectW": {"displacement": hundredths, "excitation": True, "multiplier": -2}}
    default_then_control(home, power_factor(100), power_factor(90))


def test_basic_009_connect_and_disconnect(home: Peer) -> None:
    default_then_control(home, {"opModEnergize": True}, {"opModEnergize": False})


def test_basic_010_limit_of_active_power(home: Peer) -> None:
    default_then_control(home, {"opModMaxLimW": 10000}, {"opModMaxLimW": 5000})


def test_basic_011_volt_watt(home: Peer) -> None:
    default_then_control(home, curve("opModVoltWatt", 1, points((106, 100), (110, 0))),
                         curve("opModVoltWatt", 1, points((103, 100), (108, 20))))


def test_basic_012_freq_watt(home: Peer) -> None:
    default_then_control(home, curve("opModFreqWatt", 1, points((6004, 100), (6150, 0)), -2),
                         curve("opModFreqWatt", 1, points((6010, 100), (6200, 0)), -2))


def test_basic_013_set_active_power_in_percent(home: Peer) -> None:
    """A default of 50 %, a control of 60 %."""
    default_then_control(home, {"opModFixedW": 5000}, {"opModFixedW": 6000})


def test_basic_014_set_active_power_in_watts(home: Peer) -> None:
    default_then_control(home, {"opModTargetW": {"multiplier": 0, "value": 5000}},
                         {"opModTargetW": {"multiplier": 0, "value": 6000}})


def test_basic_015_several_modes_in_a_control(home: Peer) -> None:
    default_then_control(
        home, {"opModEnergize": True, "opModMaxLimW": 10000},
        {"opModEnergize": True, "opModMaxLimW": 7000, "opModFixedW": 5000,
         **curve("opModVoltVar", 2, points((92, 44), (108, -44)))})


# --- defaults and controls in two programs --------------------------------------------------------

def test_basic_016_defaults_alone(home: Peer) -> None:
    scenarios.defaults_only(home, "SY", "SP")


def test_basic_017_a_control_alone(home: Peer) -> None:
    scenarios.one_control(home, "SP")


def test_basic_018_a_control_and_a_default(home: Peer) -> None:
    scenarios.one_control(home, "SP", default=LOWER)


def test_basic_019_two_controls_of_a_program_one_after_another(home: Peer) -> None:
    scenarios.one_after_another(home, "SP", "SP")


def test_basic_020_controls_of_two_programs_one_after_another(home: Peer) -> None:
    scenarios.one_after_another(home, "SY", "SP")


def test_basic_021_alike_and_posted_before(home: Peer) -> None:
    scenarios.overlapping(home, "SY", "SP", ALIKE)


def test_basic_022_alike_and_the_service_point_s_posted_later(home: Peer) -> None:
    scenarios.overlapping(home, "SY", "SP", ALIKE, late="SP")


def test_basic_023_alike_and_the_system_s_posted_later(home: Peer) -> None:
    scenarios.overlapping(home, "SY", "SP", ALIKE, late="SY")


def test_basic_024_independent_and_posted_before(home: Peer) -> None:
    scenarios.overlapping(home, "SY", "SP", INDEPENDENT)


def test_basic_025_independent_and_the_service_point_s_posted_later(home: Peer) -> None:
    scenarios.overlapping(home, "SY", "SP", INDEPENDENT, late="SP")


def test_basic_026_independent_and_the_system_s_posted_later(home: Peer) -> None:
    scenarios.overlapping(home, "SY", "SP", INDEPENDENT, late="SY")


# --- what a device reports ------------------------------------------------------------------------

def test_basic_027_alarms_are_kept_the_newest_first(home: Peer) -> None:
    """LE_GEN_SOFTWARE, twelve of them: each is created, `l=255` returns all, in the order of time."""
    link = client.end_device(home, "ED")["LogEventListLink"]["href"]
    for number in range(12):
        reply = home.post(link, "LogEvent", {
            "createdDateTime": NOON + number, "functionSet": 0, "logEventCode": 2, "logEventID": number,
            "logEventPEN": 40732, "profileID": 2})
        assert (reply.status, home.get(reply.location).data["logEventID"]) == (201, number)
    assert [event["logEventID"] for event in client.items(home, link)] == [*range(11, -1, -1)]


STATUS = {
    "alarmStatus": "00000001", "genConnectStatus": {"dateTime": NOON, "value": "07"},
    "inverterStatus": {"dateTime": NOON, "value": 4},
    "localControlModeStatus": {"dateTime": NOON, "value": 1},
    "manufacturerStatus": {"dateTime": NOON, "value": "MPPT"},
    "operationalModeStatus": {"dateTime": NOON, "value": 2}, "readingTime": NOON,
    "stateOfChargeStatus": {"dateTime": NOON, "value": 7500}}


def test_basic_028_the_status_of_an_inverter_is_read_back(home: Peer) -> None:
    (der,) = client.linked(home, client.end_device(home, "ED"), "DERList")
    href = der["DERStatusLink"]["href"]
    assert home.put(href, "DERStatus", STATUS).status == 204
    assert STATUS.items() <= home.get(href).data.items()


def test_basic_029_readings_are_mirrored(home: Peer) -> None:
    """By the rules of the mirror, errata 36: what is made, replaced, added, and where it is read."""
    mirrors = home.get("/dcap").data["MirrorUsagePointListLink"]["href"]
    point = {"mRID": f"{10:032X}", "description": "inverter", "deviceLFDI": home.lfdi, "roleFlags": "0049",
             "serviceCategoryKind": 0, "status": 1}
    types = [{"mRID": f"{20 + number:032X}", "description": name, "ReadingType": {"uom": uom}}
             for number, (name, uom) in enumerate([("W", 38), ("var", 63)])]
    made = home.post(mirrors, "MirrorUsagePoint", {**point, "MirrorMeterReading": types})
    assert made.status == 201
    again = home.post(mirrors, "MirrorUsagePoint", {**point, "description": "written over"})
    assert (again.status, again.location) == (204, made.location)
    shown = home.get(made.location).data
    assert shown["description"] == "written over" and shown["postRate"] == settings.post_rate
    assert "MirrorMeterReading" not in shown

    def post(name: str, data: dict[str, Any]) -> Any:
        return home.post(made.location, name, data)
    quantity = {"mRID": types[0]["mRID"], "Reading": {"value": 1}}
    reading = post("MirrorMeterReading", quantity).location
    assert (home.get(reading).name, home.get(reading).data["description"]) == ("MeterReading", "W")
    listed = post("MirrorMeterReadingList", {"MirrorMeterReading": [
        {"mRID": item["mRID"], "Reading": {"value": 2}} for item in types]})
    assert (listed.status, home.get(listed.location).name) == (201, "MeterReadingList")
    assert post("MirrorMeterReading", {"mRID": f"{99:032X}", "Reading": {"value": 1}}).status == 400
    now = home.get(reading).data["ReadingLink"]["href"]
    assert home.get(now).data["value"] == 2, "a Reading is replaced"

    def sets() -> dict[str, int]:
        found = client.linked(home, home.get(reading).data, "ReadingSetList")
        return {item["mRID"]: client.linked(home, item, "ReadingList")[0]["value"] for item in found}
    before = sets()
    for mrid, value in ((31, 7), (32, 8), (31, 9)):
        period = {"duration": 300, "start": NOON - 86400 * mrid}
        post("MirrorMeterReading", {"mRID": types[0]["mRID"], "MirrorReadingSet": [
            {"mRID": f"{mrid:032X}", "timePeriod": period,
             "Reading": [{"value": value, "timePeriod": period}]}]})
    assert {mrid: value for mrid, value in sets().items() if mrid not in before} == {
        f"{31:032X}": 9, f"{32:032X}": 8}, "sets are added, and a known one is replaced"
