import math

import numpy as np
import pytest

from server import actors, audit, clock
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.series import issuedseries, signals, stalesignals
from server.models import Balance, Series, VirtualDER
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
STEP, HOUR, DAY = 900, 3600, 86400
NAN = math.nan


@pytest.fixture(autouse=True)
def area(server):
    virtualders.create("F12")


def put(values, start=NOON, step=STEP, kind="imbalance", **options):
    return signals.put("F12", kind, values, start, step, **options)


def known(steps, start=NOON, kind="imbalance", **options):
    return issuedseries.known("F12", kind, start, steps, **options).tolist()


def day(value=1.0, hours=24):
    return [value] * (hours * 4)


def troubles(**options):
    return stalesignals.stale_signals("F12", **options)


def test_what_was_put_is_known_in_any_step():
    put([1000, 2000, 3000, 4000])
    assert known(4) == [1000, 2000, 3000, 4000]
    assert known(2, step=1800) == [1500, 3500] and known(3, step=300) == [1000] * 3
    assert known(2, start=NOON + 2700)[0] == 4000 and math.isnan(known(2, start=NOON + 2700)[1])


def test_the_newest_counts_step_by_step_and_a_gap_in_it_says_nothing():
    put(day(1))
    clock.advance(60)
    put([2, None, 2], start=NOON + STEP)
    assert known(5) == [1, 2, 1, 2, 1]


def test_a_higher_priority_counts_whenever_it_was_said():
    put([5, 5], priority=1, tolerance_w=70)
    clock.advance(60)
    put([1, 1, 1], tolerance_w=20)
    assert known(3) == [5, 5, 1]
    assert issuedseries.tolerance("F12", "imbalance", NOON, 4).tolist() == [70, 70, 20, 0]


def test_a_replay_does_not_see_what_was_said_later():
    put([1, 1])
    clock.advance(600)
    put([2, 2])
    assert known(2, at=NOON) == known(2, at=NOON + 599) == [1, 1] and known(2) == [2, 2]
    assert all(math.isnan(value) for value in known(2, at=NOON - 1))


@pytest.mark.parametrize(
    "kind, values, options, why",
    [
        ("imbalance", [1, NAN], {}, r"imbalance, value 2 \(.*\): nan is not a finite number"),
        ("export_limit", [-5], {}, "export_limit, value 1 .* -5 is below 0"),
        ("wind", [1], {}, "no kind of signal 'wind'"),
        ("imbalance", [1], {"tolerance_w": -1}, "a tolerance of -1 W"),
        ("imbalance", [1], {"tolerance_w": NAN}, "tolerance of nan"),
        ("imbalance", [1], {"issue_interval_s": 0}, "every 0 s"),
        ("price", [], {}, "there are no values"),
        ("imbalance", [1], {"step": 1000}, "a step of 1000 s"),
        ("imbalance", [1], {"start": NOON + 5}, "not a multiple"),
    ],
)
def test_what_cannot_be_acted_on_is_refused_as_a_whole(kind, values, options, why):
    with pytest.raises(Refused, match=why):
        put(values, kind=kind, **options)
    assert not Series.select().exists()
    with pytest.raises(Refused, match="no virtual DER 'F13'"):
        signals.put("F13", "imbalance", [1], NOON, STEP)


def test_gaps_are_kept_and_told_and_a_dry_run_keeps_nothing():
    tried = put([1, None, 3], dry_run=True)
    assert tried["warnings"] == [
        "imbalance of F12 has no values from 2025-06-15T12:15Z until 2025-06-15T12:30Z"
    ]
    assert not Series.select().exists()
    done = put([1, None, 3])
    assert (done["gaps"], done["least"], done["mean"], done["most"]) == (1, 1, 2, 3)
    assert Series.get().values == [1, None, 3]
    assert put([1], start=NOON - HOUR)["warnings"] == ["imbalance of F12 ended at 2025-06-15T11:15Z"]


def test_a_signal_that_reaches_to_the_horizon_is_no_trouble():
    assert troubles() == []
    put(day())
    assert troubles() == []
    put(day(2, 1), kind="import_limit", start=NOON + HOUR)
    assert troubles() == []


def test_a_signal_that_ends_before_the_horizon_is_said():
    put(day(1, 6), kind="schedule")
    assert troubles() == ["schedule of F12 ends at 2025-06-15T18:00Z, 18 h before the horizon"]
    assert troubles(horizon_s=6 * HOUR) == []
    Balance.create(vder=VirtualDER.get(), step_s=STEP, horizon_steps=20)
    assert troubles() == []
    clock.advance(6 * HOUR)
    assert troubles() == ["schedule of F12 ended at 2025-06-15T18:00Z"]
    clock.advance(8 * DAY)
    assert troubles() == []


def test_gaps_within_the_horizon_are_said_until_they_are_filled():
    put(day(1, 2) + [None, None] + day(1, 22))
    assert troubles() == ["imbalance of F12 has no values from 2025-06-15T14:00Z until 2025-06-15T14:30Z"]
    assert troubles(horizon_s=2 * HOUR) == []
    clock.advance(60)
    put([0, 0], start=NOON + 2 * HOUR)
    assert troubles() == [] and len(troubles(at=NOON)) == 1


def test_what_is_not_planned_for_any_more_may_be_missing():
    put(day(), start=NOON + STEP)
    assert troubles() == ["imbalance of F12 has no values from 2025-06-15T12:00Z until 2025-06-15T12:15Z"]
    assert troubles(start=NOON + STEP) == []


