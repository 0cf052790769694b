"""Time: the clock, local time and daylight saving, quality (IEEE 2030.5-2018, 9.2; CSIP CORE-005,
CORE-006)."""
from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server import clock
from server.config import settings
from server.functionsets import tm
from tests.conftest import NOON
from tests.peers import Peer

HOUR = 3600


def utc(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp())  # type: ignore[arg-type]


# zone, instant: tzOffset, dstOffset, dstStartTime, dstEndTime, what localTime adds
ZONES = [
    ("UTC", utc(2025, 7, 1), 0, 0, 0, 0, 0),
    ("Asia/Tokyo", utc(2025, 7, 1), 9 * HOUR, 0, 0, 0, 9 * HOUR),
    ("Asia/Kolkata", utc(2025, 1, 1), 19800, 0, 0, 0, 19800),
    # north: saving from spring to autumn of one year
    (
        "America/Los_Angeles",
        utc(2025, 7, 1),
        -8 * HOUR,
        HOUR,
        utc(2025, 3, 9, 10),
        utc(2025, 11, 2, 9),
        -7 * HOUR,
    ),
    (
        "America/Los_Angeles",
        utc(2025, 1, 15),
        -8 * HOUR,
        HOUR,
        utc(2025, 3, 9, 10),
        utc(2025, 11, 2, 9),
        -8 * HOUR,
    ),
    ("Europe/Berlin", utc(2025, 7, 1), HOUR, HOUR, utc(2025, 3, 30, 1), utc(2025, 10, 26, 1), 2 * HOUR),
    # south: it ends first
    (
        "Australia/Sydney",
        utc(2025, 1, 15),
        10 * HOUR,
        HOUR,
        utc(2025, 10, 4, 16),
        utc(2025, 4, 5, 16),
        11 * HOUR,
    ),
    (
        "Australia/Sydney",
        utc(2025, 7, 1),
        10 * HOUR,
        HOUR,
        utc(2025, 10, 4, 16),
        utc(2025, 4, 5, 16),
        10 * HOUR,
    ),
    # half an hour, and the new year's night, where the local year differs from UTC's
    (
        "Australia/Lord_Howe",
        utc(2025, 7, 1),
        37800,
        1800,
        utc(2025, 10, 4, 15, 30),
        utc(2025, 4, 5, 15),
        37800,
    ),
    (
        "Australia/Sydney",
        utc(2025, 12, 31, 20),
        10 * HOUR,
        HOUR,
        utc(2026, 10, 3, 16),
        utc(2026, 4, 4, 16),
        11 * HOUR,
    ),
    # the second that is the first of daylight saving, the one before, and the same at the end
    ("Europe/Berlin", utc(2025, 3, 30, 1), HOUR, HOUR, utc(2025, 3, 30, 1), utc(2025, 10, 26, 1), 2 * HOUR),
    ("Europe/Berlin", utc(2025, 3, 30, 1) - 1, HOUR, HOUR, utc(2025, 3, 30, 1), utc(2025, 10, 26, 1), HOUR),
    ("Europe/Berlin", utc(2025, 10, 26, 1), HOUR, HOUR, utc(2025, 3, 30, 1), utc(2025, 10, 26, 1), HOUR),
]


@pytest.mark.parametrize("zone, now, offset, saving, start, end, local", ZONES)
def test_offsets(zone: str, now: int, offset: int, saving: int, start: int, end: int, local: int) -> None:
    time_resource = tm.at(now, zone)
    assert (time_resource["tzOffset"], time_resource["dstOffset"]) == (offset, saving)
    assert (time_resource["dstStartTime"], time_resource["dstEndTime"]) == (start, end)
    assert (time_resource["currentTime"], time_resource["localTime"] - now) == (now, local)


@given(
    st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Santiago", "Asia/Tokyo"]
    ),
    st.integers(utc(2008, 1, 1), utc(2036, 1, 1)),
)
@example("America/Santiago", utc(2015, 1, 1, 3))  # Chile kept daylight saving through all of 2015
def test_local_time_is_what_a_client_makes_of_the_offsets(zone: str, now: int) -> None:
    """Within the year of which the offsets tell, also for instants other than the one at which they were
    asked."""
    year = datetime.fromtimestamp(now, ZoneInfo(zone)).year
    time_resource = tm.at(utc(year, 6, 15), zone)
    start, end = time_resource["dstStartTime"], time_resource["dstEndTime"]
    saved = start <= now < end if start <= end else not end <= now < start
    local = now + time_resource["tzOffset"] + (time_resource["dstOffset"] if saved else 0)
    assert local == tm.at(now, zone)["localTime"]


def test_it_is_the_one_clock(device: Peer) -> None:
    assert device.get("/tm").data["currentTime"] == NOON
    clock.advance(90)
    assert device.get("/tm").data["currentTime"] == NOON + 90


def test_quality_zone_and_rate_are_settings(device: Peer) -> None:
    assert device.get("/tm").data["quality"] == 4
    settings.time_quality, settings.timezone, settings.poll_rate = 7, "Europe/Berlin", 900
    time_resource = device.get("/tm").data
    assert (time_resource["quality"], time_resource["pollRate"],
            time_resource["localTime"] - time_resource["currentTime"]) == (7, 900, 2 * HOUR)


def test_a_device_does_not_set_the_clock(device: Peer) -> None:
    assert device.put("/tm", "Time", tm.at(NOON + HOUR, "UTC")).status == 403
    assert device.get("/tm").data["currentTime"] == NOON


def test_every_link_to_time_leads_here(device: Peer) -> None:
    assert device.get("/dcap").data["TimeLink"] == {"href": "/tm"}
