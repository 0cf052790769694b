"""The event schedule as tables: which event governs when, and which responses follow.

In the tables `held` is the event whose control is in effect at a second, "" for none; answers are (second,
event, Response.status). The schedule is advanced every 10 seconds.
"""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from clients.events.events import Event
from clients.events.schedule import Schedule, Transition, advance, opt
from tests.clients.controls import ALL, control, events, mrid

SYSTEM, SERVICE_POINT = 10, 1
Answers = list[tuple[int, str, int]]


def run(
    listing: Any, until: int, step: int = 10, supported: frozenset[str] = ALL
) -> tuple[dict[int, str], Answers]:
    """Advance every `step` seconds with the events of `listing(now)`; return which event governs opModMaxLimW
    at each of them, and the responses."""
    schedule, held, answers = Schedule(), {}, []
    for now in range(0, until + 1, step):
        schedule, transitions = advance(schedule, listing(now), now, supported)
        held[now] = "".join(
            name(followed.event.mRID)
            for followed in schedule.running
            if "opModMaxLimW" in followed.governed_modes
        )
        answers += responses_of(transitions)
    return held, answers


def responses_of(transitions: list[Transition]) -> Answers:
    return [(transition.at, name(transition.event.mRID), transition.status) for transition in transitions]


def name(mRID: str) -> str:
    return bytes.fromhex(mRID).decode().strip("\0")


def spans(held: dict[int, str]) -> list[tuple[int, str]]:
    """When the holder changed."""
    changes = [(now, who) for now, who in held.items()]
    return [
        change for before, change in zip([(0, "")] + changes, changes, strict=False) if change[1] != before[1]
    ]


# (id of the procedure, system program's events, service point program's events, changes of holder, answers)
# an event: (name, start, duration, when it is posted)
TABLE: list[tuple[str, list[Any], list[Any], list[tuple[int, str]], Answers]] = [
    ("no control", [], [], [], []),
    (
        "one control",
        [("a", 100, 100, 0)],
        [],
        [(100, "a"), (200, "")],
        [(0, "a", 1), (100, "a", 2), (200, "a", 3)],
    ),
    (
        "one after another",
        [("a", 100, 100, 0), ("b", 200, 100, 0)],
        [],
        [(100, "a"), (200, "b"), (300, "")],
        [(0, "a", 1), (0, "b", 1), (100, "a", 2), (200, "a", 3), (200, "b", 2), (300, "b", 3)],
    ),
    (
        "with a gap",
        [("a", 100, 50, 0)],
        [("b", 200, 50, 0)],
        [(100, "a"), (150, ""), (200, "b"), (250, "")],
        [(0, "a", 1), (0, "b", 1), (100, "a", 2), (150, "a", 3), (200, "b", 2), (250, "b", 3)],
    ),
    (
        "service point later, posted before",
        [("a", 100, 100, 0)],
        [("b", 150, 100, 0)],
        [(100, "a"), (150, "b"), (250, "")],
        [(0, "a", 1), (0, "b", 1), (100, "a", 2), (150, "a", 7), (150, "b", 2), (250, "b", 3)],
    ),
    (
        "service point later, posted while the other runs",
        [("a", 100, 100, 0)],
        [("b", 150, 100, 120)],
        [(100, "a"), (150, "b"), (250, "")],
        [(0, "a", 1), (100, "a", 2), (120, "b", 1), (150, "a", 7), (150, "b", 2), (250, "b", 3)],
    ),
    (
        "service point posted late, already started",
        [("a", 100, 100, 0)],
        [("b", 110, 100, 160)],
        [(100, "a"), (160, "b"), (210, "")],
        [(0, "a", 1), (100, "a", 2), (160, "b", 1), (160, "b", 2), (160, "a", 7), (210, "b", 3)],
    ),
    (
        "nested: what was superseded does not come back",
        [("a", 100, 200, 0)],
        [("b", 150, 50, 0)],
        [(100, "a"), (150, "b"), (200, "")],
        [(0, "a", 1), (0, "b", 1), (100, "a", 2), (150, "a", 7), (150, "b", 2), (200, "b", 3)],
    ),
    (
        "system posted after service point: it never starts",
        [("a", 150, 100, 120)],
        [("b", 100, 100, 0)],
        [(100, "b"), (200, "")],
        [(0, "b", 1), (100, "b", 2), (120, "a", 1), (150, "a", 7), (200, "b", 3)],
    ),
    (
        "same time, two programs",
        [("a", 100, 100, 0)],
        [("b", 100, 100, 0)],
        [(100, "b"), (200, "")],
        [(0, "a", 1), (0, "b", 1), (100, "b", 2), (100, "a", 7), (200, "b", 3)],
    ),
]


