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
    assert estimate.days == 10 and estimate.adjustment.steps == 16
    assert np.isclose(estimate.adjustment.factor, 1)
    assert estimate.method == "10 of 10, multiplicative adjustment"


@given(st.floats(0.1, 3))
def test_a_day_that_is_different_is_followed_up_to_the_cap(level):
    history = np.tile(SHAPE, (10, 1))
    estimate = measurement.ten_of_ten(history, SHAPE * level, BEGIN, END, PER_HOUR)
    assert np.isclose(estimate.adjustment.factor, min(max(level, 0.6), 1.4))
    assert np.allclose(estimate.values, SHAPE[BEGIN:END] * estimate.adjustment.factor)


def test_days_of_our_own_events_make_no_baseline_nor_does_what_we_did_this_morning():
    history, ours = days(), clean((14, 96))
    history[-1, BEGIN:END], ours[-1, BEGIN:END] = 0, True
    today, ours_today = SHAPE.copy(), clean(96)
    today[56:64], ours_today[56:64] = 5000, True  # pre-heating that we asked for
    estimate = measurement.ten_of_ten(history, today, BEGIN, END, PER_HOUR, ours, ours_today)
    usual = history[3:13].mean(axis=0)
    assert estimate.adjustment.steps == 12 - 4
    assert np.allclose(estimate.values, usual[BEGIN:END] * SHAPE[64:68].sum() / usual[64:68].sum())
    assert 0.9 < estimate.adjustment.factor < 1.1
    without_today = measurement.ten_of_ten(history, today, BEGIN, END, PER_HOUR, ours)
    assert without_today.adjustment.factor == 1.4


def test_the_hour_before_an_event_does_not_put_it_right():
    history, today = np.tile(SHAPE, (10, 1)), SHAPE.copy()
    today[BEGIN - 4:] = 9999
    assert measurement.ten_of_ten(history, today, BEGIN, END, PER_HOUR).adjustment.factor == 1


def test_gaps():
    history = days()
    history[-1, BEGIN] = np.nan
    estimate = measurement.ten_of_ten(history, SHAPE, BEGIN, END, PER_HOUR)
    factor = estimate.adjustment.factor
    assert np.allclose(estimate.values / factor, history[3:13, BEGIN:END].mean(axis=0))
    with pytest.raises(ValueError, match="none of 14 days"):
        measurement.ten_of_ten(np.full((14, 96), np.nan), SHAPE, BEGIN, END, PER_HOUR)
    unread = measurement.ten_of_ten(history, np.full(96, np.nan), BEGIN, END, PER_HOUR)
    assert unread.method == "10 of 10" and unread.adjustment == measurement.Adjustment()


SOLAR = 1500 * np.sin(np.arange(96) * 2 * np.pi / 96)  # a home that injects in the second half of the day


@given(st.floats(-2000, 2000), st.integers(24, 88))
def test_a_home_with_solar_is_shifted_whatever_its_level_is(shift_w, begin):
    """The factor did nothing where it injected, and turned a rise into a fall where its mean was negative."""
    estimate = measurement.ten_of_ten(np.tile(SOLAR, (10, 1)), SOLAR + shift_w, begin, begin + 8, PER_HOUR)
    assert np.allclose(estimate.values, SOLAR[begin:begin + 8] + shift_w)
    assert estimate.adjustment.factor == 1 and np.isclose(estimate.adjustment.shift_w, shift_w)
    assert estimate.method == "10 of 10, additive adjustment"


def test_a_meter_that_errs_about_zero_does_not_pass_it():
    assert not measurement.may_pass_zero(np.array([1000.0, -5.0, np.nan]))
    assert measurement.may_pass_zero(np.array([1000.0]), np.array([-20.0]))
    assert not measurement.may_pass_zero(np.array([np.nan]))


