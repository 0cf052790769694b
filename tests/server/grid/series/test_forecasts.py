import math
from datetime import UTC, datetime

import numpy as np
import pytest

from server import actors, audit, clock
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.series import forecasts, forecastvalues, measurements
from server.models import Measurement, Membership, Meter, Series, VirtualDER, db
from server.resources import sql
from tests import peers
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
STEP, HOUR, DAY, WEEK = 900, 3600, 86400, 7 * 86400
NAN = math.nan


@pytest.fixture(autouse=True)
def street(server):
    enrolment.enrol(peers.lfdi(1), name="d1")
    virtualders.create("street", members=["d1"])


def put(quantity, values, start=NOON, **options):
    return forecasts.put("street", quantity, values, start, STEP, **options)


def ahead(quantity, steps=4, start=NOON, **options):
    return forecastvalues.forecast("street", quantity, start, steps, **options)


def past(quantity, watts, days, end=NOON):
    """`watts(t)` was measured every interval for so many days."""
    starts = range(end - days * DAY, end, STEP)
    vder = VirtualDER.get().id
    with db.atomic():
        sql.insert("measurement", ("vder_id", "quantity", "start", "value", "devices_read"),
                   [(vder, quantity, at, watts(at), 0) for at in starts])


def hour(at):
    return at % DAY / HOUR


def test_of_nothing_known_nothing_is_expected_and_that_is_said():
    result = ahead("load")
    assert result.values.tolist() == [0] * 4 and np.isnan(result.sigma).all() and result.source == "nothing"
    assert result.warnings == ("there is no forecast of load of street: 0 W is used",)
    assert forecasts.table("street", 1, ["load"]) == [
        {"start": NOON, "load_p10_w": None, "load_p50_w": None, "load_p90_w": None}
    ]


def test_a_forecast_that_was_given_counts_and_the_newest_first():
    put("load", [-1, -2, -3, -4], source="weather bureau")
    assert ahead("load").values.tolist() == [-1, -2, -3, -4] and ahead("load").source == "weather bureau"
    clock.advance(60)
    put("load", [-20, -30], start=NOON + STEP, source="us")
    assert ahead("load").values.tolist() == [-1, -20, -30, -4]
    assert ahead("load", at=NOON).values.tolist() == [-1, -2, -3, -4]
    assert ahead("load", steps=2, step=1800).values.tolist() == [-10.5, -17]
    put("load", [-7], issued_at=NOON - HOUR)
    assert ahead("load", 1, at=NOON - HOUR).values.tolist() == [-7] and ahead("load", 1).values.tolist() == [
        -1
    ]


def test_quantiles_tell_the_error():
    put("pv", [10, 10], quantiles={"0.1": [0, None], "0.9": [20, 20]})
    assert np.allclose(ahead("pv", 2).sigma, [20 / 2 / 1.2816, NAN], equal_nan=True)
    row, = forecasts.table("street", STEP, ["pv"])
    assert row == {"start": NOON, "pv_p10_w": pytest.approx(0), "pv_p50_w": 10, "pv_p90_w": pytest.approx(20)}


def test_what_was_not_given_is_filled_from_what_was_read():
    past("pv", lambda at: 500.0, 2)
    put("pv", [1, None], source="bureau")
    result = ahead("pv", 3)
    assert (
        result.values.tolist() == [1, 500, 500]
        and result.source == "bureau, else a day ago"
        and result.warnings == ()
    )


