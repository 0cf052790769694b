"""The rows about devices: kept by hooks as they would be made anew, and made anew where they were lost."""
import pytest

from server import clock, worker
from server.devices import enrolment
from server.grid.fleet import devicetypes, inferredcapacity
from server.models import Device
from server.resources import sql, store
from tests.server.grid.conftest import watts

TABLES = {
    "der_state": "href, device_id, der_type, max_injection_w, max_absorption_w, capacity_wh, ramp_w_per_s, "
                 "soc, soc_at, dischargeable_wh, "
    "chargeable_wh, available_w, "
    "connected, modes",
    "device_type": "*",
    "meter": "*",
    "charging_session": "*",
}


def content():
    return {
        table: sorted(map(repr, sql.rows(f"SELECT {columns} FROM {table}")))
        for table, columns in TABLES.items()
    }


@pytest.fixture
def lived(battery, panels, home):
    """Devices that have said a bit of everything, some of it more than once."""
    storage, pv, car, pump = battery(1, charge=0.4, injection=-900), panels(2), home(3), home(4)
    storage.put(
        "derg",
        "DERSettings",
        {"setMaxW": watts(4000), "setGradW": 100, "setMaxWh": watts(9000), "updatedTime": clock.now()},
    )
    storage.put(
        "dera",
        "DERAvailability",
        {
            "readingTime": clock.now(),
            "availabilityDuration": 1800,
            "maxChargeDuration": 900,
            "reservePercent": 5000,
        },
    )
    clock.advance(60)
    storage.charge(0.35)
    for start, value in ((30, 1500), (3600, -4000), (30, 1600)):
        storage.post(value, start=clock.now() - start, duration=30)
    pv.post(200, flow=1)
    pv.client.post(
        "/mup",
        "MirrorUsagePoint",
        {
            "mRID": "AA",
            "roleFlags": "0003",
            "serviceCategoryKind": 0,
            "status": 1,
            "deviceLFDI": pv.lfdi,
            "MirrorMeterReading": [
                {
                    "mRID": "AB",
                    "ReadingType": {"uom": 38, "powerOfTenMultiplier": 1, "flowDirection": 1},
                    "MirrorReadingSet": [
                        {
                            "mRID": "AC",
                            "timePeriod": {"start": clock.now() - 60, "duration": 60},
                            "Reading": [{"value": 30}, {"value": 40}, {"value": 20}],
                        }
                    ],
                }
            ],
        },
    )
    car.rate(82, absorb=7000)
    now = clock.now()
    request = {
        "mRID": "0A",
        "creationTime": now,
        "energyRequested": watts(14_000),
        "powerRequested": watts(7000),
        "RequestStatus": {"dateTime": now, "requestStatus": 0},
        "intervalRequested": {"start": now, "duration": 36_000},
    }
    assert car.client.post("/edev/3/frq", "FlowReservationRequest", request).status == 201
    wants = {
        "chargingPowerNow": watts(0),
        "energyRequestNow": watts(9000),
        "maxForwardPower": watts(7000),
        "minimumChargingDuration": 4629,
        "targetStateOfCharge": 10_000,
        "timeChargeIsNeeded": now + 36_000,
        "timeChargingStatusPEV": now + 10,
    }
    status = {"batteryStatus": 4, "changedTime": now, "currentPowerSource": 1, "PEVInfo": wants}
    assert car.client.put("/edev/3/ps", "PowerStatus", status).status == 204
    enrolment.enrol("F" * 40, category=1)
    information = {
        "functionsImplemented": "2000",
        "lFDI": pump.lfdi,
        "mfDate": 0,
        "mfHwVer": "1",
        "mfID": 0,
        "mfModel": "m",
        "mfSerNum": "s",
        "primaryPower": 1,
        "secondaryPower": 0,
        "swActTime": 0,
        "swVer": "1",
        "DRLCCapabilities": {
            "averageEnergy": watts(1),
            "maxDemand": watts(2500),
            "optionsImplemented": "00000000",
        },
    }
    assert pump.client.put("/edev/4/di", "DeviceInformation", information).status == 204
    return storage


