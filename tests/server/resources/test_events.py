"""The properties of server.resources.events, over small times so that every second can be looked at."""
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.resources import events
from server.resources.codes import EventStatus
from server.resources.events import Event
from tests.eventstates import evaluate, neighbours

HORIZON = range(0, 64)
small = st.integers(0, 24)
signed = st.integers(-8, 8)


@st.composite
def event_lists(draw):
    count = draw(st.integers(1, 5))
    return [
        Event(
            key=f"/derp/1/derc/{number}",
            mrid=f"{draw(st.integers(0, 3)):X}{number:02X}",
            created=draw(st.integers(0, 20)),
            start=draw(small),
            duration=draw(small),
            randomize_start=draw(signed),
            randomize_duration=draw(signed),
            controls=draw(st.sampled_from([frozenset("A"), frozenset("B"), frozenset("AB"), frozenset()])),
            categories=draw(st.sampled_from([1, 2, 3])),
            cancelled=draw(st.none() | small),
            cancel_randomized=draw(st.booleans()),
        )
        for number in range(count)
    ]


def facts(verdict):
    return replace(verdict, next_change=None)


def known(listed, now):
    return [event for event in listed if event.created <= now]


@given(event_lists())
def test_status_only_goes_forward_and_since_is_the_instant_it_came_true(listed):
    for event in listed:
        before = None
        for now in range(event.created, HORIZON.stop):
            verdict = evaluate(event, listed, now)
            if before is not None and verdict.status != before.status:
                assert verdict.status > before.status and before.status <= EventStatus.ACTIVE
                assert verdict.since == now
            elif before is not None:
                assert verdict.since == before.since
            assert verdict.since <= now
            before = verdict


@given(event_lists())
def test_scheduled_is_never_said_at_or_after_the_earliest_start(listed):
    for now in HORIZON:
        for event in known(listed, now):
            verdict = evaluate(event, listed, now)
            if verdict.status == EventStatus.SCHEDULED:
                assert now < event.earliest_start
            if verdict.status == EventStatus.ACTIVE:
                assert now >= event.earliest_start
            assert verdict.listed == (now < event.latest_end)


@given(event_lists())
def test_next_change_is_exact(listed):
    for event in listed:
        verdicts = {now: evaluate(event, listed, now) for now in HORIZON}
        changes = [now for now in HORIZON[1:] if facts(verdicts[now]) != facts(verdicts[now - 1])]
        for now, verdict in verdicts.items():
            assert verdict.next_change == next((change for change in changes if change > now), None)


@given(event_lists(), st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_given_does_not_matter(listed, random):
    shuffled = random.sample(listed, len(listed))
    for now in HORIZON[::7]:
        assert events.evaluate_all(listed, now) == events.evaluate_all(shuffled, now)


@given(event_lists())
def test_neighbours_are_all_that_a_verdict_needs(listed):
    for now in HORIZON[::5]:
        verdicts = events.evaluate_all(listed, now)
        for event in listed:
            near = neighbours(event, listed)
            assert event not in near
            assert evaluate(event, near, now) == verdicts[event.key]


@given(event_lists())
def test_two_events_with_the_same_controls_and_categories_are_never_in_force_at_once(listed):
    for now in HORIZON[::3]:
        verdicts = events.evaluate_all(listed, now)
        running = [
            event
            for event in listed
            if verdicts[event.key].status == EventStatus.ACTIVE and verdicts[event.key].listed
        ]
        assert not [(newer, other) for newer in running
                    for other in running if events.supersedes(newer, other)]


@given(event_lists())
def test_superseded_names_an_event_that_was_in_force_at_that_instant(listed):
    for verdict_of, now in ((events.evaluate_all(listed, now), now) for now in HORIZON[::3]):
        for event in listed:
            verdict = verdict_of[event.key]
            if verdict.status == EventStatus.SUPERSEDED:
                newer = next(other for other in listed if other.key == verdict.superseded_by)
                assert events.supersedes(newer, event) and verdict.since == newer.activation <= now
                assert evaluate(newer, listed, verdict.since).status == EventStatus.ACTIVE


@given(event_lists())
def test_a_final_status_once_recorded_outlasts_the_newer_event(listed):
    for event in listed:
        for now in HORIZON[::3]:
            verdict = evaluate(event, listed, now)
            if verdict.status < EventStatus.CANCELLED:
                continue
            data = {"mRID": event.mrid, "creationTime": event.created, "DERControlBase": {"opModFixedW": 0},
                    "interval": {"start": event.start, "duration": event.duration},
                    "randomizeStart": event.randomize_start, "randomizeDuration": event.randomize_duration,
                    "EventStatus": events.event_status(verdict)}
            alone = evaluate(events.from_data("DERControl", event.key, data), [], now)
            assert (alone.status, alone.since) == (verdict.status, verdict.since)
            assert verdict.potentially_superseded <= alone.potentially_superseded
            if verdict.potentially_superseded:
                assert alone.potentially_superseded_at == verdict.potentially_superseded_at


@given(event_lists())
def test_windows_enclose_whatever_a_client_may_draw(listed):
    for event in listed:
        for start in range(min(0, event.randomize_start), max(0, event.randomize_start) + 1):
            assert event.earliest_start <= event.start + start
            for duration in range(min(0, event.randomize_duration), max(0, event.randomize_duration) + 1):
                assert (
                    event.start + start + event.duration + duration
                    <= event.latest_end
                    == events.listed_until(event)
                )


@pytest.mark.parametrize(
    "kind, body, controls",
    [
        (
            "DERControl",
            {
                "DERControlBase": {
                    "opModFixedW": 100,
                    "csipaus:opModImpLimW": {},
                    "rampTms": 5,
                    "{urn:x}mode": "",
                    "opModFixedW@disabled": True,
                }
            },
            {"opModFixedW", "csipaus:opModImpLimW", "{urn:x}mode"},
        ),
        ("EndDeviceControl", {"deviceCategory": "00000001", "Offset": {}}, {"*"}),
        ("TimeTariffInterval", {"touTier": 1}, {"*"}),
        ("FlowReservationResponse", {"subject": "0A"}, {"0A"}),
        ("TextMessage", {"textMessage": "hello"}, set()),
    ],
)
def test_what_each_kind_of_event_competes_for(kind, body, controls):
    data = {"mRID": "01", "creationTime": 5, "interval": {"start": 10, "duration": 20}, **body}
    event = events.from_data(kind, "/here", data)
    assert event.controls == controls
    assert (event.key, event.created, event.start, event.end) == ("/here", 5, 10, 30)
    assert event.categories == (1 if kind == "EndDeviceControl" else events.EVERY_CATEGORY)


def test_the_wire_form_leaves_out_what_is_not_so():
    event = Event("/a", "01", created=0, start=10, duration=10)
    newer = Event("/b", "02", created=3, start=15, duration=10, categories=1)
    assert events.event_status(evaluate(event, [], 12)) == {
        "currentStatus": 1, "dateTime": 10, "potentiallySuperseded": False}
    assert events.event_status(evaluate(event, [newer], 12), reason="storm") == {
        "currentStatus": 1, "dateTime": 10, "potentiallySuperseded": True, "potentiallySupersededTime": 3,
        "reason": "storm"}
