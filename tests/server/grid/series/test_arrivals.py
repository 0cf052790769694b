from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from server import clock
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.series import arrivals, forecasts
from server.models import ChargingSession, Device, Series, VirtualDER
from tests import peers
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
STEP, HOUR, DAY, WEEK = 900, 3600, 86400, 7 * 86400


@pytest.fixture(autouse=True)
def tree(server):
    """d1 and d2 charge in the street, d3 in the town around it."""
    for number in (1, 2, 3):
        enrolment.enrol(peers.lfdi(number), name=f"d{number}")
    virtualders.create("town", members=["d3"])
    virtualders.create("street", parent="town", members=["d1", "d2"])


def add_session(device, arrive, hours=8.0, energy=14_000.0, power=7000.0, **options):
    ChargingSession.create(
        href=f"/edev/{device}/frq/{ChargingSession.select().count()}",
        device=device,
        arrival_at=arrive,
        departure_at=arrive + round(hours * HOUR),
        energy_wh=energy,
        power_w=power,
        **options,
    )


def coming(steps=96, start=NOON, groups=("town", "street"), **options):
    sessions = arrivals.expected(
        [VirtualDER.get(VirtualDER.name == name) for name in groups], start, steps, **options
    )
    return list(zip(*(part.tolist() for part in sessions[:5]), strict=True))


def test_cars_come_as_they_came_a_week_ago():
    add_session(1, NOON - WEEK + HOUR)
    add_session(3, NOON - WEEK + 2 * HOUR + 1, hours=1, energy=3000, power=3500)
    assert coming() == [(4, 36, 14_000, 7000, 1), (9, 12, 3000, 3500, 0)]
    assert coming(hours=0.5) == [(2, 18, 14_000, 7000, 1), (5, 6, 3000, 3500, 0)]
    assert (
        coming(groups=["street"]) == [(4, 36, 14_000, 7000, 0)]
        and coming(groups=["street", "town"])[1][4] == 1
    )
    assert coming(steps=4) == [] and coming(start=NOON + 2 * HOUR)[0] == (0, 28, 14_000, 7000, 1)
    assert coming(start=NOON + DAY) == coming(start=NOON + DAY, steps=1)


def test_of_several_weeks_each_counts_for_its_part():
    for weeks, energy in ((1, 9000.0), (2, 12_000.0), (3, 15_000.0)):
        add_session(1, NOON - weeks * WEEK + HOUR, energy=energy)
    assert coming() == [(4, 36, energy / 3, 7000 / 3, 1) for energy in (9000, 12_000, 15_000)]
    add_session(3, NOON - 9 * WEEK + HOUR)
    assert len(coming()) == 3, "long ago"


def test_how_much_more_there_may_be_is_known_by_group():
    for weeks, energy in ((1, 9000.0), (2, 12_000.0), (3, 15_000.0)):
        add_session(1, NOON - weeks * WEEK + HOUR, energy=energy)
        add_session(3, NOON - weeks * WEEK + HOUR, energy=9000.0)
    groups = [VirtualDER.get(VirtualDER.name == name) for name in ("town", "street")]
    spread = arrivals.expected_arrivals(groups, NOON, 96).spread
    assert spread.tolist() == pytest.approx([1, 1 + 1.2816 * 3000 * (4 / 3) ** 0.5 / 12_000])


NOT_EXPECTED = [
    ("it comes after the horizon", {"arrive": NOON - WEEK + DAY}, {}),
    ("it would be here", {"arrive": NOON - WEEK}, {}),
    ("it was five days ago", {"arrive": NOON - 5 * DAY}, {}),
    ("cancelled", {"cancelled": True}, {}),
    ("it gave energy", {"energy": -5000.0}, {}),
    ("no power", {"power": 0.0}, {}),
    ("too short for a step", {"hours": 0.2}, {}),
    ("it is elsewhere", {"device": 3}, {"groups": ["street"]}),
]


