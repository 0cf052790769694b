"""Simulated houses with heat pumps that start and stop by themselves, in steps of three minutes, for tests of
what is learned of them.

A house is a room of one resistance and one capacity, or (`walls`) a room and its walls: a physics that no
model of the server has. The compressor runs at its rating or rests, by hysteresis around the set point.
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

MINUTES = 15  # of a step
PARTS = 5  # of a step, in each of which a compressor runs or rests


@dataclass
class Houses:
    """n houses: resistance (K/W), capacity (Wh/K) of room and walls, set points and hysteresis (degC, K),
    rating (W), heat that people and sun give (W), coefficient of performance at 7 degC, and by which part of
    it that rises with each K outside."""
    resistance: np.ndarray
    capacity: np.ndarray
    set_point_c: np.ndarray
    hysteresis_k: np.ndarray
    rating_w: np.ndarray
    gain_w: np.ndarray
    cop: np.ndarray
    cop_per_k: float
    wall_share: float
    cools_above_c: float
    indoor_c: np.ndarray
    wall_c: np.ndarray
    running: np.ndarray

    @property
    def band_h_per_k(self) -> float:
        """The band per K of the group, in hours at its rating, at a coefficient of performance at 7 degC."""
        return float((self.capacity / self.cop).sum() / self.rating_w.sum())

    @property
    def slope_per_k(self) -> float:
        """The slope of the base load, as a fraction of the group's rating."""
        return float((1 / self.resistance / self.cop).sum() / self.rating_w.sum())

    @property
    def leak_h(self) -> float:
        """The time constant of the group."""
        return float(np.mean(self.resistance * self.capacity))


def houses(
    count: int, seed: int, walls: bool = False, cools_above_c: float = np.inf, capacity: float = 3000.0,
    cop_per_k: float = 0.02,
) -> Houses:
    """Draw houses that differ by a fifth or so in everything."""
    generator = np.random.default_rng(seed)

    def around(value: float, spread: float = 0.2) -> np.ndarray:
        return value * np.exp(spread * generator.standard_normal(count))
    set_point_c = 20.5 + 0.7 * generator.standard_normal(count)
    hysteresis_k = generator.uniform(0.3, 0.6, count)
    return Houses(
        resistance=around(0.005), capacity=around(capacity), set_point_c=set_point_c,
        hysteresis_k=hysteresis_k, rating_w=around(2500.0, 0.1), gain_w=around(600.0), cop=around(3.0, 0.1),
        cop_per_k=cop_per_k, wall_share=0.6 if walls else 0.0, cools_above_c=cools_above_c,
        indoor_c=set_point_c + hysteresis_k * generator.uniform(-1, 1, count), wall_c=set_point_c - 1.0,
        running=generator.random(count) < 0.3,
    )


def weather(days: int, mean_c: float, seed: int, swing_k: float = 4.0) -> np.ndarray:
    """The outdoor temperature of each quarter-hour of so many days: colder at night, and fronts of days."""
    generator = np.random.default_rng(seed)
    hours = np.arange(days * 96) / 4
    front = np.cumsum(generator.standard_normal(days + 2))
    front = 3.0 * (front - np.linspace(front[0], front[-1], len(front)))
    return (mean_c - swing_k * np.cos((hours - 4) / 24 * 2 * np.pi)
            + np.interp(hours / 24, np.arange(days + 2), front))


def simulate(
    group: Houses, outdoor_c: np.ndarray, offset_k: np.ndarray, first_minute: int = 0
) -> tuple[Houses, np.ndarray]:
    """Return the houses after so many quarter-hours, and the mean load in W of each house in each of them,
    [steps, n].

    `offset_k` [steps] or [steps, n] moves set points: + stores (warmer while it heats, colder while it
    cools). Each house moves its set point by as much of it as it was told, at once.
    """
    indoor_c, wall_c, running = group.indoor_c.copy(), group.wall_c.copy(), group.running.copy()
    offsets = np.broadcast_to(np.reshape(offset_k, (len(outdoor_c), -1)), (len(outdoor_c), len(indoor_c)))
    load_w = np.zeros((len(outdoor_c), len(indoor_c)))
    walls, hours = group.wall_share, MINUTES / PARTS / 60
    room_wh = group.capacity * (1 - walls)
    for step, outside_c in enumerate(outdoor_c.tolist()):
        minute_of_day = (first_minute + step * MINUTES) % 1440
        sun = max(np.sin((minute_of_day - 480) / 600 * np.pi), 0.0)
        gain_w = group.gain_w * (0.7 + 1.0 * sun)
        season = -1.0 if outside_c > group.cools_above_c else 1.0
        point_c = (group.set_point_c if season > 0 else group.set_point_c + 3.5) + season * offsets[step]
        cop = group.cop * (1 + season * group.cop_per_k * (outside_c - 7))
        for _ in range(PARTS):
            missing_k = season * (point_c - indoor_c)
            running = (missing_k > group.hysteresis_k) | running & (missing_k > -group.hysteresis_k)
            load_w[step] += group.rating_w * running / PARTS
            heat_w = season * group.rating_w * running * cop + gain_w
            if walls:
                inward_w = (wall_c - indoor_c) * 4 / group.resistance
                outward_w = (wall_c - outside_c) / group.resistance
                indoor_c = indoor_c + (heat_w + inward_w) * hours / room_wh
                wall_c = wall_c - (inward_w + outward_w) * hours / (group.capacity * walls)
            else:
                outward_w = (indoor_c - outside_c) / group.resistance
                indoor_c = indoor_c + (heat_w - outward_w) * hours / room_wh
    return replace(group, indoor_c=indoor_c, wall_c=wall_c, running=running), load_w


def evening_offsets(days: int, seed: int, offset_k: float = 2.0, every: int = 2) -> np.ndarray:
    """[steps]: an offset for two hours on every so many-th day, at some hour of the afternoon or evening; on
    half of these days it stores for two hours before."""
    generator = np.random.default_rng(seed)
    offsets = np.zeros(days * 96)
    for day in range(1, days, every):
        start = day * 96 + int(generator.integers(52, 76))
        offsets[start:start + 8] = -offset_k
        if generator.random() < 0.5:
            offsets[start - 8:start] = offset_k
    return offsets
