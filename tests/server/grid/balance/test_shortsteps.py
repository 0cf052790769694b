"""An area in steps of five minutes: its signal, plan, events, measurements and corrections."""
from __future__ import annotations

import numpy as np
import pytest

from server import clock
from server.config import settings
from server.errors import Refused
from server.grid.balance import areasettings, corrections, planning, plans
from server.grid.groups import virtualders
from server.grid.optimisation.metertrust import TRUSTED, MeterTrust
from server.grid.series import forecasts, forecastvalues, measurements, signals
from server.grid.series.areameter import AreaMeter
from server.grid.series.intervals import Span
from server.models import DispatchOrder, Plan, Share
from server.resources import pollrates
from tests.conftest import NOON
from tests.server.grid.balancedarea import asks, at, controls

STEP, LEAD = 300, 300
ALTERNATING_W = np.tile([6000.0, -6000.0, 3000.0, -3000.0, 6000.0, -6000.0], 8)


@pytest.fixture
def street(battery):
    """Four batteries of 5 kW, and a signal that turns within each quarter of an hour."""
    virtualders.create("street", rule="kind = battery")
    homes = [battery(number) for number in (1, 2, 3, 4)]
    areasettings.set_automatic("street", True, step_s=STEP)
    signals.put("street", "imbalance", ALTERNATING_W, NOON, STEP)
    return homes


def decide(first=2, steps=6):
    """Run the worker for so many steps, and return the start of each."""
    starts = [NOON + number * STEP for number in range(first, first + steps)]
    for start in starts:
        assert at(start - LEAD) == 1
    return starts


def planned_w(start):
    """The injection of all members in a step, by the shares of its orders."""
    return sum(share.planned_w for share in Share.select().join(DispatchOrder).where(
        DispatchOrder.start == start))


def test_a_signal_that_turns_within_a_quarter_is_followed_step_by_step(street):
    """In steps of a quarter of an hour, the mean of it would be 1 kW throughout."""
    starts = decide()
    wanted = ALTERNATING_W[2:8]
    for start, watts in zip(starts, wanted, strict=True):
        control, = controls("street", start)
        assert control["interval"] == {"start": start, "duration": STEP}
        assert planned_w(start) == pytest.approx(watts, abs=0.2 * abs(watts)), (start - NOON) // STEP
        assert np.sign(control["DERControlBase"]["opModFixedW"]) == np.sign(watts)
    plan = Plan.select().order_by(Plan.id).first()
    assert plan.step_s == STEP and plan.start == starts[0]


def test_each_step_is_decided_a_poll_before_and_once(street):
    assert at(NOON + 2 * STEP - LEAD) == 1 and at(NOON + 2 * STEP - LEAD + 1) == 0
    assert controls("street", NOON + 2 * STEP) and not controls("street", NOON + 3 * STEP)


def test_a_day_stays_a_day_when_the_step_is_changed(street):
    assert plans.balance_of(virtualders.find("street")).horizon_steps == 288
    assert areasettings.set_automatic("street", None, step_s=900)["horizon_steps"] == 96
    changed = areasettings.set_automatic("street", None, step_s=STEP, horizon_steps=48)
    assert (changed["step_s"], changed["horizon_steps"]) == (STEP, 48)


@pytest.mark.parametrize("step_s", [60, 299, 600, 4500])
def test_other_steps_are_refused(street, step_s):
    with pytest.raises(Refused, match="possible"):
        areasettings.set_automatic("street", None, step_s=step_s)


def test_a_step_that_is_over_before_devices_have_polled_is_refused(street, monkeypatch):
    areasettings.set_automatic("street", None, step_s=900)
    monkeypatch.setattr(settings, "poll_rate", 600)
    with pytest.raises(Refused, match="every 600 s, .* set the poll rate to 300 s or less"):
        areasettings.set_automatic("street", None, step_s=STEP)
    assert areasettings.set_automatic("street", None, step_s=900)["step_s"] == 900


def test_a_member_that_polls_too_seldom_by_a_rate_of_its_own_is_named(street):
    areasettings.set_automatic("street", None, step_s=900)
    pollrates.set_rate("poll", "", street[2].lfdi, 900)
    with pytest.raises(Refused, match=f"DERProgramList is polled by {street[2].device.name} every 900 s"):
        areasettings.set_automatic("street", None, step_s=STEP)
    virtualders.create("elsewhere", rule="kind = inverter")
    assert areasettings.set_automatic("elsewhere", None, step_s=STEP)["step_s"] == STEP