@pytest.mark.parametrize("case, change, how", NOT_EXPECTED, ids=[case[0] for case in NOT_EXPECTED])
def test_others_are_not_expected(case, change, how):
    add_session(**({"device": 1, "arrive": NOON - WEEK + HOUR} | change))
    assert coming(**how) == []


def test_who_has_asked_for_that_time_is_not_expected_again():
    add_session(1, NOON - WEEK + HOUR)
    add_session(1, NOON - HOUR, hours=1.5)
    assert len(coming()) == 1
    add_session(1, NOON + HOUR - 60)
    assert coming() == []
    ChargingSession.update(cancelled=True).where(ChargingSession.arrival_at == NOON + HOUR - 60).execute()
    assert len(coming()) == 1


def test_a_replay_does_not_know_who_asked_later():
    add_session(1, NOON - WEEK + HOUR)
    add_session(1, NOON + HOUR)
    assert coming() == []
    clock.advance(2 * HOUR)
    assert len(coming(at=NOON)) == 1


def test_who_is_suspended_or_in_no_leaf_is_not_expected():
    add_session(1, NOON - WEEK + HOUR)
    enrolment.suspend(Device.get_by_id(1))
    assert coming() == []


def test_a_week_is_one_of_the_clock_on_the_wall():
    settings.timezone = "Europe/Berlin"
    for day, before in (
        ("2026-03-30", "2026-03-23"),
        ("2026-10-26", "2026-10-19"),
        ("2026-06-08", "2026-06-01"),
    ):
        ChargingSession.delete().execute()
        now, came = (int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).timestamp())
                     for text in (f"{day}T12:00", f"{before}T17:00"))
        clock.turn_to(now)
        add_session(1, came)
        assert coming(start=now) == [(20, 52, 14_000, 7000, 1)]


def test_cars_that_are_given_take_the_place_of_those_of_a_week_ago():
    add_session(1, NOON - WEEK + HOUR)
    add_session(3, NOON - WEEK + HOUR)
    result = forecasts.put("street", "ev", [[NOON + 2 * HOUR, NOON + 4 * HOUR, 9000, 3500]], 0, 0, "survey")
    assert (result["sessions"], result["energy_wh"]) == (1, 9000)
    assert (result["source"], result["warnings"]) == ("survey", [])
    assert coming() == [(4, 36, 14_000, 7000, 0), (8, 16, 9000, 3500, 1)]
    clock.advance(60)
    forecasts.put("street", "ev", [[NOON + 3 * HOUR, NOON + 4 * HOUR, 1000, 1000]], 0, 0)
    assert coming()[1] == (12, 16, 1000, 1000, 1) and coming(at=NOON)[1] == (8, 16, 9000, 3500, 1)
    clock.advance(5 * HOUR)
    assert coming(start=NOON + 5 * HOUR) == []


def test_cars_of_those_below_are_not_told_above():
    result = forecasts.put("town", "ev", [[NOON, NOON + HOUR, 1, 1]], 0, 0, dry_run=True)
    assert "these sessions count only for devices that are in none of them" in result["warnings"][0]
    assert not Series.select().exists()


@pytest.mark.parametrize("sessions, why", [
    ([], "0 sessions"),
    ([[NOON, NOON, 1, 1]], "session 1: departure has to be after arrival"),
    ([[NOON, NOON + 9, 0, 1]], "session 1"),
    ([[NOON, NOON + 9, 1, 1], [NOON, NOON + 9, 1, float("nan")]],
     "session 2: .* is not arrive, depart, Wh and W"),
    ([[NOON, NOON + 9, True, 1]], "session 1"),
])
def test_what_is_no_visit_is_refused(sessions, why):
    with pytest.raises(Refused, match=why):
        forecasts.put("street", "ev", sessions, 0, 0)
    with pytest.raises(Refused, match="later than now"):
        forecasts.put("street", "ev", [[NOON, NOON + 9, 1, 1]], 0, 0, issued_at=NOON + 1)
