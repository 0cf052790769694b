"""The policy of grants, as a function of values."""
import math

import pytest
from hypothesis import given
from hypothesis import strategies as some

from server.grid.controls.reservationpolicy import (ReservationRequest, Reserved, defer, earliest, headroom,
                                                    latest, least_headroom_w, limited, tightest)
from server.grid.fleet.reservationoffer import ReservationOffer

HOUR = 3600
UNLIMITED = ((0, math.inf),)
DAY = ReservationRequest(0, 24 * HOUR, 14_000, 7000)


@pytest.mark.parametrize("requested, now, lead, expected", [
    (DAY, 0, 0, ReservationOffer(0, 7200, 7000, 14_000)),
    (DAY, 0, 300, ReservationOffer(300, 7200, 7000, 14_000)),
    (DAY, 3600, 300, ReservationOffer(3900, 7200, 7000, 14_000)),
    (ReservationRequest(7200, 9 * HOUR, 14_000, 7000), 0, 300, ReservationOffer(7200, 7200, 7000, 14_000)),
    # no time to wait for the next poll
    (ReservationRequest(0, 7300, 14_000, 7000), 0, 300, ReservationOffer(0, 7200, 7000, 14_000)),
    # not all of it fits the window
    (ReservationRequest(0, 3600, 14_000, 7000), 0, 0, ReservationOffer(0, 3600, 7000, 7000)),
    (ReservationRequest(0, 24 * HOUR, 14_000, 7000, 9000), 0, 0, ReservationOffer(0, 9000, 7000, 14_000)),
    (ReservationRequest(0, 24 * HOUR, -14_000, 7000), 0, 0, ReservationOffer(0, 7200, -7000, -14_000)),
    (ReservationRequest(0, 24 * HOUR, 1, 7000), 0, 0, ReservationOffer(0, 1, 7000, 1)),
    (ReservationRequest(0, 3600, 14_000, 7000), 3600, 0, ReservationOffer(0, 3600, 0, 0))])
def test_without_limits(requested, now, lead, expected):
    assert earliest(requested, UNLIMITED, now, lead) == expected


@pytest.mark.parametrize("limit, taken, expected", [
    (12_000, [], ReservationOffer(0, 7200, 7000, 14_000)),
    # after it is sooner done than beside it, or the other way round
    (12_000, [Reserved(0, HOUR, 9000)], ReservationOffer(HOUR, 7200, 7000, 14_000)),
    (12_000, [Reserved(0, HOUR, 7000)], ReservationOffer(0, 10_080, 5000, 14_000)),
    (10_750, [Reserved(0, 6 * HOUR, 5000)], ReservationOffer(0, 8766, 5750, 14_000)),
    (10_750, [Reserved(0, 24 * HOUR, 9000)], ReservationOffer(0, 8 * HOUR, 1750, 14_000)),
    # all that a limit leaves, not only a fraction of the charger's power
    (4000, [], ReservationOffer(0, 12_600, 4000, 14_000)),
    (4000, [Reserved(0, HOUR, 2000)], ReservationOffer(HOUR, 12_600, 4000, 14_000)),
    # an hour before it is not enough
    (12_000, [Reserved(HOUR, 2 * HOUR, 10_500)], ReservationOffer(2 * HOUR, 7200, 7000, 14_000)),
    # most of it
    (12_000, [Reserved(0, 23 * HOUR, 10_500)], ReservationOffer(23 * HOUR, HOUR, 7000, 7000)),
    (12_000, [Reserved(0, 24 * HOUR, 10_500)], ReservationOffer(0, 24 * HOUR, 0, 0))])
def test_within_a_limit_less_what_others_have(limit, taken, expected):
    assert earliest(DAY, headroom(limit, taken), 0) == expected


def test_the_least_of_several_limits_counts():
    both = tightest(
        [
            headroom(5000, [Reserved(10, 20, 3000)]),
            headroom(4000, []),
            headroom(9000, [Reserved(15, 30, 8000)]),
        ]
    )
    assert [least_headroom_w(both, at, at + 1) for at in (0, 9, 10, 14, 15, 19, 20, 29, 30)] == [
        4000, 4000, 2000, 2000, 1000, 1000, 1000, 1000, 4000]
    assert least_headroom_w(both, 0, 40) == 1000 and least_headroom_w(tightest([]), 0, 40) == math.inf


seconds = some.integers(0, 100_000)
others = some.lists(some.builds(lambda start, length, power: Reserved(start, start + length, power), seconds,
                                some.integers(1, 30_000), some.floats(1, 8000)), max_size=8)
