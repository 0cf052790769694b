"""The rules of IEEE 2030.5-2018 10.2 and of the schema's EventStatus, one case a line."""
import pytest

from server.resources import events
from tests.eventstates import evaluate, neighbours

A, B, AB = {"opModFixedW": 0}, {"opModMaxLimW": 0}, {"opModFixedW": 0, "opModMaxLimW": 0}


def control(number, created=0, start=100, end=200, base=None, **more):
    return events.from_data(
        "DERControl",
        f"/derp/1/derc/{number}",
        {
            "mRID": f"{number:032X}",
            "creationTime": created,
            "interval": {"start": start, "duration": end - start},
            "DERControlBase": A if base is None else base,
            **more,
        },
    )


def cancelled(at, status=2):
    return {"EventStatus": {"currentStatus": status, "dateTime": at, "potentiallySuperseded": False}}


ALONE = [
    # what, the event, now -> currentStatus, dateTime
    ("scheduled since its creation", control(1, created=7), 50, (0, 7)),
    ("active at its start, not after", control(1), 100, (1, 100)),
    ("scheduled until the instant before", control(1), 99, (0, 0)),
    ("active at once when created late", control(1, created=150), 150, (1, 150)),
    ("active at the earliest randomized start", control(1, randomizeStart=-30), 70, (1, 70)),
    ("a later randomized start does not delay it", control(1, randomizeStart=30), 100, (1, 100)),
    ("cancelled before the start", control(1, **cancelled(50)), 60, (2, 50)),
    ("a cancellation given for later waits", control(1, **cancelled(150)), 149, (1, 100)),
    ("and takes effect at its time", control(1, **cancelled(150)), 170, (2, 150)),
    ("cancelled with randomization", control(1, **cancelled(150, 3)), 150, (3, 150)),
    ("a cancellation after the end comes too late", control(1, **cancelled(500)), 600, (1, 100)),
]


@pytest.mark.parametrize("what, event, now, expected", ALONE, ids=[case[0] for case in ALONE])
def test_one_event(what, event, now, expected):
    verdict = evaluate(event, [], now)
    assert (verdict.status, verdict.since) == expected
    assert not verdict.potentially_superseded


OLD = control(1, created=0)
PAIRS = [
    # what, the newer event, now -> status and dateTime of the older, is it potentially superseded
    # (the schema: where some, but not all, controls or categories overlap)
    ("same controls: still in force before the newer starts", control(2, 10, 150, 250), 149, (1, 100), False),
    ("superseded when the newer starts", control(2, 10, 150, 250), 150, (4, 150), False),
    ("dateTime stays the instant of the rule", control(2, 10, 150, 250), 180, (4, 150), False),
    (
        "at the newer's earliest effective start",
        control(2, 10, 150, 250, randomizeStart=-20),
        130,
        (4, 130),
        False,
    ),
    ("superseded before it ever started", control(2, 10, 50, 150), 60, (4, 50), False),
    ("by a newer one created after its own start", control(2, 160, 150, 250), 160, (4, 160), False),
    ("a shorter event inside: the older does not resume", control(2, 10, 120, 130), 190, (4, 120), False),
    ("successive events do not overlap", control(2, 10, 200, 300), 199, (1, 100), False),
    ("nor do they with randomization", control(2, 10, 200, 300, randomizeStart=-60), 199, (1, 100), False),
    ("other controls are independent", control(2, 10, 150, 250, B), 180, (1, 100), False),
    ("some controls: potentially superseded", control(2, 10, 150, 250, AB), 180, (1, 100), True),
    ("from the newer's creation on", control(2, 10, 150, 250, AB), 10, (0, 0), True),
    ("until the newer is over", control(2, 10, 100, 150, AB), 160, (1, 100), False),
    (
        "some categories: potentially superseded",
        control(2, 10, 150, 250, deviceCategory="00000003"),
        180,
        (1, 100),
        True,
    ),
    (
        "the newer cancelled before it starts",
        control(2, 10, 150, 250, **cancelled(140)),
        160,
        (1, 100),
        False,
    ),
    ("the newer cancelled as it starts", control(2, 10, 150, 250, **cancelled(150)), 160, (1, 100), False),
    ("the newer cancelled later: final", control(2, 10, 150, 250, **cancelled(160)), 170, (4, 150), False),
    ("an equal creationTime: the greater mRID is newer", control(2, 0, 150, 250), 150, (4, 150), False),
    ("a newer event of no length", control(2, 10, 150, 150), 150, (1, 100), False),
]