@pytest.mark.parametrize("system, service_point, changes, expected", [row[1:] for row in TABLE],
                         ids=[row[0] for row in TABLE])
def test_controls_of_a_system_and_a_service_point_program(
    system: list[Any], service_point: list[Any], changes: list[tuple[int, str]], expected: Answers
) -> None:
    def listing(now: int) -> list[Event]:
        return [event for primacy, rows in ((SYSTEM, system), (SERVICE_POINT, service_point))
                for event in events(*(control(who, start, duration) for who, start, duration, posted in rows
                                      if posted <= now < start + duration), primacy=primacy)]
    held, answers = run(listing, 400)
    assert spans(held) == changes
    assert sorted(answers) == sorted(expected)


def test_within_a_program_the_newer_event_wins() -> None:
    older, newer = control("a", 100, 100, created=1), control("b", 150, 100, created=2)
    held, answers = run(lambda now: events(older, newer), 300)
    assert spans(held) == [(100, "a"), (150, "b"), (250, "")]
    assert (150, "a", 7) in answers and (250, "b", 3) in answers
    held, _ = run(lambda now: events(older | {"creationTime": 3}, newer), 300)
    assert spans(held) == [(100, "a"), (200, "")]


def test_modes_are_contested_one_by_one() -> None:
    both = events(control("a", 100, 100, opModMaxLimW=5000, opModConnect=True), primacy=SYSTEM)
    newer = events(control("b", 120, 40, opModMaxLimW=2000), primacy=SERVICE_POINT)
    schedule, transitions = advance(Schedule(), both + newer, 130, ALL)
    held = {name(running.event.mRID): running.governed_modes for running in schedule.running}
    assert held == {"b": {"opModMaxLimW"}, "a": {"opModConnect"}}
    schedule, transitions = advance(schedule, both + newer, 170, ALL)
    held = {name(running.event.mRID): running.governed_modes for running in schedule.running}
    assert held == {"a": {"opModConnect"}}
    schedule, transitions = advance(schedule, both + newer, 200, ALL)
    assert responses_of(transitions) == [(200, "a", 3)], "it was not superseded, for it kept a mode"


@pytest.mark.parametrize("noticed", [150, 170])
def test_a_cancellation_takes_effect_when_it_is_noticed(noticed: int) -> None:
    held, answers = run(
        lambda now: events(control("a", 100, 100, status=2 if now >= noticed else 0, since=150)), 300
    )
    assert spans(held) == [(100, "a"), (noticed, "")]
    assert answers == [(0, "a", 1), (100, "a", 2), (noticed, "a", 6)]


def test_a_cancelled_superseder_supersedes_only_once_it_has_started() -> None:
    def listing(cancelled_at: int) -> Any:
        return lambda now: (
            events(control("a", 100, 200), primacy=SYSTEM)
            + events(
                control("b", 150, 100, status=2 if now >= cancelled_at else 0, since=cancelled_at),
                primacy=SERVICE_POINT,
            )
        )
    held, answers = run(listing(120), 400)
    assert spans(held) == [(100, "a"), (300, "")] and (120, "b", 6) in answers and (300, "a", 3) in answers
    held, answers = run(listing(170), 400)
    assert spans(held) == [(100, "a"), (150, "b"), (170, "")]
    assert (150, "a", 7) in answers and (170, "b", 6) in answers


def test_a_cancellation_with_randomization_is_answered_when_it_ends_here() -> None:
    def listing(now: int) -> list[Event]:
        return events(control("a", 100, 300, status=3 if now >= 150 else 0, since=150, randomizeDuration=40))
    early = listing(150)[0].ends_early_at
    assert early is not None and 150 < early <= 190, "choose another mRID: this one draws nothing"
    held, answers = run(listing, 400, step=1)
    assert spans(held)[-1] == (early, "") and answers[-1] == (early, "a", 6)


