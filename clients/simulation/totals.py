"""What a fleet's devices really did, interval by interval, beside what they would have done had nobody asked
for anything.

Each plant has a shadow: the same plant, from the same instant, left alone. Nobody but a simulation can know
that.
"""
from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from clients.devices.devicemodel import DeviceModel
from clients.events.control import PowerOrder
from clients.events.eventclient import EventClient

INTERVAL = 900
NO_CONTROLS = PowerOrder()


class Totals:
    """Watches followers, and gives the sums of an interval to `say` when the last of them has lived it (or
    the first the next): `at` its end (server seconds), `devices` how many are in it; by kind of plant `power`
    and `alone`, their mean injection in W and that of their shadows; `charge` and `charge_alone`, the state
    of charge of each battery."""

    def __init__(self, followers: Iterable[EventClient], say: Callable[[dict[str, Any]], None]):
        self._say = say
        self._places: dict[str, tuple[int, DeviceModel, DeviceModel]] = {}
        self._sums: dict[int, dict[str, Any]] = {}
        self._count = 0
        self._one_at_a_time = threading.Lock()
        for follower in followers:
            follower.watch = partial(self._see, follower.lfdi)
            self._count += 1

    def _see(self, lfdi: str, now: int, plant: DeviceModel) -> None:
        since, before, alone = self._places.get(lfdi, (now, plant, plant))
        if now % INTERVAL and now != since:
            return
        shadow = alone.run(NO_CONTROLS, since, now)
        self._places[lfdi] = now, plant, shadow
        if now - since == INTERVAL:
            with self._one_at_a_time:
                self._add(now, plant.kind, mean_injection_w(before, plant), mean_injection_w(alone, shadow),
                          (plant.charge, shadow.charge) if plant.kind == "battery" else None)

    def _add(self, at: int, kind: str, power: float, alone: float, charge: tuple[Any, Any] | None) -> None:
        for old in [instant for instant in self._sums if instant < at]:
            self._say(self._sums.pop(old))
        sums = self._sums.setdefault(at, {"at": at, "devices": 0, "power": defaultdict(float),
                                          "alone": defaultdict(float), "charge": [], "charge_alone": []})
        sums["devices"] += 1
        sums["power"][kind] += power
        sums["alone"][kind] += alone
        if charge is not None:
            sums["charge"].append(round(charge[0], 4))
            sums["charge_alone"].append(round(charge[1], 4))
        if sums["devices"] == self._count:
            self._say(self._sums.pop(at))


def mean_injection_w(before: DeviceModel, after: DeviceModel) -> float:
    """Mean injection over an interval, W."""
    return ((after.injected - before.injected) - (after.absorbed - before.absorbed)) * 3600 / INTERVAL


def add_totals(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The sums of several processes of one interval as one."""
    parts = list(parts)
    return {"at": parts[0]["at"], "devices": sum(part["devices"] for part in parts),
            **{name: {kind: sum(part[name].get(kind, 0.0) for part in parts) for kind in sorted({
                kind for part in parts for kind in part[name]})} for name in ("power", "alone")},
            **{name: [each for part in parts for each in part[name]] for name in ("charge", "charge_alone")}}
