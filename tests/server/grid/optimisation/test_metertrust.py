"""Trust in a meter: on trial, trusted, left out, tried again."""
from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.optimisation.metergain import Evidence
from server.grid.optimisation.metertrust import (FIRST_WAIT_S, HOUR, LEFT_OUT, MAX_WAIT_S, TRIAL, TRUSTED,
                                                 MeterTrust, Scale, follow)

NOTHING = Evidence(None, 0, False, False)
WRONG, SUSPICIOUS = Evidence(-1.0, 12, True, False), Evidence(None, 0, True, False)
CONFIRMED = Evidence(None, 0, False, True)
SCALE = Scale(read_w=1000.0, forecast_w=2000.0, plausible_w=20_000.0)


NEW = MeterTrust()


def after(*steps: Evidence, trust: MeterTrust = NEW, scale: Scale = SCALE) -> MeterTrust:
    for number, evidence in enumerate(steps):
        trust = follow(trust, evidence, scale, number * 900)
    return trust


def test_a_meter_on_trial_corrects_by_ever_more_up_to_the_forecast():
    assert MeterTrust().bound_w(20_000.0) == 0
    first = after(NOTHING)
    assert (first.state, first.bound_w(20_000.0)) == (TRIAL, 300.0)
    assert after(NOTHING, trust=first).bound_w(20_000.0) == pytest.approx(345)
    assert after(*[NOTHING] * 50).bound_w(20_000.0) == 2000.0
    assert after(*[NOTHING] * 50, scale=replace(SCALE, forecast_w=0.0)).bound_w(20_000.0) > 10_000


def test_suspicion_lowers_what_it_corrects():
    trust = after(*[NOTHING] * 50, SUSPICIOUS)
    assert trust.state == TRIAL and trust.bound_w(20_000.0) == 1000.0
    lost = after(NOTHING, CONFIRMED, SUSPICIOUS)
    assert (lost.state, lost.bound_w(20_000.0)) == (TRIAL, 300.0)


def test_a_confirmed_meter_corrects_by_all_that_is_plausible():
    trust = after(NOTHING, CONFIRMED, NOTHING)
    assert trust.state == TRUSTED and trust.bound_w(20_000.0) == 20_000.0


def test_a_wrong_meter_is_left_out_and_tried_again_after_ever_longer():
    trust = after(NOTHING, CONFIRMED, WRONG)
    assert (trust.state, trust.gain, trust.bound_w(20_000.0)) == (LEFT_OUT, -1.0, 0.0)
    assert trust.retry_at == 1800 + FIRST_WAIT_S
    assert follow(trust, CONFIRMED, SCALE, trust.retry_at - 1) == trust
    again = follow(trust, WRONG, SCALE, trust.retry_at)
    assert (again.state, again.begin, again.bound_w(20_000.0)) == (TRIAL, trust.retry_at, 300.0)
    waits_h = []
    for _ in range(5):
        trust = follow(again, WRONG, SCALE, 0)
        waits_h.append(trust.retry_at // HOUR)
        again = follow(trust, NOTHING, SCALE, trust.retry_at)
    assert waits_h == [16, 32, 48, 48, 48] and MAX_WAIT_S == 48 * HOUR
    right = follow(again, CONFIRMED, SCALE, 0)
    assert (right.state, right.gain, right.wait_s) == (TRUSTED, None, FIRST_WAIT_S)


@given(st.lists(st.sampled_from((NOTHING, WRONG, SUSPICIOUS, CONFIRMED))), st.floats(0, 1e6),
       st.floats(0, 1e6), st.floats(0, 1e6))
def test_it_never_corrects_by_more_than_is_plausible(steps, read_w, forecast_w, plausible_w):
    trust = after(*steps, scale=Scale(read_w=read_w, forecast_w=forecast_w, plausible_w=plausible_w))
    assert 0 <= trust.bound_w(plausible_w) <= plausible_w
