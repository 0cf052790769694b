"""What was measured of an area corrects its forecast, as far as its meter is believed."""
from __future__ import annotations

import pytest

from server import clock
from server.grid.balance import corrections
from server.grid.groups import virtualders
from server.grid.optimisation.metertrust import LEFT_OUT, TRIAL, MeterTrust
from server.grid.series import measurements
from server.grid.series.areameter import AreaMeter
from server.grid.series.intervals import Span
from tests.conftest import NOON


def test_a_correction_is_bounded_by_trust_and_what_cannot_be_is_no_reading(server):
    town = virtualders.find(virtualders.create("town")["id"])
    for number, metered_w in enumerate((900.0, 1100.0, 90_000.0)):
        measurements.save(
            {"vder": town.id, "quantity": quantity, "start": NOON + number * 900, "value": value,
             "devices_read": 0}
            for quantity, value in (("metered", metered_w), ("expected", 0.0))
        )
    clock.turn_to(NOON + 2700)
    span = Span(NOON + 3600, 4, 900, NOON + 2700)

    def corrected_w(bound_w, state=TRIAL, begin=0):
        trust = MeterTrust(state=state, begin=begin)
        meter = AreaMeter(trust=trust, bound_w=bound_w, plausible_w=20_000.0)
        return float(corrections.error(town, span, meter).ahead_w(span)[0])

    assert corrected_w(20_000.0) == pytest.approx(1000 * 0.5 ** (3 / 16))
    assert corrected_w(300.0) == 300
    assert corrected_w(0.0, LEFT_OUT) == 0
    assert corrected_w(20_000.0, begin=NOON + 900) == pytest.approx(1100 * 0.5 ** (3 / 16))


def test_a_limit_is_kept_by_the_newest_error_and_by_how_much_errors_change(server):
    town = virtualders.find(virtualders.create("town")["id"])
    steps = 12
    measurements.save(
        {"vder": town.id, "quantity": quantity, "start": NOON + number * 900, "value": value,
         "devices_read": 0}
        for number in range(steps) for quantity, value in (("metered", 100.0 * number), ("expected", 0.0)))
    at = NOON + steps * 900
    meter = AreaMeter(trust=MeterTrust(state=TRIAL), bound_w=20_000.0, plausible_w=20_000.0)
    error = corrections.error(town, Span(at + 900, 8, 900, at), meter)
    assert error.last_w == 1100 and error.age == 2
    assert error.spread_w == pytest.approx(200), "in two steps"
    assert error.held_w(Span(at + 900, 8, 900, at), 3600) == pytest.approx(
        [1100] * 4 + [1100 * 0.5 ** (step / 16) for step in range(6, 10)])
    few = corrections.error(town, Span(NOON + 4 * 900, 8, 900, NOON + 4 * 900), meter)
    assert few.spread_w is None, "too little is known"
