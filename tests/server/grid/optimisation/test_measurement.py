import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation import measurement

PER_HOUR, BEGIN, END = 4, 72, 80
SHAPE = 500 + 400 * np.sin(np.arange(96) * np.pi / 96)


def days(count=14, seed=2):
    return SHAPE * np.random.default_rng(seed).uniform(0.9, 1.1, (count, 1))


def clean(shape):
    return np.zeros(shape, dtype=bool)


def test_the_mean_of_the_last_ten_days():
    history = days()
    estimate = measurement.ten_of_ten(history, history[-10:].mean(axis=0), BEGIN, END, PER_HOUR)
    assert np.allclose(estimate.values, history[-10:, BEGIN:END].mean(axis=0))
    assert estimate.days == 10 and estimate.steps == 16 and np.isclose(estimate.factor, 1)


@given(st.floats(0.1, 3))
def test_a_day_that_is_different_is_followed_up_to_the_cap(level):
    history = np.tile(SHAPE, (10, 1))
    estimate = measurement.ten_of_ten(history, SHAPE * level, BEGIN, END, PER_HOUR)
    assert np.isclose(estimate.factor, min(max(level, 0.6), 1.4))
    assert np.allclose(estimate.values, SHAPE[BEGIN:END] * estimate.factor)


def test_days_of_our_own_events_make_no_baseline_nor_does_what_we_did_this_morning():
    history, ours = days(), clean((14, 96))
    history[-1, BEGIN:END], ours[-1, BEGIN:END] = 0, True
    today, ours_today = SHAPE.copy(), clean(96)
    today[56:64], ours_today[56:64] = 5000, True  # pre-heating that we asked for
    estimate = measurement.ten_of_ten(history, today, BEGIN, END, PER_HOUR, ours, ours_today)
    usual = history[3:13].mean(axis=0)
    assert estimate.steps == 12 - 4
    assert np.allclose(estimate.values, usual[BEGIN:END] * SHAPE[64:68].sum() / usual[64:68].sum())
    assert 0.9 < estimate.factor < 1.1
    without_today = measurement.ten_of_ten(history, today, BEGIN, END, PER_HOUR, ours)
    assert without_today.factor == 1.4


def test_the_hour_before_an_event_does_not_put_it_right():
    history, today = np.tile(SHAPE, (10, 1)), SHAPE.copy()
    today[BEGIN - 4:] = 9999
    assert measurement.ten_of_ten(history, today, BEGIN, END, PER_HOUR).factor == 1


def test_gaps_and_who_injects():
    history = days()
    history[-1, BEGIN] = np.nan
    estimate = measurement.ten_of_ten(history, SHAPE, BEGIN, END, PER_HOUR)
    assert np.allclose(estimate.values / estimate.factor, history[3:13, BEGIN:END].mean(axis=0))
    assert measurement.ten_of_ten(-days(), -2 * SHAPE, BEGIN, END, PER_HOUR).factor == 1
    with pytest.raises(ValueError, match="none of 14 days"):
        measurement.ten_of_ten(np.full((14, 96), np.nan), SHAPE, BEGIN, END, PER_HOUR)


def test_a_submeter_compares_with_doing_nothing_or_with_the_schedule():
    assert measurement.submeter(3).values.tolist() == [0, 0, 0]
    assert measurement.submeter(2, np.array([5.0, 6.0])).values.tolist() == [5, 6]


def test_what_was_delivered_of_what_was_expected():
    baseline, planned = np.full(4, 1000.0), np.array([400.0, 400, 400, 400])
    half = measurement.performance(baseline, np.full(4, 700.0), planned, 0.25)
    assert half == (-600, -300, 0.5)
    assert measurement.performance(
        baseline, np.array([700, np.nan, 700, 1000.0]), planned, 0.25
    ).figure == pytest.approx(1 / 3)
    assert measurement.performance(baseline, baseline + 600, planned, 0.25).figure == -1
    assert measurement.performance(baseline, baseline, baseline, 0.25).figure is None


@given(st.lists(st.tuples(*[st.floats(-5000, 5000, width=32)] * 3), min_size=1, max_size=8))
def test_a_group_delivers_the_sum_of_its_members(rows):
    baseline, metered, planned = (np.array(column)[:, None] for column in zip(*rows, strict=True))
    results = [measurement.performance(*series, 0.25)
               for series in zip(baseline, metered, planned, strict=True)]
    together = measurement.performance(baseline.sum(axis=0), metered.sum(axis=0), planned.sum(axis=0), 0.25)
    assert np.isclose(together.delivered, sum(result.delivered for result in results), atol=0.01)
    assert np.isclose(together.expected, sum(result.expected for result in results), atol=0.01)


def test_what_came_back_and_when_it_was_over():
    baseline = np.full(12, 1000.0)
    metered = baseline + np.array([800, 600, 400, 200, 0, 0, 0, 0, 300, 0, 0, 0])
    rebound = measurement.rebound(-1000, baseline, metered, 0.25)
    assert rebound == (500, 0.5, 800, 1.0)
    assert measurement.rebound(+1000, baseline, 2 * baseline - metered, 0.25) == rebound
    assert measurement.rebound(-1000, baseline, baseline, 0.25) == (0, 0, 0, 0)
    assert measurement.rebound(0, baseline, metered, 0.25).part is None


def test_who_does_a_fifth_of_it_responds():
    expected = np.full((4, 4), -1000.0)
    delivered = np.array([[-1000, -900, -1000, -900], [0, 0, -1000, -1000], [0, -900, 0, -900],
                          [0, np.nan, 0, -1000]])
    assert measurement.non_responding(delivered, expected).tolist() == [False, True, False, True]
    assert not measurement.non_responding(delivered, np.zeros((4, 4))).any()
    assert measurement.non_responding(-delivered, expected).all()


def test_the_rate_of_response_forgets_and_forgives():
    rate = 1.0
    for _ in range(20):
        rate = measurement.response_rate(rate, 0.0)
    assert rate < 0.02
    assert measurement.response_rate(0.5, None) == 0.5 and measurement.response_rate(
        0.5, 2.0
    ) == pytest.approx(0.6)