def test_readings_that_come_less_often_than_steps_are_warned_of(street, monkeypatch):
    monkeypatch.setattr(settings, "post_rate", 900)
    assert "post readings every 900 s" in areasettings.set_automatic("street", None)["warnings"][0]
    monkeypatch.setattr(settings, "post_rate", STEP)
    assert areasettings.set_automatic("street", None)["warnings"] == []


def test_what_is_read_in_a_step_is_summed_up_for_the_area_and_its_quarters_stay(street):
    start = NOON + 900
    clock.turn_to(start + 900)
    for number, watts in enumerate((1000, -1000, 400)):
        for home in street:
            home.post(watts, start=start + number * STEP, duration=STEP)
    area = virtualders.find("street")
    for number in range(3):
        measurements.roll_steps({area.id}, [start + number * STEP], STEP)
    measurements.roll(start)
    assert measurements.read(area, "storage", start, 3, STEP).tolist() == pytest.approx([4000, -4000, 1600])
    assert measurements.read(area, "storage", start, 1).tolist() == pytest.approx([1600 / 3], abs=0.1)
    assert [*measurements.show(area, start, start + 900)[0]["injection_w"]] == ["storage"]


def test_what_is_recorded_of_steps_is_recorded_of_their_quarter(street):
    area = virtualders.find("street")
    for number, watts in enumerate((300.0, 600.0, 1500.0)):
        measurements.record(area, NOON + number * STEP, STEP, after=watts)
    assert measurements.read(area, "after", NOON, 3, STEP).tolist() == [300, 600, 1500]
    assert measurements.read(area, "after", NOON, 1).tolist() == [800]


def test_an_error_of_an_hour_corrects_the_next_steps_as_in_quarters(street):
    """An error of 1 kW, for an hour, with half of it left after four."""
    area, meter = virtualders.find("street"), AreaMeter(trust=MeterTrust(state=TRUSTED))
    meter = meter._replace(bound_w=5000.0) if hasattr(meter, "_replace") else meter
    object.__setattr__(meter, "bound_w", 5000.0)
    object.__setattr__(meter, "plausible_w", 50_000.0)
    corrected = {}
    for step in (STEP, 900):
        for start in range(NOON - 7200, NOON, step):
            measurements.record(area, start, step, metered=1000.0, expected=0.0)
        span = Span(NOON, 3600 * 5 // step, step, NOON)
        corrected[step] = corrections.error(area, span, meter).ahead_w(span)
    assert corrected[STEP][::3] == pytest.approx(corrected[900], rel=0.05)
    assert corrected[900][0] == pytest.approx(950, abs=50) and corrected[900][16] < 520


def test_a_forecast_in_quarters_keeps_its_energy_in_short_steps(street):
    forecasts.put("street", "load", [-1000.0, -2500.0] * 10, NOON, 900)
    fine = forecastvalues.forecast("street", "load", NOON + STEP, 5, NOON, STEP).values
    assert fine.tolist() == [-1000, -1000, -2500, -2500, -2500]


def test_the_charge_at_the_start_of_a_step_is_that_after_all_steps_until_then(street):
    """Two steps lie between the instant of a decision and the step: each with a command of its own."""
    decide(steps=2)
    area = virtualders.find("street")
    balance = plans.balance_of(area)
    begin = NOON + 2 * STEP
    clock.turn_to(begin)
    for home in street:
        home.charge(0.5)
    state = planning.forecast_area(area, balance, begin + 2 * STEP).state
    first, second = (-planned_w(begin + number * STEP) / 4 for number in (0, 1))
    expected = 5000.0
    for watts in (first, second):
        expected += watts * STEP / 3600 * (0.95 if watts > 0 else 1 / 0.95)
    assert state.fleet.batteries.energy.tolist() == pytest.approx([expected] * 4, rel=0.01)


@pytest.mark.parametrize("leaves_s, steps", [(20 * 60, 4), (22 * 60, 4), (25 * 60, 5), (4 * 60, None)])
def test_the_stay_of_a_car_is_counted_from_the_step_and_not_from_its_decision(
    street, home, leaves_s, steps
):
    """A step is decided five minutes or more before; what is left of a step is no step."""
    charger = home(9, "battery")
    charger.rate(82, 0, 7000)
    charger.post(0)
    begin = NOON + 3 * STEP
    asks(charger, 1000, (begin + leaves_s - NOON) / 3600, start=NOON)
    clock.turn_to(begin - LEAD - 100)
    area = virtualders.find("street")
    cars = planning.forecast_area(area, plans.balance_of(area), begin).state.fleet.sessions
    assert cars.depart.tolist() == ([] if steps is None else [steps])
