"""What a contract allows: clause by clause, and whatever is called."""
from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation import blockterms
from server.grid.optimisation.blockterms import BlockTerms, Calendar, Period
from tests.conftest import NOON

HOUR = 3600
CALENDAR = Calendar(zone=ZoneInfo("UTC"), season_days=365)
EARLIER = Period(NOON - 4 * HOUR, NOON - 2 * HOUR)


def call(start: int, hours: float) -> Period:
    return Period(NOON + start, NOON + start + round(hours * HOUR))


@pytest.mark.parametrize("clause, terms, past, period", [
    ("notice_s", {"notice_s": 1800}, [], call(1799, 1)),
    ("shortest_s", {"shortest_s": HOUR}, [], call(1800, 0.5)),
    ("longest_s", {"longest_s": HOUR}, [], call(1800, 1.5)),
    ("longest_s", {"longest_s": 3 * HOUR}, [EARLIER], call(-2 * HOUR, 2)),  # it goes on with the one before
    ("rest_s", {"rest_s": 3 * HOUR}, [EARLIER], call(1800, 1)),
    ("rest_s", {"rest_s": 3 * HOUR}, [call(5 * HOUR, 1)], call(1800, 2)),  # before one that is to come
    ("events_day", {"events_day": 1}, [EARLIER], call(1800, 1)),
    ("events_season", {"events_season": 1}, [Period(NOON - 9 * 86400, NOON - 9 * 86400 + 60)], call(0, 1)),
    ("hours_season", {"hours_season": 2.5}, [EARLIER], call(0, 1)),
    ("it is called", {}, [call(0, 1)], call(1800, 1)),
])
def test_each_clause_is_broken_by_name(
    clause: str, terms: dict[str, int], past: list[Period], period: Period
) -> None:
    broken = blockterms.breaches(BlockTerms(power_w=1.0, **terms), past, period, NOON, CALENDAR)
    assert len(broken) == 1 and broken[0].startswith(clause)


def test_a_call_that_goes_on_is_one_event_and_needs_no_notice() -> None:
    terms = BlockTerms(power_w=1.0, notice_s=7200, events_day=1, shortest_s=HOUR, longest_s=3 * HOUR)
    assert not blockterms.breaches(terms, [call(-HOUR, 1)], call(0, 0.5), NOON, CALENDAR)


def test_what_counts_by_the_season_is_forgotten_after_it() -> None:
    terms, old = BlockTerms(power_w=1.0, events_season=1), Period(NOON - 366 * 86400, NOON - 366 * 86400 + 60)
    assert not blockterms.breaches(terms, [old], call(0, 1), NOON, CALENDAR)


@pytest.mark.parametrize("terms, sentence", [
    ({}, "power_w: a block has a power"),
    ({"power_w": 1.0, "shortest_s": 7200, "longest_s": 3600}, "shortest_s 7200 is more than longest_s 3600"),
    ({"power_w": 1.0, "nominated_w": 2.0}, "nominated_w 2 is more than power_w 1"),
    ({"power_w": 1.0, "island": True}, "island is a clause of generator, not of load"),
    ({"power_w": 1.0, "notice_s": -1}, "notice_s -1 is not between 0 and 604800"),
    ({"power_w": 1.0, "penalty_kwh": 2.0}, "penalty_kwh: it is of nominated_w, which is not agreed"),
    ({"power_w": 1.0, "colour": 2.0}, "there is no clause 'colour'"),
])
def test_terms_that_make_no_sense_are_told(terms: dict[str, float], sentence: str) -> None:
    assert any(found.startswith(sentence) for found in blockterms.faults("load", terms))


def test_the_next_opening_waits_for_notice_rest_and_the_next_day() -> None:
    terms = BlockTerms(power_w=1.0, notice_s=1800, rest_s=3 * HOUR, longest_s=HOUR)
    far = NOON + 3 * 86400
    assert blockterms.opening(terms, [], NOON, CALENDAR, far) == (NOON + 1800, HOUR)
    assert blockterms.opening(terms, [EARLIER], NOON, CALENDAR, far) == (NOON + HOUR, HOUR)
    daily = BlockTerms(power_w=1.0, events_day=1, longest_s=HOUR)
    assert blockterms.opening(daily, [EARLIER], NOON, CALENDAR, far) == (NOON + 12 * HOUR, HOUR)
    assert blockterms.opening(daily, [EARLIER], NOON, CALENDAR, NOON + HOUR) is None


def test_the_local_day_ends_at_local_midnight_also_when_clocks_change() -> None:
    berlin = Calendar(zone=ZoneInfo("Europe/Berlin"), season_days=365)
    changes = 1_774_742_400  # 2026-03-29T00:00Z, an hour before 02:00 becomes 03:00
    assert berlin.next_day(changes) == changes + 22 * HOUR


TERMS = st.builds(
    BlockTerms, power_w=st.just(1.0), notice_s=st.sampled_from([0, 900, 7200]),
    shortest_s=st.sampled_from([0, 1800]), longest_s=st.sampled_from([None, 1800, 7200]),
    rest_s=st.sampled_from([0, 3600, 30_000]), events_day=st.sampled_from([None, 1, 2]),
    events_season=st.sampled_from([None, 3]), hours_season=st.sampled_from([None, 4.0]))


@given(terms=TERMS, lengths=st.lists(st.integers(1, 8), max_size=8))
def test_calls_at_every_opening_never_break_a_contract(terms: BlockTerms, lengths: list[int]) -> None:
    """What is called whenever it can be, for as long as wanted within what the opening says."""
    past: list[Period] = []
    at = NOON
    for quarters in lengths:
        opening = blockterms.opening(terms, past, at, CALENDAR, at + 9 * 86400)
        if opening is None:
            break
        assert opening.start >= at + terms.notice_s
        seconds = min(max(quarters * 900, terms.shortest_s, 1), opening.seconds)
        period = Period(opening.start, opening.start + seconds)
        assert not blockterms.breaches(terms, past, period, at, CALENDAR)
        past.append(period)
        at = period.end
    assert terms.hours_season is None or sum(period.seconds for period in past) <= 4 * HOUR
    for event in blockterms.events(past):
        assert event.seconds <= terms.most_s
