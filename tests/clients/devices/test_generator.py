"""A generator: it starts, ramps, runs for a while, and rests; limits hold whatever it is asked."""
from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from clients.devices.generator import Generator
from clients.events.control import PowerOrder
from clients.simulation.weather import DAY, Site

NOON = 1_750_000_000 // DAY * DAY + DAY // 2
ENGINE = Generator(site=Site("engine"))
FULL = PowerOrder(target_w=60_000.0)
IDLE = PowerOrder()


def test_it_starts_in_time_for_an_event_that_it_knows_of() -> None:
    known = PowerOrder(next_target_at=NOON + 600)
    waiting = ENGINE.run(known, NOON, NOON + 240)
    assert waiting.warm_at == math.inf
    assert waiting.run(known, NOON + 240, NOON + 600).warm_at <= NOON + 600
    running = waiting.run(known, NOON + 240, NOON + 600).run(FULL, NOON + 600, NOON + 720)
    assert running.injection_w == 60_000, "500 W/s for two minutes"


def test_it_takes_its_time_where_nobody_said_before() -> None:
    assert ENGINE.run(FULL, NOON, NOON + 300).injection_w == 0
    after = ENGINE.run(FULL, NOON, NOON + 360)
    assert after.injection_w == 30_000 and after.settings.gradient_percent_per_s == pytest.approx(100 / 120)


def test_once_it_runs_it_runs_for_a_while_and_then_rests() -> None:
    begun = ENGINE.run(FULL, NOON, NOON + 900)
    called_off = begun.run(IDLE, NOON + 900, NOON + 1800)
    assert called_off.injection_w == 20_000, "at its least output"
    stopped = called_off.run(IDLE, NOON + 1800, NOON + 2400)
    assert stopped.injection_w == 0 and stopped.warm_at == math.inf and NOON + 2100 < stopped.stopped_at
    resting = stopped.run(FULL, NOON + 2400, int(stopped.stopped_at) + 1800)
    assert resting.warm_at == math.inf
    assert resting.run(FULL, int(stopped.stopped_at) + 1800, int(stopped.stopped_at) + 2400).injection_w > 0


def test_it_cannot_run_lower_than_it_can_and_an_event_that_is_cancelled_starts_nothing() -> None:
    assert ENGINE.run(PowerOrder(target_w=19_000.0), NOON, NOON + 3600) .injected_wh == 0
    known = PowerOrder(next_target_at=NOON + 200)
    starting = ENGINE.run(known, NOON, NOON + 60)
    assert starting.warm_at == NOON + 300
    assert starting.run(IDLE, NOON + 60, NOON + 900).injected_wh == 0


orders = some.builds(
    PowerOrder,
    connect=some.booleans(),
    target_w=some.none() | some.floats(-9000, 90_000),
    max_injection_w=some.just(math.inf) | some.floats(0, 90_000),
    max_export_w=some.just(math.inf) | some.floats(0, 90_000),
    gradient_w_per_s=some.just(math.inf) | some.floats(1, 5000),
    next_target_at=some.just(math.inf) | some.floats(NOON, NOON + 7200),
)


@given(some.lists(some.tuples(orders, some.integers(1, 7200)), min_size=1, max_size=6))
@settings(max_examples=40)
def test_limits_hold_and_the_meter_counts(asked: list[tuple[PowerOrder, int]]) -> None:
    engine, now = ENGINE, float(NOON)
    for order, seconds in asked:
        for step in range(0, seconds, 60):
            part = min(60, seconds - step)
            after = engine.step(order, now, part)
            assert 0 <= after.injection_w <= (min(60_000, order.max_injection_w, order.max_export_w)
                                              if order.connect else 0) + 1e-6
            assert (after.injected_wh - engine.injected_wh) * 3600 == pytest.approx(
                after.injection_w * part, abs=1e-3)
            assert after.injection_w - engine.injection_w <= engine.ramp_w_per_s * part + 1e-6
            engine, now = after, now + part