def test_clouds_at_noon_say_nothing_of_the_evening():
    """On like days the sun at noon differs much, and the evening not with it: neither does it today."""
    sun = np.random.default_rng(4).uniform(-1, 1, (10, 1)) * np.where(np.arange(96) < BEGIN - 4, 1000.0, 0.0)
    evening = measurement.ten_of_ten(SOLAR + sun, SOLAR + 800, BEGIN, END, PER_HOUR)
    assert abs(evening.adjustment.shift_w) < 80
    whole_day = np.random.default_rng(4).uniform(-1000, 1000, (10, 1))
    same = measurement.ten_of_ten(SOLAR + whole_day, SOLAR + 800, BEGIN, END, PER_HOUR)
    assert np.isclose(same.adjustment.shift_w, 800 - whole_day.mean())
    noise = np.random.default_rng(5).normal(0, 30, (10, 96))
    far = measurement.ten_of_ten(SOLAR + noise, SOLAR + 800, BEGIN, END, PER_HOUR)
    assert far.adjustment.shift_w == pytest.approx(800, rel=0.03), "no like day is as different"


def test_what_was_delivered_of_what_was_asked():
    asked = np.full(4, 600.0)
    half = measurement.performance(asked, np.full(4, 300.0), 0.25)
    assert half == ((600, 300, 300), (0, 0, 0)) and half.figure == half.up.figure == 0.5
    assert half.down.figure is None
    gap = measurement.performance(asked, np.array([300, np.nan, 300, 0.0]), 0.25)
    assert gap.figure == pytest.approx(1 / 3)
    assert measurement.performance(asked, -asked, 0.25).figure == -1
    assert measurement.performance(np.zeros(4), asked, 0.25).figure is None
    assert measurement.performance(asked, asked * np.nan, 0.25).figure is None


def test_charging_does_not_cancel_discharging():
    """Batteries that were asked for 249 kWh, of which 18 net, and did half of it: the old figure was what
    they netted, whatever they did."""
    asked = np.array([133.5e3, -115.5e3])
    netted = np.array([75e3, -57e3])
    result = measurement.performance(asked, netted, 1.0)
    assert result.figure == pytest.approx((75 + 57) / 249)
    assert (result.up.asked, result.down.asked) == (133.5e3, 115.5e3)
    assert (result.up.figure, result.down.figure) == pytest.approx((75 / 133.5, 57 / 115.5))


def test_too_much_at_one_time_does_not_make_up_for_too_little_at_another():
    result = measurement.performance(np.full(2, 1000.0), np.array([2000.0, 0.0]), 0.5)
    assert result.up == (1000, 1000, 500) and result.figure == 0.5
    one_for_another = measurement.performance(
        np.array([[1000.0], [1000.0]]), np.array([[2000.0], [0.0]]), 1.0)
    assert one_for_another.figure == 1, "a group is settled by its sum"
    apart = measurement.performance(np.array([[1000.0], [-1000.0]]), np.array([[2000.0], [1000.0]]), 1.0)
    assert apart.figure == 0, "but who does the opposite is not covered by who does more"


CHANGES = st.lists(st.tuples(*[st.floats(-5000, 5000, width=32)] * 2), min_size=1, max_size=8)


@given(CHANGES, st.floats(0.05, 1))
def test_performance_is_never_above_one_nor_changed_by_the_sign(rows, hours):
    asked, delivered = (np.array(column)[:, None] for column in zip(*rows, strict=True))
    result = measurement.performance(asked, delivered, hours)
    turned = measurement.performance(-asked, -delivered, hours)
    assert (result.up, result.down) == (turned.down, turned.up)
    assert np.isclose(result.up.asked + result.down.asked, np.abs(asked).sum() * hours)
    assert result.figure is None or result.figure <= 1 + 1e-9
    assert result.up.credited <= min(result.up.asked, result.up.delivered) + 1e-9
    whole = measurement.performance(asked, asked, hours).figure
    assert whole is None or np.isclose(whole, 1)


@given(st.lists(CHANGES, max_size=4))
def test_events_add_up(events):
    results = [measurement.performance(*np.array(rows).T, 0.25) for rows in events]
    total = measurement.total(results)
    assert np.isclose(total.up.asked, sum(result.up.asked for result in results))
    assert np.isclose(total.down.credited, sum(result.down.credited for result in results))


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
