import pytest

from server import clock
from server.config import settings
from server.devices import enrolment
from server.grid.fleet import derreports, members
from server.models import Device
from server.resources import profiles

W = {"multiplier": 0}
BATTERY = {
    "type": 80,
    "rtgMaxW": {"multiplier": 0, "value": 5000},
    "rtgMaxChargeRateW": {"multiplier": 1, "value": 400},
    "rtgMaxWh": {"multiplier": 3, "value": 10},
    "modesSupported": "00000080",
}
SOLAR = {"type": 4, "rtgMaxW": {"multiplier": 0, "value": 6000}, "modesSupported": "00100004"}
CHARGER = {
    "type": 82,
    "rtgMaxW": {"multiplier": 0, "value": 7000},
    "rtgMaxChargeRateW": {"multiplier": 0, "value": 7000},
    "modesSupported": "00000080",
}


def unit(documents, present, hours):
    rated = derreports.ratings_of(documents)
    return members.member_der(
        members.DerRow(**{name: rated[name] for name in members.DerRow._fields}), present, hours,
        frozenset(rated["modes"].split())
    )


def soc(value):
    return {"stateOfChargeStatus": {"dateTime": 0, "value": value}}


BOUNDS = [
    # what, documents, present W, hours -> low, high
    ("a battery that has not said its charge", {"DERCapability": BATTERY}, None, 1, (-4000, 5000)),
    ("half full, for an hour", {"DERCapability": BATTERY, "DERStatus": soc(5000)}, None, 1, (-4000, 5000)),
    ("half full, for two hours", {"DERCapability": BATTERY, "DERStatus": soc(5000)}, None, 2, (-2500, 2500)),
    ("empty", {"DERCapability": BATTERY, "DERStatus": soc(0)}, None, 1, (-4000, 0)),
    ("full", {"DERCapability": BATTERY, "DERStatus": soc(10_000)}, None, 1, (0, 5000)),
    (
        "settings override ratings",
        {"DERCapability": BATTERY, "DERSettings": {"setMaxW": {"multiplier": 0, "value": 3000}}},
        None,
        1,
        (-4000, 3000),
    ),
    (
        "a discharge rating of its own",
        {"DERCapability": {**BATTERY, "rtgMaxDischargeRateW": {"multiplier": 0, "value": 6000}}},
        None,
        1,
        (-4000, 6000),
    ),
    (
        "durations tell more than the charge",
        {
            "DERCapability": BATTERY,
            "DERStatus": soc(5000),
            "DERAvailability": {"availabilityDuration": 1800, "maxChargeDuration": 900},
        },
        None,
        1,
        (-1000, 2500),
    ),
    (
        "disconnected",
        {"DERCapability": BATTERY, "DERStatus": {"storConnectStatus": {"value": "00"}}},
        None,
        1,
        (0, 0),
    ),
    (
        "connected",
        {"DERCapability": BATTERY, "DERStatus": {"storConnectStatus": {"value": "07"}}},
        None,
        1,
        (-4000, 5000),
    ),
    ("panels of which nothing more is known", {"DERCapability": SOLAR}, None, 1, (0, 6000)),
    (
        "panels with little sun",
        {"DERCapability": SOLAR, "DERAvailability": {"statWAvail": {"multiplier": 0, "value": 2000}}},
        None,
        1,
        (0, 2000),
    ),
    (
        "panels that give more than their reserve",
        {"DERCapability": SOLAR, "DERAvailability": {"statWAvail": {"multiplier": 0, "value": 0}}},
        2500,
        1,
        (0, 2500),
    ),
    ("a charger that cannot discharge", {"DERCapability": CHARGER}, None, 1, (-7000, 0)),
    (
        "a charger without a car",
        {"DERCapability": CHARGER, "DERAvailability": {"maxChargeDuration": 0}},
        None,
        1,
        (0, 0),
    ),
]


@pytest.mark.parametrize(
    "case, documents, present, hours, expected", BOUNDS, ids=[case[0] for case in BOUNDS],
)
def test_what_a_der_can_do_now(case, documents, present, hours, expected):
    able = unit(documents, present, hours)
    assert (able.lowest_w, able.highest_w) == expected


def test_a_der_that_has_stated_nothing_is_none():
    assert derreports.ratings_of({}) is None


def test_modes_enabled_override_modes_supported():
    known = unit({"DERCapability": SOLAR}, None, 1).modes
    assert known == {"opModMaxLimW", "opModConnect"}
    enabled = {
        "DERSettings": {"modesEnabled": "00100000"},
        "DERCapability": {**SOLAR, "modesSupported2": "00000010", "csipaus:doeModesSupported": "03"},
    }
    assert unit(enabled, None, 1).modes == {
        "opModMaxLimW", "opModMaxLimPctWAbsorb", "csipaus:opModExpLimW", "csipaus:opModImpLimW"}


@pytest.mark.parametrize("general, own, sent", [
    ("2030.5-2018", "", {"opModEnergize"}),
    ("2030.5-2018", "csip-aus", {"opModEnergize", "csipaus:opModExpLimW"}),
    ("csip-aus", "", {"opModEnergize", "csipaus:opModExpLimW"}),
    ("csip-aus", "csip", {"opModEnergize"}),
])
def test_modes_that_a_device_is_never_sent_are_none(battery, general, own, sent):
    """Or a stop would tell it nothing."""
    settings.profile = general
    home = battery(1)
    home.put("dercap", "DERCapability", {
        **SOLAR, "modesSupported": "00000008", "csipaus:doeModesSupported": "01"})
    profiles.assign([(home.device.id, own)])
    (member,) = members.read([home.device])
    assert member.modes == sent


def test_a_baseline_is_a_power_that_can_be_held():
    low = unit({"DERCapability": BATTERY, "DERStatus": soc(1000)}, 5000, 1)
    alone = members.Member("A", "a", "battery", True, (low,), 5000.0, 0)
    assert (alone.highest_w, alone.baseline_w) == (1000, 1000)


def test_members_as_they_are_in_the_store(battery, home):
    first, quiet = battery(1, charge=0.25, injection=-1200), home(2, in_contact=False)
    suspended, removed = battery(3), battery(4)
    Device.update(last_contact_at=clock.now() - 3601).where(Device.id == suspended.device.id).execute()
    enrolment.suspend(removed.device)
    by_name = {member.name: member for member in members.read(Device.select().order_by(Device.id))}
    assert list(by_name) == ["d1", "d2", "d3"]
    first = by_name["d1"]
    assert (first.online, first.injection_w, first.read_at) == (True, -1200, clock.now())
    assert (first.lowest_w, first.highest_w, first.baseline_w) == (-5000, 2500, -1200)
    assert not by_name["d2"].online and by_name["d2"].ders == () and not by_name["d3"].online
    assert quiet.lfdi == by_name["d2"].lfdi and first.lfdi == first.lfdi