def test_the_servers_own_supersession_is_obeyed() -> None:
    def listing(now: int) -> list[Event]:
        return events(control("a", 100, 100, status=4 if now >= 150 else 1, since=150))
    _, answers = run(listing, 300)
    assert answers == [(0, "a", 1), (100, "a", 2), (150, "a", 7)]


def test_an_event_that_is_taken_away_is_over() -> None:
    held, answers = run(lambda now: events(control("a", 100, 100)) if now < 130 else [], 300)
    assert spans(held) == [(100, "a"), (130, "")] and answers[-1] == (130, "a", 6)
    _, answers = run(lambda now: events(control("a", 100, 100)) if now < 190 else [], 300)
    assert answers[-1] == (200, "a", 3), "a server whose clock is a little ahead takes it away at its end"


def test_swapping_primacies_while_running_swaps_the_holder() -> None:
    def listing(now: int) -> list[Event]:
        low, high = (1, 10) if now < 150 else (10, 1)
        return (events(control("a", 100, 100), control("c", 220, 50), primacy=low)
                + events(control("b", 220, 50), primacy=high))
    held, _ = run(listing, 300)
    assert spans(held) == [(100, "a"), (200, ""), (220, "b"), (270, "")]


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("received after its end", control("a", 100, 50), 254),
    ("received at its end", control("a", 100, 100), 254),
    ("of zero length", control("a", 300, 0), 253),
    ("without a mode", control("a", 300, 50) | {"DERControlBase": {}}, 253),
    (
        "with a mode that the device does not have",
        control("a", 300, 50, opModWattVar={"href": "/derp/1/dc/1"}),
        252,
    ),
    ("cancelled already", control("a", 300, 50, status=2, since=150), 6),
    ("superseded already", control("a", 100, 500, status=4, since=150), 7),
]