def test_what_devices_say_becomes_rows(lived):
    assert sql.rows(
        "SELECT max_injection_w, max_absorption_w, capacity_wh, soc, dischargeable_wh, chargeable_wh, "
        "connected, ramp_w_per_s FROM der_state WHERE device_id = 1"
    ) == [(5000, 5000, 9000, 0.35, 1250, 1250, True, 40)]
    assert dict(sql.rows("SELECT device_id, kind FROM device_type")) == {
        1: "storage",
        2: "pv",
        3: "ev",
        4: "other",
        5: "thermal",
    }
    assert sql.rows("SELECT max_load_w FROM device_type WHERE device_id = 4") == [(2500,)]
    assert sql.rows("SELECT injection_w, read_at, peak_load_w FROM meter WHERE device_id = 1") == [
        (1600, clock.now(), 4000)
    ]
    assert sorted(sql.rows("SELECT kind, injection_w, peak_load_w FROM meter WHERE device_id = 2")) == [
        ("premises", -200, 400), ("pv", -200, 200), ("pv", 3000, 0)]
    assert sql.rows(
        "SELECT arrival_at, departure_at, energy_wh, power_w, reported_need_wh, reported_at, cancelled FROM "
        "charging_session"
    ) == [(clock.now(), clock.now() + 36_000, 14_000, 7000, 9000, clock.now() + 10, False)]


def test_a_healthy_database_has_the_rows_that_a_rebuild_makes(lived):
    was = content()
    assert store.reindex() == 0 and content() == was


@pytest.mark.parametrize("damage", [
    "DELETE FROM "
    "der_state", "DELETE FROM "
                 "device_type", "DELETE FROM "
                                "meter", "DELETE FROM charging_session", "UPDATE der_state SET soc = 1",
    "UPDATE meter SET injection_w "
    "= 1", "UPDATE meter SET read_at "
           "= 1", "UPDATE device_type SET kind = 'other'", "UPDATE meter SET kind = 'thermal'",
    "UPDATE charging_session SET cancelled = "
    "true", "UPDATE charging_session SET reported_need_wh = NULL, reported_at = "
            "NULL", "UPDATE meter SET factor = 5"])
def test_rows_that_were_lost_or_spoilt_are_made_anew(lived, damage):
    was = content()
    sql.execute(damage)
    assert content() != was
    assert store.reindex() > 0
    assert content() == was
    assert store.reindex() == 0


def test_a_visit_outlasts_its_request_and_everything_else_goes_with_its_document(lived):
    store.remove("/edev/3/frq/1")
    assert sql.rows("SELECT cancelled FROM charging_session") == [(True,)]
    store.remove("/edev/1/der/1")
    assert sql.rows("SELECT href FROM der_state WHERE device_id = 1") == []
    assert sql.rows("SELECT kind FROM device_type WHERE device_id = 1") == [("other",)]
    for point in store.items("/upt"):
        store.remove(point.href)
    assert sql.rows("SELECT href FROM meter") == []
    store.remove("/edev/2")
    assert sql.rows("SELECT device_id FROM device_type WHERE device_id = 2") == []
    assert store.reindex() == 0


def test_a_battery_that_says_no_capacity_shows_it_by_how_its_charge_goes(battery):
    storage = battery(1, wh=0, charge=0.5, injection=0)
    for charge, injection in ((0.5, 0), (0.58, -1000), (0.66, -1000), (0.56, 1000), (0.56, 0)):
        clock.advance(3600)
        storage.charge(charge)
        storage.post(injection, start=clock.now() - 3600, duration=3600)
        worker.turn()
    inferred, = sql.row("SELECT inferred_capacity_wh FROM der_state")
    assert inferred == pytest.approx(11_500, rel=0.1)
    assert inferredcapacity.infer_due() == 0
    assert Device.select().count() == 1


WHATS = [
    # DERs (type, whether it says what it stores), category, whole premises -> what
    ([(80, False)], 0, False, "storage"),
    ([(83, True)], 0, False, "storage"),
    ([(4, False)], 0, False, "pv"),
    ([(81, False)], 0, False, "ev"),
    ([(82, True)], 1, False, "ev"),
    ([(4, False), (80, True)], 0, True, "storage"),
    ([(0, False)], 1, False, "thermal"),
    ([(0, True)], 0, False, "storage"),
    ([(1, True)], 0, False, "storage"),
    ([], 1 << 4, True, "thermal"),
    ([], 1 << 17, False, "ev"),
    ([], 0, True, "premises"),
    ([], 0, False, "other"),
    ([(2, False)], 0, True, "generator"),
    ([(6, True)], 0, False, "generator"),
]


@pytest.mark.parametrize("ders, category, premises, expected", WHATS)
def test_what_a_device_is(ders, category, premises, expected):
    der_kinds = [devicetypes.kind_of_der(*der) for der in ders]
    assert devicetypes.kind_of(der_kinds, category, premises) == expected


def test_a_device_that_turns_out_to_be_something_else_has_its_meters_follow_but_for_that_of_the_premises(
    lived,
):
    sql.execute("UPDATE der_state SET der_type = 80 WHERE device_id = 2")
    assert devicetypes.reconcile(2, Device.get_by_id(2).lfdi)
    assert sorted(kind for (kind,) in sql.rows("SELECT kind FROM meter WHERE device_id = 2")) == [
        "premises",
        "storage",
        "storage",
    ]
