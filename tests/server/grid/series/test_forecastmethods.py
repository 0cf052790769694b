import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.series.forecastmethods import Persistence, forecast_sigma

DAY, WEEK = 96, 96 * 7


def year(days=21, seed=3):
    steps = np.arange(days * DAY)
    weekday = 1 + 0.3 * (steps // DAY % 7 >= 5)
    return 1000 * weekday * (1.2 + np.sin(steps * 2 * np.pi / DAY)) + np.random.default_rng(seed).normal(
        0, 1, len(steps)
    )


def test_the_same_weekday_and_time():
    series = year()
    forecast = Persistence(lag=WEEK).ahead(series[:-DAY], DAY)
    assert abs(forecast - series[-DAY:]).max() < 10
    assert abs(Persistence(lag=DAY).ahead(series[:-2 * DAY], DAY) - series[-2 * DAY:-DAY]).max() < 1000


def test_the_level_of_late_counts_less_the_further_ahead():
    series = year()
    raised = series.copy()
    raised[-4:] += 500
    more = Persistence(WEEK, window=4, half_life=8).ahead(raised, 3 * WEEK) - Persistence(
        WEEK, window=4, half_life=8
    ).ahead(series, 3 * WEEK)
    assert np.allclose(more[:DAY] / (500 * 0.5 ** (np.arange(1, DAY + 1) / 8)), 1, atol=1e-6)
    assert np.isclose(more[7], 250)


def test_the_sun_of_today_is_a_part_of_yesterdays_and_no_night_is_lit():
    pv = np.tile(np.maximum(np.sin((np.arange(DAY) - 24) * np.pi / 48), 0) * 3000, 4)
    dull = pv.copy()
    dull[-DAY:-44] *= 0.5
    forecast = Persistence(DAY, window=4, half_life=1000, ratio=True).ahead(dull[:-44], 44)
    assert np.allclose(forecast, 0.5 * pv[-44:], atol=60)
    assert (forecast[pv[-44:] == 0] == 0).all()
    assert (Persistence(DAY, ratio=True).ahead(pv[:-DAY + 8], 8) == 0).all()


@given(st.integers(1, 3 * WEEK), st.integers(1, 2 * WEEK), st.sets(st.integers(0, 3 * WEEK)))
def test_gaps_and_short_histories_still_give_an_answer(size, steps, gaps):
    series = year()[:size]
    series[[gap for gap in gaps if gap < size - 1]] = np.nan
    forecast = Persistence(WEEK).ahead(series, steps)
    assert forecast.shape == (steps,) and np.isfinite(forecast).all()


def test_nothing_read_is_no_forecast():
    with pytest.raises(ValueError, match="without a single reading"):
        Persistence(WEEK).ahead(np.full(10, np.nan), 4)


def test_the_spread_grows_with_what_is_not_known():
    quiet, loud = year(), year() + np.random.default_rng(1).normal(0, 200, 21 * DAY)
    assert (
        150 < forecast_sigma(Persistence(WEEK), loud, 8).mean() < 450
        and forecast_sigma(Persistence(WEEK), quiet, 8).mean() < 10
    )
    with pytest.raises(ValueError, match="too short"):
        forecast_sigma(Persistence(WEEK), quiet[:5], 8)