def test_a_load_is_as_on_the_same_weekday_and_the_sun_as_yesterday():
    past("premises", lambda at: -1000.0 if at // DAY % 7 == (NOON + DAY) // DAY % 7 else -100.0, 21)
    past("pv", lambda at: 100.0 * hour(at), 3)
    load = forecastvalues.forecast("street", "premises", NOON + DAY, 4)
    assert np.allclose(load.values, -1000) and load.source == "a week ago"
    assert np.allclose(ahead("pv").values, [1200, 1225, 1250, 1275])
    assert np.isfinite(load.sigma).all() and (ahead("pv").sigma < 1).all()


@pytest.mark.parametrize("holidays, expected", [
    ("", -500), ("06-18", -1500), ("06-11", -500), ("06-11, 06-18", -1500)])
def test_a_holiday_is_as_the_sunday_before(holidays, expected, monkeypatch):
    """NOON is a Sunday; the load is 500 W on days of the week, 1500 W on Sundays."""
    monkeypatch.setattr(settings, "holidays", holidays)
    past("load", lambda at: -1500.0 if datetime.fromtimestamp(at, UTC).weekday() == 6 else -500.0, 28)
    wednesday = NOON + 3 * DAY
    assert ahead("load", start=wednesday, at=NOON).values == pytest.approx([expected] * 4)


def test_the_day_a_week_after_a_holiday_is_as_before_the_holiday(monkeypatch):
    """Wednesday 11 June was a holiday with 1500 W; Wednesday the 18th is as the 4th, with 500 W."""
    monkeypatch.setattr(settings, "holidays", "2025-06-11")
    past("load", lambda at: -1500.0 if datetime.fromtimestamp(at, UTC).day == 11 else -500.0, 28)
    assert ahead("load", start=NOON + 3 * DAY, at=NOON).values == pytest.approx([-500] * 4)


def test_a_load_is_what_the_premises_draw_beside_what_is_measured_apart():
    past("premises", lambda at: -100.0, 2)
    past("pv", lambda at: 600.0, 2)
    past("ev", lambda at: -200.0, 2)
    assert np.allclose(ahead("load").values, -100 - 600 + 200)
    past("load", lambda at: -55.0, 1)
    assert np.allclose(forecastvalues.history(VirtualDER.get(), "load", NOON), [-500] * 96 + [-55] * 96)


def test_a_load_of_which_there_are_no_premises_is_the_others():
    past("other", lambda at: -70.0, 2)
    assert np.allclose(ahead("load").values, -70)


def test_a_short_history_is_held():
    past("thermal", lambda at: -300.0, 1, end=NOON)
    Measurement.delete().where(Measurement.start < NOON - HOUR).execute()
    result = ahead("thermal")
    assert (
        result.values.tolist() == [-300] * 4
        and result.source == "the newest value, held"
        and np.isnan(result.sigma).all()
    )


def test_without_history_the_newest_readings_are_held():
    Meter.create(href="/upt/1/mr/1", device=1, kind="pv", factor=1.0, injection_w=800.0, read_at=NOON - 60)
    Meter.create(
        href="/upt/1/mr/2", device=1, kind="storage", factor=1.0, injection_w=50.0, read_at=NOON - 60
    )
    assert ahead("pv").values.tolist() == [800] * 4 and ahead("pv").source == "the newest readings, held"
    assert ahead("pv", at=NOON - 120).source == "nothing"
    Membership.delete().execute()
    assert ahead("pv").source == "nothing"


def test_a_replay_does_not_see_what_was_measured_later():
    past("thermal", lambda at: -100.0, 3, end=NOON - DAY)
    past("thermal", lambda at: -900.0, 1)
    assert np.allclose(ahead("thermal", start=NOON - DAY, at=NOON - DAY).values, -100)
    assert np.allclose(ahead("thermal", start=NOON - DAY, at=NOON - DAY, steps=96).values, -100)
    assert (ahead("thermal").values < -800).all()
    early = ahead("thermal", start=NOON - DAY, at=NOON - DAY + 2 * STEP - 1, steps=2).values
    assert np.allclose(early, -100)


def test_the_further_ahead_the_more_the_error():
    noise = np.random.default_rng(2).normal(0, 100, 28 * 96).cumsum()
    past("thermal", lambda at: float(noise[(at - NOON) // STEP]), 28)
    sigma = ahead("thermal", 48).sigma
    assert sigma[0] < sigma[-1]
    later = forecastvalues.forecast("street", "thermal", NOON + 40 * STEP, 8)
    assert np.allclose(later.sigma, sigma[40:]) and np.allclose(
        later.values, ahead("thermal", 48).values[40:]
    )


def test_gaps_in_history_do_not_stop_it():
    past("thermal", lambda at: -100.0, 8)
    night = [at for at in range(NOON - 8 * DAY, NOON, STEP) if at % DAY < 6 * HOUR]
    Measurement.delete().where(Measurement.start.in_([*night, NOON - STEP])).execute()
    assert np.isfinite(ahead("thermal", 96).values).all()


@pytest.mark.parametrize(
    "quantity, values, options, why",
    [
        ("wind", [1], {}, "forecasts are of load, pv, thermal, ev, not of 'wind'"),
        ("pv", [NAN], {}, "pv, value 1"),
        ("pv", [1], {"quantiles": {"0.9": [1, 2]}}, "2 values of quantile 0.9 for 1 steps"),
        ("pv", [1], {"quantiles": {"p90": [1]}}, "p90 is not a probability"),
        ("pv", [1], {"quantiles": {"1.5": [1]}}, "1.5 is no"),
        ("pv", [1], {"quantiles": {"0.9": ["x"]}}, "pv 0.9, value 1"),
        ("pv", [1], {"issued_at": NOON + 1}, "later than now"),
        ("pv", [1], {"start": NOON + 7}, "not a multiple"),
        ("ev", [[1, 2]], {}, "session 1: .* is not arrive, depart, Wh and W"),
    ],
)
def test_what_is_no_forecast_is_refused(quantity, values, options, why):
    with pytest.raises(Refused, match=why):
        put(quantity, values, **options)
    assert not Series.select().exists()


def test_a_sign_that_looks_wrong_is_said_and_a_dry_run_keeps_nothing():
    result = put("load", [500, -500], dry_run=True)
    assert result["warnings"] == [
        "load is positive in 1 of 2 steps; injection is positive here, consumption negative"]
    assert put("pv", [-1, None], dry_run=True)["warnings"] == [
        "pv of street has no values from 2025-06-15T12:15Z until 2025-06-15T12:30Z",
        "pv is negative in 1 of 2 steps; injection is positive here, consumption negative"]
    assert not Series.select().exists()


def test_forecasts_are_shown_with_who_says_so():
    with actors.acting("alice"):
        put("pv", [1000] * 8, source="bureau")
    put("ev", [[NOON + HOUR, NOON + 2 * HOUR, 5000, 7000]])
    past("premises", lambda at: -10.0, 2)
    result = forecasts.show("street", horizon_s=HOUR)
    assert [result[f"{quantity}_source"] for quantity in ("pv", "load", "ev")] == [
        "bureau", "a day ago", "nothing"]
    assert [row["quantity"] for row in result["submitted"]] == ["ev", "pv"] and len(result["intervals"]) == 4
    assert result["intervals"][0]["pv_p50_w"] == 1000 and result["intervals"][0]["load_p50_w"] == -10
    assert forecasts.show("street", ["pv"], HOUR)["submitted"][0]["quantiles"] == []
    assert [(entry["operation"], entry["subject"]) for entry in audit.entries()] == [
        ("forecast put", "street pv")
    ]


def test_history_that_was_imported_makes_forecasts():
    measurements.put("street", "premises", NOON - 2 * DAY, [-40.0] * 192)
    assert np.allclose(ahead("load").values, -40)
