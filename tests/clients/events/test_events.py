"""A DERControl as one device sees it."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from clients.events import events as ev
from tests.clients.controls import LFDI, control, events, mrid


def test_times_and_modes_are_taken_over() -> None:
    event, = events(control("a", 100, 50, created=7, opModMaxLimW=4000, rampTms=200), primacy=3)
    assert (event.start, event.end, event.creation_time, event.primacy) == (100, 150, 7, 3)
    assert event.modes == {"opModMaxLimW": 4000} and event.ramp_tms == 200
    assert (event.mRID, event.reply_to, event.response_required) == (mrid("a"), "/rsps/1/rsp", 3)


@pytest.mark.parametrize(
    "category, applies", [("00200000", True), ("02000000", False), ("02200000", True), (None, True)]
)
def test_an_event_is_for_the_device_categories_it_names(category: str | None, applies: bool) -> None:
    named = {} if category is None else {"deviceCategory": category}
    assert bool(events(control("a", 0, 9, **named), category=1 << 21)) is applies


@given(some.text(), some.text(), some.integers(-3600, 3600))
def test_a_draw_lies_between_nothing_and_its_bound_and_stays(seed: str, what: str, bound: int) -> None:
    drawn = ev.draw_integer(seed, what, bound)
    assert min(0, bound) <= drawn <= max(0, bound) and drawn == ev.draw_integer(seed, what, bound)


def test_draws_differ_by_device_and_event_and_reach_both_ends() -> None:
    drawn = {ev.draw_integer(f"{device:040X}", "start", 10) for device in range(400)}
    assert drawn == set(range(11))
    assert {ev.draw_integer(LFDI, f"start {event}", -10) for event in range(400)} == set(range(-10, 1))


def test_the_start_and_the_duration_are_randomized_apart_and_once() -> None:
    control_event = control("a", 1000, 600, randomizeStart=300, randomizeDuration=-120)
    many = [events(control_event, lfdi=f"{device:040X}")[0] for device in range(300)]
    assert {1000 <= event.start <= 1300 for event in many} == {True}
    assert {480 <= event.end - event.start <= 600 for event in many} == {True}
    assert (
        len({event.start for event in many}) > 100 and len({event.end - event.start for event in many}) > 60
    )
    assert events(control_event) == events(control_event)


def test_events_without_a_gap_have_none_after_randomization() -> None:
    first, second = events(control("a", 1000, 600, randomizeStart=300, randomizeDuration=300),
                           control("b", 1600, 600, randomizeStart=300))
    assert second.start == first.end


def test_a_cancelled_neighbour_does_not_shift_a_start() -> None:
    _, second = events(
        control("a", 1000, 600, status=2, since=500, randomizeDuration=300), control("b", 1600, 600)
    )
    assert second.start == 1600


@pytest.mark.parametrize("status, early", [(0, None), (1, None), (2, 1100), (4, 1100)])
def test_what_the_server_ended_ends_when_it_said(status: int, early: int | None) -> None:
    event, = events(control("a", 1000, 600, status=status, since=1100))
    assert event.ends_early_at == early


def test_a_cancellation_with_randomization_spreads_the_end_of_what_runs() -> None:
    control_event = control("a", 1000, 600, status=3, since=1100, randomizeStart=-60, randomizeDuration=30)
    ends = {events(control_event, lfdi=f"{device:040X}")[0].ends_early_at for device in range(400)}
    assert ends == set(range(1100, 1161))
    scheduled = control("b", 1000, 600, status=3, since=900, randomizeDuration=30)
    assert {events(scheduled, lfdi=f"{device:040X}")[0].ends_early_at for device in range(50)} == {900}


def test_an_mrid_is_compared_whole_and_in_one_case() -> None:
    assert ev.normalize_mrid("ab") == "AB".zfill(32) == ev.normalize_mrid("00ab")
