"""The meter of an area: what it reads, whether that can be believed, and by how much it may move the area.

What is `measured` of an area corrects its forecast. Each step, the meter is judged by how it has moved with
what was expected to move (see `optimisation.metergain`), and trusted accordingly (`optimisation.metertrust`).
"""
from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Any

from server import alarms
from server.grid.optimisation import metergain, metertrust
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.metertrust import LEFT_OUT, TRIAL, TRUSTED, MeterTrust, Scale
from server.grid.series import measurements
from server.grid.series.intervals import DAY, STEP, WEEK, iso
from server.models import Balance, VirtualDER
from server.resources import sql
from server.units import Instant, Seconds, Watts

log = logging.getLogger(__name__)
ALARM = "implausible area meter"
METERED = "metered"  # the imbalance of an area by its meter, whether it is believed or not
FOLLOWING = ("after", "before", "load")  # quantities that are recorded from it where it is believed
SHOWN_HALF_LIFE_S = 4 * WEEK  # of the greatest imbalance that an area has had


@dataclass(frozen=True, kw_only=True)
class AreaMeter:
    """What is thought of an area's meter, by readings until `judged_at`.

    `bound_w` is by how much it may correct the forecast; a reading beyond `plausible_w` counts as none.
    `shown_w` is the greatest imbalance that the area would have had without its balance, as far as a trusted
    meter says; it fades. `wrong_steps` is how many steps say that it is wrong, where that has just been found
    out.
    """
    trust: MeterTrust = MeterTrust()
    judged_at: Instant = 0
    bound_w: Watts = 0.0
    plausible_w: Watts = 0.0
    shown_w: Watts = 0.0
    wrong_steps: int = 0

    @property
    def is_recorded(self) -> bool:
        """Whether what follows from its readings is recorded: not while it is wrong, or may still be."""
        return self.trust.state == TRUSTED or self.trust.state == TRIAL and self.trust.gain is None


def of_area(area: VirtualDER) -> AreaMeter:
    """Return what is thought of the meter of an area."""
    balance = Balance.get_or_none(Balance.vder == area)
    return _restore(balance.meter) if balance is not None else AreaMeter()


def _restore(stored: dict[str, Any] | None) -> AreaMeter:
    if stored is None:
        return AreaMeter()
    return AreaMeter(**stored | {"trust": MeterTrust(**stored["trust"])})


def assess(area: VirtualDER, at: Instant, step_s: Seconds, forecast_w: Floats, ability_w: Watts) -> AreaMeter:
    """Return what is to be thought of the meter of an area at an instant; `record` has to store it.

    `forecast_w` [T] is the imbalance that is expected if nothing is moved, `ability_w` what the area's
    members can move together.
    """
    meter = of_area(area)
    present = at - at % step_s
    count = max(max(metergain.WINDOWS), DAY // step_s) + 1
    begin = present - count * step_s
    metered_w = measurements.read(area, METERED, begin, count, step_s)
    starts = begin + np.arange(count) * step_s
    if not np.isfinite(metered_w[starts > meter.judged_at]).any():
        return meter
    expected_w = expected(area, begin, count, step_s)
    shown_w = _shown_w(area, meter, present, step_s)
    plausible_w = ability_w + max(shown_w, float(np.abs(forecast_w).max(initial=0.0)))
    is_evidence = starts >= meter.trust.begin
    possible_w = metered_w[is_evidence & (np.abs(metered_w) <= plausible_w)]
    scale = Scale(read_w=_rms(possible_w), forecast_w=_rms(forecast_w), plausible_w=plausible_w)
    evidence = metergain.evidence(metered_w[is_evidence], expected_w[is_evidence])
    trust = metertrust.follow(meter.trust, evidence, scale, present)
    return AreaMeter(
        trust=trust,
        judged_at=int(starts[np.isfinite(metered_w)][-1]),
        bound_w=trust.bound_w(plausible_w),
        plausible_w=plausible_w,
        shown_w=shown_w,
        wrong_steps=evidence.steps if trust.state == LEFT_OUT != meter.trust.state else 0,
    )


def expected(area: VirtualDER, start: Instant, steps: int, step_s: Seconds) -> Floats:
    """Return [steps]: what a right meter would have read of an area if its forecast had come true, with what
    its members did by their own meters."""
    def read(quantity: str) -> Floats:
        return measurements.read(area, quantity, start, steps, step_s)
    other_w = [np.nan_to_num(read(f"planned_{kind}") - read(kind)) for kind in ("storage", "ev")]
    expected_w: Floats = read("expected") + np.sum(other_w, axis=0)
    return expected_w


def _shown_w(area: VirtualDER, meter: AreaMeter, present: Instant, step_s: Seconds) -> Watts:
    """The greatest imbalance that a trusted meter has shown of late, without what was moved."""
    faded_w: Watts = meter.shown_w * 0.5 ** (step_s / SHOWN_HALF_LIFE_S)
    if meter.trust.state != TRUSTED:
        return faded_w
    before_w = measurements.read(area, "before", present - 2 * step_s, 2, step_s)
    return max(faded_w, float(np.abs(np.nan_to_num(before_w)).max()))


def _rms(values: Floats) -> Watts:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else 0.0


def record(balance: Balance, meter: AreaMeter, step_s: Seconds) -> None:
    """Record what is thought of a meter, within the caller's transaction; the caller has to save `balance`.

    What was recorded by a meter that has been found wrong is removed for the steps that say so.
    """
    before, area = _restore(balance.meter), balance.vder
    balance.meter = asdict(meter)
    if meter.trust.state == before.trust.state:
        return
    sentence = describe(meter)
    log.info("the meter of %s is %s", area.name, sentence)
    if meter.trust.state == LEFT_OUT:
        alarms.raise_alarm(ALARM, f"area {area.name}", f"it is {sentence}")
        since = meter.judged_at - (meter.wrong_steps - 1) * step_s
        sql.many("DELETE FROM measurement WHERE vder_id = ? AND quantity = ? AND start >= ?",
                 ((area.id, name, since - since % STEP if name == quantity else since)
                  for quantity in FOLLOWING
                  for name in {quantity, measurements.stored_name(quantity, step_s)}))
    elif meter.trust.state == TRUSTED:
        alarms.clear(ALARM, f"area {area.name}")


def describe(meter: AreaMeter) -> str:
    """Return in words what is thought of a meter; empty where it has not been read."""
    trust = meter.trust
    if trust.state == LEFT_OUT:
        return (
            f"left out until {iso(trust.retry_at)}: it moves by {trust.gain or 0.0:.3g} W for each W by "
            "which the area is known to have moved. Check its unit, its sign, and that it is read"
        )
    if trust.state == TRIAL and meter.judged_at:
        return f"on trial: it corrects the forecast by {meter.bound_w:.0f} W at most"
    return "trusted" if trust.state == TRUSTED else ""