def test_an_issue_that_was_promised_and_did_not_come_is_said():
    put(day(1, 48), issue_interval_s=HOUR)
    clock.advance(HOUR + 1799)
    assert troubles() == []
    clock.advance(HOUR)
    assert troubles() == [
        "imbalance of F12 has stopped arriving: the last came at 2025-06-15T12:00Z, 2 h 29 min ago, and "
        "was promised every 1 h"
    ]
    put(day(1, 48), issue_interval_s=HOUR)
    assert troubles() == []


def test_a_measurement_that_stopped_is_said():
    signals.push("F12", "measured", -250.0)
    assert known(1, kind="measured") == [-250]
    clock.advance(3 * STEP)
    assert troubles() == []
    clock.advance(60)
    assert troubles() == ["measured of F12 is 31 min old: the last value ends at 2025-06-15T12:15Z"]


def test_what_is_pushed_is_of_now_unless_it_says_when():
    clock.advance(700)
    signals.push("F12", "measured", 100, step=300)
    signals.push("F12", "measured", 400, NOON + 300, 300)
    assert known(1, kind="measured") == [250] and known(3, kind="measured", step=300)[1:] == [400, 100]
    signals.push("F12", "price", 0.3)
    assert known(1, kind="price") == [0.3]


def test_what_is_asked_is_in_the_audit_trail_and_what_is_measured_is_not():
    with actors.acting("alice"):
        put([1])
        signals.push("F12", "measured", 1)
    assert [(entry["who"], entry["operation"], entry["subject"]) for entry in audit.entries()] == [
        ("alice", "signal put", "F12 imbalance")]


def test_signals_are_shown_with_what_they_say_now_and_what_is_wrong():
    put(day(1, 2))
    put([0.25], kind="price", start=NOON + HOUR)
    first, second = signals.show()
    assert (first["vder"], first["kind"], first["current"]) == ("F12", "imbalance", 1) and "ends at" in first[
        "problem"
    ]
    assert (second["kind"], second["current"]) == ("price", None)
    assert [row["kind"] for row in signals.show("F12", "price")] == ["price"] and signals.show(
        "F12", "measured"
    ) == []
    with pytest.raises(Refused, match="no kind of signal"):
        signals.show("F12", "wind")


def test_it_goes_with_its_virtual_der():
    put(np.array([1.0, 2.0]))
    virtualders.delete("F12")
    assert not Series.select().exists()


def test_what_is_withdrawn_is_known_until_then_and_a_replay_sees_it_still():
    put(day(5, 2), priority=3, tolerance_w=70)
    clock.advance(STEP)
    done = signals.withdraw("F12", "imbalance")
    assert (done["withdrawn_from"], done["issued_at"]) == (NOON + STEP, NOON + STEP)
    assert known(1) == [5] and np.isnan(known(7, start=NOON + STEP)).all()
    assert issuedseries.tolerance("F12", "imbalance", NOON, 2).tolist() == [70, 0]
    assert known(8, at=NOON + STEP - 1) == [5] * 8
    clock.advance(60)
    put([7], start=NOON + 2 * STEP)
    assert known(4)[2] == 7 and np.isnan(known(4)[3])


def test_it_is_withdrawn_from_later_on_in_the_middle_of_a_value_and_only_that_kind():
    put([4, 4], step=HOUR)
    put([0.3] * 4, kind="price")
    clock.advance(30)
    assert signals.withdraw("F12", "imbalance", NOON + 5 * 300 - 20)["withdrawn_from"] == NOON + 5 * 300
    assert known(6, step=300)[:5] == [4] * 5 and math.isnan(known(6, step=300)[5])
    assert known(4, kind="price") == [0.3] * 4
    assert signals.withdraw("F12", "imbalance")["withdrawn_from"] == NOON + 60 and math.isnan(
        known(2, step=60)[1]
    )


def test_nobody_waits_for_what_is_withdrawn_until_it_is_put_anew():
    put(day(1, 2), issue_interval_s=HOUR)
    signals.push("F12", "measured", 1)
    signals.withdraw("F12", "imbalance", NOON + HOUR)
    signals.withdraw("F12", "measured", NOON + HOUR)
    assert troubles() == [] and np.isnan(known(8)).sum() == 4
    assert [sentence.split()[0] for sentence in troubles(at=NOON + HOUR - 1)] == ["measured"]
    clock.advance(3 * HOUR)
    assert troubles() == []
    put(day(1, 1), start=NOON + 3 * HOUR, issue_interval_s=HOUR)
    assert troubles() == ["imbalance of F12 ends at 2025-06-15T16:00Z, 23 h before the horizon"]


def test_only_what_is_known_is_withdrawn():
    with pytest.raises(Refused, match="there is no price of F12 to withdraw$"):
        signals.withdraw("F12", "price")
    put(day())
    with pytest.raises(
        Refused, match="cannot be withdrawn from 2025-06-15T11:45Z on, which is past"
    ):
        signals.withdraw("F12", "imbalance", NOON - STEP)
    assert signals.withdraw("F12", "imbalance", dry_run=True)["dry_run"] and known(1) == [1]
    signals.withdraw("F12", "imbalance")
    with pytest.raises(Refused, match="it is withdrawn from 2025-06-15T12:00Z on"):
        signals.withdraw("F12", "imbalance")
    row, = signals.show()
    assert (row["withdrawn_from"], row["current"], row["problem"]) == (NOON, None, "")


def test_who_withdrew_is_in_the_audit_trail():
    put(day())
    with actors.acting("alice"):
        signals.withdraw("F12", "imbalance")
    entry, = audit.entries()
    assert (entry["operation"], entry["subject"], entry["after"]["withdrawn_from"]) == (
        "signal withdraw",
        "F12 imbalance",
        NOON,
    )
