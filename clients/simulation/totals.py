"""The totals of a fleet's devices by interval, with controls and without.

For each device a copy runs from the same instant without controls. So a simulation knows the true effect of
controls, which a real system can only estimate.
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
    """Observes event clients, and passes the totals of an interval to `on_interval` when the last of them has
    completed it (or the first has completed the next).

    Totals have `at`, the end of the interval (server seconds), the `feeder` that the devices are on, and
    `devices`, how many completed it. By kind of device they have `injection_w` and `uncontrolled_w`: the sums
    of the mean injection with and without controls. `soc` and `uncontrolled_soc` list the
    states of charge of the batteries.
    """

    def __init__(
        self,
        event_clients: Iterable[EventClient],
        on_interval: Callable[[dict[str, Any]], None],
        feeder: str = "",
    ):
        self._on_interval, self._feeder = on_interval, feeder
        # by LFDI: the end of the last interval, and the device there with and without controls
        self._states: dict[str, tuple[int, DeviceModel, DeviceModel]] = {}
        self._totals: dict[int, dict[str, Any]] = {}
        self._count = 0
        self._lock = threading.Lock()
        for event_client in event_clients:
            event_client.on_interval = partial(self._observe, event_client.lfdi)
            self._count += 1

    def _observe(self, lfdi: str, now: int, model: DeviceModel) -> None:
        since, before, uncontrolled_before = self._states.get(lfdi, (now, model, model))
        if now % INTERVAL and now != since:
            return
        uncontrolled = uncontrolled_before.run(NO_CONTROLS, since, now)
        self._states[lfdi] = now, model, uncontrolled
        if now - since == INTERVAL:
            with self._lock:
                self._add(now, model.kind, mean_injection_w(before, model),
                          mean_injection_w(uncontrolled_before, uncontrolled),
                          (model.soc, uncontrolled.soc) if model.kind == "battery" else None)

    def _add(
        self,
        at: int,
        kind: str,
        injection_w: float,
        uncontrolled_w: float,
        soc: tuple[Any, Any] | None,
    ) -> None:
        for past in [instant for instant in self._totals if instant < at]:
            self._on_interval(self._totals.pop(past))
        totals = self._totals.setdefault(at, {
            "at": at, "feeder": self._feeder, "devices": 0, "injection_w": defaultdict(float),
            "uncontrolled_w": defaultdict(float), "soc": [], "uncontrolled_soc": []})
        totals["devices"] += 1
        totals["injection_w"][kind] += injection_w
        totals["uncontrolled_w"][kind] += uncontrolled_w
        if soc is not None:
            totals["soc"].append(round(soc[0], 4))
            totals["uncontrolled_soc"].append(round(soc[1], 4))
        if totals["devices"] == self._count:
            self._on_interval(self._totals.pop(at))


def mean_injection_w(before: DeviceModel, after: DeviceModel) -> float:
    """Return the mean injection over an interval, from the registers before and after it."""
    injected_wh = (after.injected_wh - before.injected_wh) - (after.absorbed_wh - before.absorbed_wh)
    return injected_wh * 3600 / INTERVAL


def interval(totals: dict[str, Any]) -> tuple[int, str]:
    """Return what totals are of: the end of their interval, and their feeder."""
    return totals["at"], totals["feeder"]


def add_totals(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the sum of the totals that several processes have for one interval of one feeder."""
    parts = list(parts)
    totals: dict[str, Any] = {"at": parts[0]["at"], "feeder": parts[0]["feeder"],
                              "devices": sum(part["devices"] for part in parts)}
    for name in ("injection_w", "uncontrolled_w"):
        kinds = sorted({kind for part in parts for kind in part[name]})
        totals[name] = {kind: sum(part[name].get(kind, 0.0) for part in parts) for kind in kinds}
    for name in ("soc", "uncontrolled_soc"):
        totals[name] = [value for part in parts for value in part[name]]
    return totals
