"""A generator of a business: an engine that has to start, runs for a while once it does, and then rests."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

from clients.devices.devicemodel import LIMITS, DeviceModel
from clients.events.control import PowerOrder, Settings
from server.resources.codes import DERType, DeviceCategory


@dataclass(frozen=True)
class Generator(DeviceModel):
    """A generator of `max_w` that runs at `least_w` or more, and rests without a set point.

    It takes `start_s` to start: so long before an event whose set point it knows of, else when that begins.
    Once warm it runs for `least_run_s`, at its least output where nothing is asked; then it rests for
    `least_rest_s`. Its output changes by `ramp_w_per_s`; a limit takes effect at once. `warm_at` is the
    second at which it is or will be warm (infinite: it is off), `stopped_at` that at which it stopped.
    """
    max_w: float = 60_000.0
    least_w: float = 20_000.0
    start_s: float = 300.0
    least_run_s: float = 1800.0
    least_rest_s: float = 1800.0
    ramp_w_per_s: float = 500.0
    warm_at: float = math.inf
    stopped_at: float = -math.inf

    kind: ClassVar[str] = "generator"
    der_type: ClassVar[DERType] = DERType.RECIPROCATING_ENGINE
    category: ClassVar[DeviceCategory] = DeviceCategory.RECIPROCATING_ENGINE
    modes: ClassVar[frozenset[str]] = LIMITS | {"opModFixedW", "opModTargetW", "opModMaxLimW"}

    @property
    def settings(self) -> Settings:
        return super().settings._replace(gradient_percent_per_s=self.ramp_w_per_s / self.max_w * 100)

    @property
    def available_w(self) -> float:
        return self.max_w

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        """Start, run, stop or rest, as the set point and the engine's own times have it."""
        highest_w = order.bounded(self.max_w) if order.connect else 0.0
        target_w = min(max(order.target_w or 0.0, 0.0), highest_w)
        called = target_w >= self.least_w
        warm_at = self._warm_at(called, order.next_target_at, now, seconds)
        if now < warm_at:
            return self.metered(0.0, 0.0, order, now, seconds, warm_at=warm_at)
        if not called:
            must_run = now < warm_at + self.least_run_s and self.least_w <= highest_w
            target_w = self.least_w if must_run else 0.0
        change_w = self.ramp_w_per_s * seconds
        ramped_w = min(max(self.ramped_w(target_w, order, seconds), self.injection_w - change_w),
                       self.injection_w + change_w)
        injection_w = min(ramped_w, highest_w)
        stopped = injection_w <= 0 and target_w <= 0
        return self.metered(
            injection_w, 0.0, order, now, seconds, warm_at=math.inf if stopped else warm_at,
            stopped_at=now + seconds if stopped else self.stopped_at)

    def _warm_at(self, called: bool, next_target_at: float, now: float, seconds: float) -> float:
        """Return when it is warm: it starts when it is called, or in time for what it will be called for."""
        coming = next_target_at - self.start_s < now + seconds
        if self.warm_at <= now:
            return self.warm_at
        if not called and not coming:
            return math.inf
        if self.warm_at < math.inf:
            return self.warm_at
        return now + self.start_s if now >= self.stopped_at + self.least_rest_s else math.inf