requests = some.builds(
    lambda start, length, energy, power, least: ReservationRequest(
        start, start + length, energy, power, least
    ),
    seconds,
    some.integers(1, 60_000),
    some.floats(-50_000, 50_000).filter(lambda wh: abs(wh) >= 1),
    some.floats(1000, 11_000),
    some.integers(0, 20_000),
)


@given(
    some.dictionaries(some.integers(1, 50), some.integers(0, 9000), max_size=4),
    some.lists(some.builds(lambda start, length, watts: Reserved(start, start + length, watts),
                           some.integers(0, 40), some.integers(1, 20), some.integers(0, 5000)), max_size=4))
def test_a_limit_that_changes_leaves_at_each_instant_what_is_not_reserved(changes, taken):
    limit = [(0, 5000), *sorted(changes.items())]
    left = limited(limit, taken)
    for at in range(70):
        limit_w = [watts for instant, watts in limit if instant <= at][-1]
        reserved_w = sum(other.power_w for other in taken if other.start <= at < other.end)
        assert least_headroom_w(left, at, at + 1) == limit_w - reserved_w


@given(requests, others, some.floats(0, 20_000), seconds, some.integers(0, 900))
def test_a_grant_is_within_the_window_the_wish_and_the_limit(requested, taken, limit, now, lead):
    grant = earliest(requested, headroom(limit, taken), now, lead)
    assert requested.start <= grant.start and grant.start + grant.duration_s <= requested.end
    assert now >= requested.end or grant.start >= now
    assert abs(grant.power_w) <= requested.power_w and abs(grant.energy_wh) <= abs(requested.energy_wh) + 1e-6
    assert grant.power_w * requested.energy_wh >= 0 and grant.energy_wh * requested.energy_wh >= 0
    assert abs(grant.energy_wh) <= abs(grant.power_w) * grant.duration_s / 3600 + 1e-3
    if grant.power_w:
        inside = [
            grant.start,
            *(
                at
                for reserved in taken
                for at in reserved[:2]
                if grant.start < at < grant.start + grant.duration_s
            ),
        ]
        for instant in inside:
            others_w = sum(
                reserved.power_w for reserved in taken if reserved.start <= instant < reserved.end
            )
            assert abs(grant.power_w) + others_w <= limit + 1e-6


@given(requests, others, some.floats(0, 20_000))
def test_what_could_be_had_whole_at_full_power_is_had_no_later(requested, taken, limit):
    steps = headroom(limit, taken)
    grant = earliest(requested, steps, 0)
    length = requested.duration_s(requested.power_w)
    for start in {requested.start, *(reserved.end for reserved in taken)}:
        if (
            start >= requested.start
            and start + length <= requested.end
            and least_headroom_w(steps, start, start + length) >= requested.power_w
        ):
            assert grant.energy_wh == requested.energy_wh and grant.start + grant.duration_s <= start + length


@pytest.mark.parametrize("limit, taken, expected", [
    (12_000, [], ReservationOffer(22 * HOUR, 7200, 7000, 14_000)),
    (12_000, [Reserved(23 * HOUR, 24 * HOUR, 7000)], ReservationOffer(21 * HOUR, 7200, 7000, 14_000)),
    # at full power there is never room
    (10_750, [Reserved(0, 24 * HOUR, 9000)], ReservationOffer(0, 8 * HOUR, 1750, 14_000))])
def test_as_late_as_can_be(limit, taken, expected):
    assert latest(DAY, headroom(limit, taken), 0) == expected


@given(requests, others, some.floats(0, 20_000), seconds)
def test_nothing_is_0_w_for_what_is_left_of_the_window(requested, taken, limit, now):
    none = defer(requested, headroom(limit, taken), now)
    assert (none.power_w, none.energy_wh) == (0, 0) and none.start + none.duration_s == requested.end
    assert none.start == (max(requested.start, now) if now < requested.end else requested.start)


@given(requests, others, some.floats(0, 20_000), seconds, some.integers(0, 900))
def test_the_latest_is_within_the_window_too_and_serves_no_less_than_the_earliest(
    requested, taken, limit, now, lead
):
    late, early = (choose(requested, headroom(limit, taken), now, lead) for choose in (latest, earliest))
    assert (
        requested.start <= late.start
        and late.start + late.duration_s <= requested.end
        and late.start >= early.start - lead
    )
    assert abs(late.energy_wh) >= abs(early.energy_wh) - 1e-6
