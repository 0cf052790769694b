"""What a device says of itself: every document is valid, and says what the plant is."""
from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from clients.devices.battery import Battery
from clients.devices.devicemodel import DeviceModel
from clients.devices.evcharger import EvCharger
from clients.devices.generator import Generator
from clients.devices.interruptible import InterruptibleLoad
from clients.devices.inverter import Inverter
from clients.devices.thermostat import Thermostat
from clients.events import loadcontrol, reservation
from clients.reports import metering, telemetry
from server.resources import codec
from server.resources.codes import FunctionsImplemented, RoleFlags
from tests.clients.controls import LFDI

MODELS: list[DeviceModel] = [
    Inverter(),
    Battery(),
    EvCharger(arrival=1, demand_wh=9000, charged_wh=3000),
    Thermostat(),
    Generator(),
]
NOW = 1_750_000_000


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
def test_every_document_is_valid(model: DeviceModel) -> None:
    after = replace(model, injected_wh=20.0, absorbed_wh=10.0, injection_w=-30.0)
    document: list[tuple[str, dict[str, Any]]] = [
        ("DERCapability", telemetry.capability(model)),
        ("DERSettings", telemetry.settings(model, 1.5, NOW)),
        ("DERStatus", telemetry.status(model, NOW, True)),
        ("DERAvailability", telemetry.availability(model, NOW)),
        ("DeviceStatus", telemetry.device_status(model, NOW, NOW - 5)),
        ("PowerStatus", telemetry.power_status(model, NOW)),
        ("DeviceInformation", telemetry.information(model, LFDI, NOW, "1")),
        ("LogEvent", telemetry.alarms(0, 2, NOW, 0)[0]),
        ("MirrorUsagePoint", metering.usage_point(model, LFDI, 300)),
        ("MirrorMeterReadingList", metering.readings(model, after, LFDI, NOW, NOW + 300)),
    ]
    for name, data in document:
        assert codec.decode(codec.encode(name, data)) == (name, data)


def test_a_load_that_is_no_der_says_so() -> None:
    load = replace(InterruptibleLoad(), injection_w=-30_000.0)
    functions = int(telemetry.information(load, LFDI, NOW, "1")["functionsImplemented"], 16)
    assert functions & FunctionsImplemented.DEMAND_RESPONSE
    assert not functions & FunctionsImplemented.DER_CONTROL
    assert not int(metering.usage_point(load, LFDI, 300)["roleFlags"], 16) & RoleFlags.DER
    shed = telemetry.load_shed(load, "/dr/1")
    assert shed is not None and shed["sheddablePercent"] == 8000 and shed["sheddablePower"]["value"] == 24_000


@given(some.floats(-1e9, 1e9))
def test_a_number_is_scaled_as_precisely_as_it_fits(number: float) -> None:
    scaled = telemetry.scaled(number)
    assert -32768 <= scaled["value"] <= 32767
    assert abs(scaled["value"] * 10 ** scaled["multiplier"] - number) <= max(0.5, abs(number) / 6000)


