"""Trust in the meter of an area, and how far it may move the area. Pure.

A meter is on trial until its gain is known to be right. On trial it may correct the forecast by a little, and
each step by more while nothing speaks against it: so a wrong meter is found out before it does harm, and a
right one is soon followed. A meter that is found wrong is left out for a time, then tried again, each time
after twice as long.
"""
from __future__ import annotations

from dataclasses import dataclass, replace

from server.grid.optimisation.metergain import Evidence
from server.units import Instant, Seconds, Watts

TRIAL, TRUSTED, LEFT_OUT = "on trial", "trusted", "left out"
HOUR = 3600
FIRST_WAIT_S, MAX_WAIT_S = 8 * HOUR, 48 * HOUR
# What a meter on trial may correct at first: of the RMS of what it reads, and of the forecast it corrects.
MIN_OF_READINGS, MIN_OF_FORECAST = 0.02, 0.15
GROWTH, DECAY = 1.15, 0.5  # of that, each step; decay where the meter is suspected
KNOWN_FORECAST = 0.05  # a forecast of more than so much of the readings bounds a meter on trial


@dataclass(frozen=True, kw_only=True)
class MeterTrust:
    """What is thought of a meter.

    Values since `begin` count as evidence. `authority_w` is by how much it may correct the forecast while it
    is on trial (None: nothing decided yet). A meter that is left out is tried again at `retry_at`; `wait_s`
    is for how long it is left out next. `gain` is that for which it was left out.
    """
    state: str = TRIAL
    begin: Instant = 0
    authority_w: Watts | None = None
    retry_at: Instant = 0
    wait_s: Seconds = FIRST_WAIT_S
    gain: float | None = None

    def bound_w(self, plausible_w: Watts) -> Watts:
        """Return by how much the meter may correct the forecast, where `plausible_w` is what the area can
        have."""
        if self.state == LEFT_OUT:
            return 0.0
        return plausible_w if self.state == TRUSTED else min(self.authority_w or 0.0, plausible_w)


def follow(trust: MeterTrust, evidence: Evidence, scale: Scale, now: Instant) -> MeterTrust:
    """Return what is thought of a meter after one more step."""
    if trust.state == LEFT_OUT:
        if now < trust.retry_at:
            return trust
        return _on_trial(replace(trust, state=TRIAL, begin=now, authority_w=None), False, scale)
    if evidence.wrong is not None:
        return replace(
            trust,
            state=LEFT_OUT,
            gain=evidence.wrong,
            authority_w=None,
            retry_at=now + trust.wait_s,
            wait_s=min(2 * trust.wait_s, MAX_WAIT_S),
        )
    if evidence.confirmed:
        return MeterTrust(state=TRUSTED, begin=trust.begin)
    if trust.state == TRUSTED:
        if not evidence.suspicious:
            return trust
        return _on_trial(replace(trust, state=TRIAL, authority_w=None), False, scale)
    return _on_trial(trust, evidence.suspicious, scale)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How large things are, in W: the RMS of what the meter has `read`, the RMS of the `forecast` that it
    corrects, and what the area can plausibly have."""
    read_w: Watts
    forecast_w: Watts
    plausible_w: Watts


def _on_trial(trust: MeterTrust, suspicious: bool, scale: Scale) -> MeterTrust:
    least_w = max(MIN_OF_READINGS * scale.read_w, MIN_OF_FORECAST * scale.forecast_w)
    known = scale.forecast_w > KNOWN_FORECAST * scale.read_w
    most_w = scale.forecast_w if known else scale.plausible_w
    factor = DECAY if suspicious else GROWTH
    authority_w = least_w if trust.authority_w is None else max(trust.authority_w * factor, least_w)
    return replace(trust, authority_w=min(authority_w, most_w))