@pytest.mark.parametrize("listed, status", [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_new_event_that_is_not_followed_is_answered_once(listed: dict[str, Any], status: int) -> None:
    schedule, transitions = advance(Schedule(), events(listed), 200, ALL)
    assert responses_of(transitions) == [(200, "a", status)]
    for now in (300, 340, 600):
        schedule, transitions = advance(schedule, events(listed), now, ALL)
        assert not transitions and not schedule.running


def test_a_control_is_followed_as_far_as_the_device_can() -> None:
    listed = events(control("a", 0, 50, opModMaxLimW=100, opModWattVar={"href": "/x"}))
    _, transitions = advance(Schedule(), listed, 10, frozenset({"opModMaxLimW"}))
    assert responses_of(transitions) == [(10, "a", 1), (10, "a", 2)]


def test_what_happened_between_two_looks_is_told_in_order_and_with_its_second() -> None:
    listed = events(control("a", 100, 50), control("b", 150, 50))
    schedule, _ = advance(Schedule(), listed, 0, ALL)
    _, transitions = advance(schedule, listed, 170, ALL)
    assert responses_of(transitions) == [(100, "a", 2), (150, "a", 3), (150, "b", 2)]


@pytest.mark.parametrize("choices, answers", [
    ([(50, True)], [(0, 1), (50, 4)]),
    ([(120, True)], [(0, 1), (100, 2), (120, 4), (200, 8)]),
    ([(120, True), (150, False)], [(0, 1), (100, 2), (120, 4), (150, 5), (200, 9)]),
    ([(50, True), (120, False)], [(0, 1), (50, 4), (120, 5), (120, 2), (200, 9)]),
])
def test_a_customer_opts_out_and_in(choices: list[tuple[int, bool]], answers: list[tuple[int, int]]) -> None:
    listed, schedule, all_transitions = events(control("a", 100, 100)), Schedule(), []
    out = dict(choices)
    for now in range(0, 301, 10):
        schedule, transitions = advance(schedule, listed if now < 200 else [], now, ALL)
        all_transitions += transitions
        if now in out:
            schedule, transitions = opt(schedule, mrid("a"), out[now])
            all_transitions += transitions
            schedule, transitions = advance(schedule, listed, now, ALL)
            all_transitions += transitions
            assert opt(schedule, mrid("a"), out[now]) == (schedule, []), "once is enough"
            held = [followed for followed in schedule.running if followed.governed_modes]
            assert bool(held) is (not out[now])
    assert [(transition.at, transition.status) for transition in all_transitions] == answers


def test_a_cancellation_while_nobody_looked_is_answered_when_it_is_noticed() -> None:
    schedule, _ = advance(Schedule(), events(control("a", 100, 500)), 100, ALL)
    _, transitions = advance(schedule, events(control("a", 100, 500, status=2, since=150)), 200, ALL)
    assert responses_of(transitions) == [(200, "a", 6)]


def test_a_cancellation_that_comes_at_the_end_comes_too_late() -> None:
    schedule, _ = advance(Schedule(), events(control("a", 100, 100)), 100, ALL)
    _, transitions = advance(schedule, events(control("a", 100, 100, status=2, since=150)), 200, ALL)
    assert responses_of(transitions) == [(200, "a", 3)]


def test_what_was_drawn_stays_when_a_neighbour_goes() -> None:
    first, second = control("a", 100, 100, randomizeDuration=3000), control("b", 200, 100)
    schedule, _ = advance(Schedule(), events(first, second), 0, ALL)
    drawn = schedule.followed[mrid("b")].event
    assert drawn.start > 200, "choose another mRID: this one draws nothing"
    schedule, _ = advance(schedule, events(second), 10, ALL)
    assert schedule.followed[mrid("b")].event == drawn


def test_what_is_over_and_no_longer_listed_is_forgotten() -> None:
    schedule, _ = advance(Schedule(), events(control("a", 0, 50)), 10, ALL)
    for listing, known in ((events(control("a", 0, 50)), 1), ([], 0)):
        schedule, _ = advance(schedule, listing, 60, ALL)
        assert len(schedule.followed) == known


def test_it_says_when_to_look_again() -> None:
    listed = events(control("a", 100, 50), control("b", 400, 50, status=2, since=420))
    schedule, _ = advance(Schedule(), listed, 10, ALL)
    assert schedule.next_change == 100
    schedule, _ = advance(schedule, listed, 100, ALL)
    assert schedule.next_change == 150
    schedule, _ = advance(schedule, listed, 460, ALL)
    assert schedule.next_change is None


@given(
    some.lists(
        some.tuples(
            some.integers(0, 40),
            some.integers(1, 30),
            some.integers(1, 3),
            some.integers(0, 3),
            some.sets(some.sampled_from(sorted(ALL)), min_size=1),
        ),
        max_size=6,
    ),
    some.integers(1, 7),
)
def test_every_mode_has_one_holder_and_every_event_one_end(rows: list[Any], step: int) -> None:
    listed = [
        event
        for index, (start, duration, primacy, created, modes) in enumerate(rows)
        for event in events(
            control(chr(97 + index), start, duration, created=created, **dict.fromkeys(modes, 1)),
            program=f"/derp/{index}",
            primacy=primacy,
        )
    ]
    schedule, answers = Schedule(), []
    for now in range(0, 80, step):
        schedule, transitions = advance(schedule, listed, now, ALL)
        answers += transitions
        held = [mode for followed in schedule.running for mode in followed.governed_modes]
        assert len(held) == len(set(held))
    for event in listed:
        statuses = [transition.status for transition in answers if transition.event.mRID == event.mRID]
        assert statuses in ([1, 2, 3], [1, 2, 14], [1, 14], [254])
    assert [transition.at for transition in answers] == sorted(transition.at for transition in answers)


def test_who_lost_to_another_program_is_aborted_and_says_so_before_the_winner_starts() -> None:
    """10.2.3.3 n, table 27: 14 where the winner is of another program, 7 where it is of the same, at the
    winner's start and before its 2."""
    older = control("a", 100, 200)
    for program, status in (("/derp/1", 7), ("/derp/2", 14)):
        newer = control("b", 150, 200, created=1)
        listed = [*events(older, primacy=5), *events(newer, program=program, primacy=1)]
        _, answers = run(lambda now, listed=listed: listed, 160)
        assert [answer for answer in answers if answer[0] == 150] == [(150, "a", status), (150, "b", 2)]