@pytest.mark.parametrize(
    "model, modes, doe",
    [
        (Inverter(), 0x01F002EC, "0F"),
        (Battery(), 0x00F000EF, "0F"),
        (EvCharger(), 0x0040008D, "0F"),
        (Thermostat(), 0x0040008D, "0F"),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_modes_are_said_by_the_bits_of_the_standard(model: DeviceModel, modes: int, doe: str) -> None:
    document = telemetry.capability(model)
    assert document["modesSupported"] == f"{modes:08X}" and document["csipaus:doeModesSupported"] == doe
    others = loadcontrol.MODES | {reservation.MODE}
    names = {mode for mode in model.modes if not mode.startswith("csipaus:")} - others
    assert sum(mode_bits(name) for name in names) == modes and all(mode_bits(name) for name in names)


def mode_bits(name: str) -> int:
    return int(telemetry.mode_bitmaps(frozenset({name}))[0], 16)


def test_a_mode_has_the_bit_of_the_standard() -> None:
    assert {
        name: mode_bits(name).bit_length() - 1
        for name in (
            "charge",
            "discharge",
            "opModConnect",
            "opModFixedW",
            "opModFreqWatt",
            "opModMaxLimW",
            "opModTargetW",
            "opModVoltVar",
            "opModWattVar",
        )
    } == {
        "charge": 0,
        "discharge": 1,
        "opModConnect": 2,
        "opModFixedW": 7,
        "opModFreqWatt": 9,
        "opModMaxLimW": 20,
        "opModTargetW": 22,
        "opModVoltVar": 23,
        "opModWattVar": 26,
    }


@pytest.mark.parametrize(
    "changes, inverter_status, connect",
    [
        ({"injection_w": 3000.0, "panel_output_w": 3000.0}, 4, "07"),
        ({"injection_w": 1000.0, "panel_output_w": 3000.0}, 5, "07"),
        ({"injection_w": 0.0, "panel_output_w": 0.0}, 2, "03"),
        ({"connected": False}, 1, "00"),
        ({"alarms": 2, "injection_w": 9.0}, 7, "17"),
    ],
)
def test_the_state_of_an_inverter(changes: dict[str, Any], inverter_status: int, connect: str) -> None:
    document = telemetry.status(replace(Inverter(), **changes), NOW, False)
    assert document["inverterStatus"]["value"] == inverter_status and document["genConnectStatus"][
        "value"] == connect
    assert "stateOfChargeStatus" not in document and document["localControlModeStatus"]["value"] == 0


@pytest.mark.parametrize("power, mode", [(-500.0, 0), (500.0, 1), (0.0, 2)])
def test_the_state_of_a_store(power: float, mode: int) -> None:
    document = telemetry.status(replace(Battery(), injection_w=power), NOW, True)
    assert document["storageModeStatus"]["value"] == mode and document["stateOfChargeStatus"]["value"] == 5000
    assert document["localControlModeStatus"]["value"] == 1
    available = telemetry.availability(Battery(), NOW)
    assert available["availabilityDuration"] == round(0.4 * 13500 * math.sqrt(0.9) / 5000 * 3600)
    assert available["statWAvail"]["value"] == 5000


@pytest.mark.parametrize(
    "before, after, codes",
    [
        (0, 0, []),
        (0, 1, [0]),
        (1, 0, [1]),
        (0, 0b110, [2, 4]),
        (0b10, 0b100, [3, 4]),
        (0b110, 0b110, []),
        (1 << 10, 0, [21]),
    ],
)
def test_alarms_that_come_and_go_are_logged_by_csips_codes(before: int, after: int, codes: list[int]) -> None:
    log_events = telemetry.alarms(before, after, NOW, 65535)
    assert [log_event["logEventCode"] for log_event in log_events] == codes
    assert [log_event["logEventID"] for log_event in log_events] == [65535, 0, 1][:len(codes)]
    assert {(log_event["functionSet"], log_event["profileID"], log_event["logEventPEN"])
            for log_event in log_events} <= {(11, 2, 40732)}


def value(readings: dict[str, Any], model: DeviceModel, name: str) -> int:
    """The reading of the register with this name."""
    wanted = metering.mrid(LFDI, name)
    meter_reading, = (reading for reading in readings["MirrorMeterReading"] if reading["mRID"] == wanted)
    return meter_reading["MirrorReadingSet"][0]["Reading"][0]["value"]


def test_readings_are_of_the_interval() -> None:
    before = Battery(injected_wh=1000.4, absorbed_wh=500.0)
    after = replace(
        before,
        injected_wh=1100.6,
        absorbed_wh=550.0,
        injection_w=999.0,
        reactive_var=-12.0,
        voltage_percent=102.0,
    )
    mirror = metering.readings(before, after, LFDI, NOW, NOW + 600)
    assert value(mirror, after, "active power") == pytest.approx((100.2 - 50) * 6, abs=0.5), (
        "+ is injection, on average"
    )
    assert value(mirror, after, "energy injected") == 101 and value(mirror, after, "energy absorbed") == 50
    assert value(mirror, after, "reactive power") == -12
    assert value(mirror, after, "voltage") == 2346
    periods = {str(meter_reading["MirrorReadingSet"][0]["timePeriod"])
               for meter_reading in mirror["MirrorMeterReading"]}
    assert periods == {str({"start": NOW, "duration": 600})}


def test_mrids_stay_and_tell_apart() -> None:
    mirrors = [
        metering.readings(Battery(), Battery(), LFDI, since, since + 300) for since in (NOW, NOW, NOW + 300)
    ]
    sets = [{meter_reading["MirrorReadingSet"][0]["mRID"] for meter_reading in mirror["MirrorMeterReading"]}
            for mirror in mirrors]
    assert sets[0] == sets[1] and not sets[0] & sets[2] and len(sets[0]) == 5
    stated = metering.usage_point(Battery(), LFDI, 300)
    assert [meter_reading["mRID"] for meter_reading in stated["MirrorMeterReading"]] == [
        meter_reading["mRID"] for meter_reading in mirrors[0]["MirrorMeterReading"]
    ]
    assert all(len(mrid) == 32 for mrid in sets[0] | {stated["mRID"]})


@pytest.mark.parametrize("model, role", [(Inverter(), "0049"), (EvCharger(), "0045")])
def test_a_usage_point_says_its_role(model: DeviceModel, role: str) -> None:
    stated = metering.usage_point(model, LFDI, 300)
    assert stated["roleFlags"] == role and stated["deviceLFDI"] == LFDI


PROGRAM = {"availabilityUpdatePercentChangeThreshold": 1000,
           "availabilityUpdatePowerChangeThreshold": {"multiplier": 1, "value": 25}}


@pytest.mark.parametrize(
    "program, before, now, worth",
    [
        (PROGRAM, None, (0, 0), True),
        ({}, None, (0, 0), False),
        ({"availabilityUpdatePercentChangeThreshold": 0}, None, (9, 9), False),
        (PROGRAM, (0, 0), (1000, 250), False),
        (PROGRAM, (0, 0), (1001, 0), True),
        (PROGRAM, (0, 0), (0, 251), True),
        (PROGRAM, (5000, 2000), (5000, 1700), True),
        ({}, (0, 0), (10_000, 9000), False),
    ],
)
def test_what_can_be_shed_is_said_again_when_it_changes_by_more_than_the_program_wants(
    program: dict[str, Any], before: tuple[int, int] | None, now: tuple[int, int], worth: bool
) -> None:
    def document(percent: int, power: int) -> dict[str, Any]:
        return {"sheddablePercent": percent, "sheddablePower": {"multiplier": 0, "value": power}}
    assert telemetry.exceeds_threshold(program, document(*before) if before else None,
                                       document(*now)) is worth


def test_a_charger_and_a_thermostat_say_that_they_follow_load_controls() -> None:
    bits = {
        model.kind: int(telemetry.information(model, LFDI, 0, "1")["functionsImplemented"], 16)
        >> 13 & 0b1000001
        for model in (Inverter(), Battery(), EvCharger(), Thermostat())
    }
    assert bits == {"inverter": 0, "battery": 0, "evcharger": 0b1000001, "thermostat": 1}