@pytest.mark.parametrize("what, newer, now, expected, potentially", PAIRS, ids=[case[0] for case in PAIRS])
def test_an_older_event_beside_a_newer_one(what, newer, now, expected, potentially):
    verdict = evaluate(OLD, [newer], now)
    assert (verdict.status, verdict.since) == expected
    assert verdict.potentially_superseded == potentially
    assert evaluate(newer, [OLD], now) == evaluate(newer, [], now), (
        "an older event changes nothing"
    )


def test_the_smaller_mrid_of_two_created_together_is_the_older():
    newer = control(2, 0, 150, 250)
    assert evaluate(newer, [OLD], 180) == evaluate(newer, [], 180)
    assert evaluate(OLD, [newer], 180).superseded_by == newer.key


def test_an_event_that_is_superseded_before_it_starts_supersedes_nothing():
    middle, newest = control(2, 10, 150, 250), control(3, 20, 210, 300, randomizeStart=-70)
    assert evaluate(middle, [OLD, newest], 140).status == 4
    assert evaluate(OLD, [middle, newest], 160).status == 1


def test_an_event_cancelled_before_it_is_superseded_stays_cancelled():
    older = control(1, **cancelled(120))
    assert evaluate(older, [control(2, 10, 150, 250)], 160).status == 2


@pytest.mark.parametrize("event", [control(1), control(1, **cancelled(110)), control(1, **cancelled(110, 3)),
                                   control(1, randomizeStart=30, randomizeDuration=20, **cancelled(110))])
def test_it_is_listed_until_the_end_of_its_period(event):
    end = 250 if event.randomize_start else 200
    assert events.listed_until(event) == end
    assert evaluate(event, [], end - 1).listed and not evaluate(event, [], end).listed
    assert evaluate(event, [], end - 1).next_change == end


def test_several_messages_are_shown_at_once():
    both = [
        events.from_data(
            "TextMessage",
            f"/msg/1/txt/{number}",
            {"mRID": f"0{number}", "creationTime": number, "interval": {"start": 10, "duration": 10}},
        )
        for number in (1, 2)
    ]
    assert {verdict.status for verdict in events.evaluate_all(both, 15).values()} == {1}


def test_a_regular_event_is_cancelled_without_randomization():
    message = events.from_data("TextMessage", "/msg/1/txt/1", {
        "mRID": "01", "creationTime": 1, "interval": {"start": 10, "duration": 10}, **cancelled(12, 3)})
    assert evaluate(message, [], 13).status == 2


def test_of_two_newer_events_the_one_that_starts_earliest_in_effect_takes_over():
    later, sooner = control(3, 20, 150, 180), control(2, 10, 155, 250, randomizeStart=-30)
    for order in ([later, sooner], [sooner, later]):
        verdict = evaluate(OLD, order, 160)
        assert (verdict.status, verdict.since, verdict.superseded_by) == (4, 125, sooner.key)


def test_potentially_superseded_without_a_break_keeps_its_first_time():
    short = control(3, 20, 110, 130, {"opModFixedW": 0, "opModConnect": True})
    long, after = control(2, 10, 110, 190, AB), control(4, 195, 190, 199, AB)
    assert evaluate(OLD, [long, short], 150).potentially_superseded_at == 10
    assert evaluate(OLD, [long, short, after], 196).potentially_superseded_at == 195


def test_whoever_is_concerned_only_through_another_is_a_neighbour_too():
    middle, newest, apart = (
        control(2, 10, 150, 250),
        control(3, 20, 210, 300, randomizeStart=-70),
        control(4, 5, 300, 400),
    )
    assert neighbours(newest, [OLD, middle, newest, apart]) == [middle, OLD]
