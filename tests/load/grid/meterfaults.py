"""An area with a faulty meter: a day of four batteries in a database, decided by the controller itself.

The signal tells most of the imbalance; the rest is known from the area's meter alone. Consumption is
positive, in W.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from server import actors, clock, functionsets, grid, models
from server.grid.balance import areasettings, controller, planning, plans
from server.grid.groups import virtualders
from server.grid.series import measurements, signals
from server.models import DerState, Device, DeviceType, DispatchOrder, Membership, Meter, Share
from tests.load.grid.gates import Gate

AREA, NOON, STEP, STEPS, BATTERIES = "street", 1_776_427_200, 900, 96, 4
POWER_W, CAPACITY_WH, EFFICIENCY = 5000.0, 10_000.0, 0.95
RIGHT, MISSING = "right", "missing"
Reading = Callable[[int, Sequence[float]], float | None]
# What the meter reads of a step, by the true imbalance of all steps until then.
READINGS: dict[str, Reading] = {
    RIGHT: lambda step, true_w: true_w[step],
    MISSING: lambda step, true_w: None,
    "x10": lambda step, true_w: 10 * true_w[step],
    "kW for W": lambda step, true_w: true_w[step] / 1000,
    "wrong sign": lambda step, true_w: -true_w[step],
    "stuck from the first step": lambda step, true_w: true_w[0],
    "stuck after 9 h": lambda step, true_w: true_w[min(step, 37)],
    "x10 after 6 h": lambda step, true_w: true_w[step] * (10 if step >= 24 else 1),
    "wrong sign after 6 h": lambda step, true_w: true_w[step] * (-1 if step >= 24 else 1),
    "x1000": lambda step, true_w: 1000 * true_w[step],
}


@contextmanager
def street() -> Iterator[None]:
    """Make an area of four batteries, half full, in a database of its own, balanced automatically."""
    pace = clock.spec()
    functionsets.load()
    grid.load()
    with TemporaryDirectory() as folder:
        clock.turn_to(NOON)
        models.connect(f"sqlite:///{Path(folder)}/grid.db")
        models.db.execute_sql("PRAGMA synchronous = off")
        area = virtualders.find(virtualders.create(AREA)["id"])
        for number in range(1, BATTERIES + 1):
            Device.create(id=number, lfdi=f"{number:040X}", sfdi=number, enrolled_at=0, last_contact_at=NOON,
                          name=f"d{number}", kind="battery")
            Membership.create(vder=area, device=number)
            DeviceType.create(device=number, kind="storage")
            DerState.create(
                href=f"/edev/{number}/der/1", device=number, der_type=80, max_injection_w=POWER_W,
                max_absorption_w=POWER_W, capacity_wh=CAPACITY_WH, soc=0.5, soc_at=NOON,
                modes="opModFixedW opModMaxLimW",
            )
            Meter.create(href=f"/upt/{number}/mr/1", device=number, kind="storage", factor=1.0, read_at=NOON,
                         injection_w=0.0, period_s=STEP)
        try:
            yield
        finally:
            models.db.close()
            clock.follow(pace)


def run_day(
    signal_w: np.ndarray, unknown_w: np.ndarray, reading: Reading, steps: int = STEPS
) -> np.ndarray:
    """Return the imbalance [steps] that is left of a signal and of what it does not tell, with a meter."""
    true_w: list[float] = []
    with street():
        signals.put(AREA, "imbalance", [*signal_w.tolist(), *[0.0] * STEPS], NOON, STEP)
        areasettings.set_automatic(AREA, True)
        area = virtualders.find(AREA)
        lead_s = planning.lead_time_s(plans.balance_of(area))
        soc, power_w = 0.5, 0.0
        for number in range(steps):
            start = NOON + number * STEP
            if number:
                soc_then = soc - _gained(power_w) * lead_s / STEP
                clock.turn_to(start - lead_s)
                _report(start - lead_s, soc_then, power_w)
                with actors.acting("bench"):
                    controller.run_due()
            power_w = _power_w(start, soc)
            soc += _gained(power_w)
            clock.turn_to(start + STEP)
            true_w.append(float(signal_w[number] + unknown_w[number] + BATTERIES * power_w))
            measurements.save([{"vder": area.id, "quantity": "storage", "start": start,
                                "value": -BATTERIES * power_w, "devices_read": BATTERIES}])
            measured_w = reading(number, true_w)
            if measured_w is not None:
                signals.push(AREA, "measured", measured_w, start, STEP, issue_interval_s=STEP)
    return np.array(true_w)


def _gained(power_w: float) -> float:
    """The change of the state of charge by a step of this power."""
    return power_w * (EFFICIENCY if power_w > 0 else 1 / EFFICIENCY) * STEP / 3600 / CAPACITY_WH


def _power_w(start: int, soc: float) -> float:
    """The load of each battery in a step: what it was told, as far as it can."""
    shares = Share.select(Share.planned_w).join(DispatchOrder).where(DispatchOrder.start == start)
    told_w = -sum(share.planned_w for share in shares) / BATTERIES
    hours = STEP / 3600
    most_w = (1 - soc) * CAPACITY_WH / EFFICIENCY / hours
    least_w = -soc * CAPACITY_WH * EFFICIENCY / hours
    return float(np.clip(told_w, max(least_w, -POWER_W), min(most_w, POWER_W)))


def _report(at: int, soc: float, power_w: float) -> None:
    Device.update(last_contact_at=at).execute()
    Meter.update(read_at=at, injection_w=-power_w).execute()
    DerState.update(soc=soc, soc_at=at).execute()


def unknown(spread_w: float, persistence: float, seed: int, steps: int = STEPS) -> np.ndarray:
    """Return what no signal tells [steps]: noise that decays from step to step."""
    generator = np.random.default_rng(seed)
    values = np.zeros(steps)
    for step in range(1, steps):
        fresh_w = generator.normal(0, spread_w * np.sqrt(1 - persistence**2))
        values[step] = persistence * values[step - 1] + fresh_w
    return values


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def gates() -> Iterator[Gate]:
    """Measure a day with each meter beside doing nothing, where a signal of 3 kW tells most of the imbalance
    and, for some, where no signal tells any of it."""
    logging.disable(logging.WARNING)
    known_w = 3000 * np.sin(2 * np.pi * np.arange(STEPS) / 24)
    unknown_w = unknown(300.0, 0.9, 1)
    alone_w = known_w + unknown_w
    left_w = {name: run_day(known_w, unknown_w, reading) for name, reading in READINGS.items()}
    yield Gate("right meter: RMS beside none", rms(left_w[RIGHT]) / rms(left_w[MISSING]), 1.0, True,
               note=f"{rms(left_w[RIGHT]):.0f} W of {rms(alone_w):.0f} W")
    for name, imbalance_w in left_w.items():
        peak = np.abs(imbalance_w).max() / np.abs(alone_w).max()
        yield Gate(f"  meter {name}: RMS beside doing nothing", rms(imbalance_w) / rms(alone_w), 1.05, True,
                   note=f"{rms(imbalance_w):.0f} W; peak {peak:.2f}")
    yield from _without_signal()
    logging.disable(logging.NOTSET)


def _without_signal() -> Iterator[Gate]:
    nothing_w, unknown_w = np.zeros(STEPS), unknown(500.0, 0.9, 3)
    for name in (RIGHT, "x10", "wrong sign", "stuck after 9 h"):
        left = rms(run_day(nothing_w, unknown_w, READINGS[name])) / rms(unknown_w)
        yield Gate(f"  meter {name}, all that is known: RMS beside doing nothing", left, 1.05, True)
