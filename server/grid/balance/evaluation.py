"""What came of a step that is over: the imbalance that was left, what it would have been, and who did what it
was asked.

The sums are kept as intervals of the area (see `history`): `after` and `before` are imbalances, consumption
+; the rest is injection, in W, save `charge`, `charge_low` and `charge_high`, the state of charge of its
stores (mean, 10 % and 90 %).
"""
from __future__ import annotations

from typing import NamedTuple

from peewee import chunked

from server import clock
from server.grid.groups.tree import Tree
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.series import devicereadings, forecastvalues, issuedseries, measurements, signalkinds
from server.models import Balance, Participation, VirtualDER
from server.resources import sql
from server.resources.codes import OPT_OUTS

EVALUATED_STEPS_AGO = (2, 1)  # so many steps ago; the older again, since readings come late
MIN_CHANGE_FRACTION = 0.02  # of a device's greatest planned change: less says nothing about who does as asked
# By what orders of the balance ask it of whom.
COMMAND_QUANTITIES = {"thermal": ("offset", "duty"), "pv": ("limit",)}
_CHUNK = 300


def record_forecast(area: VirtualDER, start: int, **values: float) -> None:
    """Keep numbers of an area's step."""
    measurements.save(
        {"vder": area.id, "quantity": what, "start": start, "value": value, "devices_read": 0}
        for what, value in values.items()
    )


def evaluate_due(area: VirtualDER, row: Balance) -> None:
    """Reckon what is known by now of the last steps; may be done again."""
    now = clock.now()
    for back in EVALUATED_STEPS_AGO:
        start = now - now % row.step_s - back * row.step_s
        measurements.roll(start)
        _evaluate_step(area, row, start)
    record_forecast(area, now - now % row.step_s, **_soc_statistics(area))
    _evaluate_responses(area, row, now - now % row.step_s - EVALUATED_STEPS_AGO[-1] * row.step_s)


def _interval_value(area: VirtualDER, what: str, start: int, step: int) -> float:
    return float(measurements.read(area, what, start, 1, step)[0])


def _evaluate_step(area: VirtualDER, row: Balance, start: int) -> None:
    step = row.step_s
    drawn = float(issuedseries.known(area, signalkinds.MEASURED, start, 1, step)[0])
    schedule = float(issuedseries.known(area, "schedule", start, 1, step)[0])
    if np.isnan(drawn) and not np.isnan(schedule):
        drawn = -_interval_value(area, "premises", start, step)
    after = drawn if np.isnan(schedule) else drawn - schedule
    _record_uncontrolled(area, start, step)
    store, car, heat, sun = (
        _interval_value(area, what, start, step) for what in ("storage", "ev", "thermal", "pv")
    )
    eager, base = uncontrolled_ev_w(area, start, step), _interval_value(area, "base_thermal", start, step)
    found = {"base_ev": -eager}
    if not np.isnan(after):
        beside = np.nansum(
            [
                -store,
                -car - eager if not np.isnan(car) else 0.0,
                base - heat,
                _interval_value(area, "pv_uncontrolled", start, step) - sun,
            ]
        )
        found |= {"after": after, "before": after - float(beside)}
    if not np.isnan(schedule) and not np.isnan(drawn):
        planned = [
            _interval_value(area, f"planned_{what}", start, step) for what in ("storage", "ev", "thermal")
        ]
        flexible = -float(np.nansum(planned)) - float(np.nan_to_num(base))
        found["load"] = -(drawn + float(np.nan_to_num(sun)) - flexible)
    record_forecast(area, start, **found)


def _record_uncontrolled(area: VirtualDER, start: int, step: int) -> None:
    """What thermal loads and the sun of the area, and of each virtual DER below it, would have given had we
    asked for nothing: by what was metered, and by what was asked for."""
    asked = {(vder, wish): change for vder, wish, change in sql.rows(
        'SELECT o.vder_id, o.quantity, sum(s.planned_w - s.baseline_w) FROM share s JOIN dispatch_order o '
        'ON s.order_id = o.id WHERE o.plan_id '
        "IS NOT NULL AND o.start >= ? AND o.start < ? GROUP BY o.vder_id, o.quantity", start, start + step)}
    tree = Tree.read(include=[area])
    for vder, _ in tree.walk(area.id):
        below = tree.subtree(vder.id)
        for what in forecastvalues.CONTROLLED:
            metered = _interval_value(vder, what, start, step)
            if not np.isnan(metered):
                record_forecast(vder, start, **{f"{what}_uncontrolled": metered - sum(
                    asked.get((each, wish), 0.0) for each in below for wish in COMMAND_QUANTITIES[what])})


def uncontrolled_ev_w(area: VirtualDER, start: int, step: int) -> float:
    """W that the cars of an area's members would have drawn in a step, on the mean, had each charged at full
    power from when it came."""
    total = 0.0
    for arrive, depart, energy, power in sql.rows(
            "SELECT v.arrival_at, v.departure_at, v.energy_wh, v.power_w FROM charging_session v JOIN "
            "membership m ON m.device_id = v.device_id "
            "WHERE m.vder_id = ? AND v.arrival_at < ? AND v.departure_at > ? AND NOT "
            "v.cancelled", area.id, start + step, start):
        done = min(arrive + energy * 3600 / max(power, 1.0), depart)
        total += power * max(min(done, start + step) - max(arrive, start), 0) / step
    return total


def _soc_statistics(area: VirtualDER) -> dict[str, float]:
    """The state of charge of an area's stores."""
    charges = [charge for charge, in sql.rows(
        "SELECT u.soc FROM der_state u JOIN device_type n ON n.device_id = u.device_id JOIN membership m ON "
        "m.device_id = u.device_id "
        "WHERE m.vder_id = ? AND n.kind = 'storage' AND u.soc IS NOT NULL", area.id)]
    if not charges:
        return {}
    low, high = np.quantile(charges, (0.1, 0.9))
    return {"charge": float(np.mean(charges)), "charge_low": float(low), "charge_high": float(high)}


class CommandedMember(NamedTuple):
    """What a member was asked for in a step: the change of its injection, and its baseline (W); by which
    wish, of which virtual DER, in which event."""
    change: float
    baseline: float
    quantity: str
    vder: int
    mrid: str


NO_COMMAND = CommandedMember(0.0, 0.0, "", 0, "")


def _evaluate_responses(area: VirtualDER, row: Balance, last: int) -> None:
    """Who did what it was asked in the last two steps: the rate at which each responds, and who is silent. A
    load that goes on and off by itself shows nothing of that in a quarter of an hour: there the sum of its
    group counts, and it is silent if it does not answer."""
    steps = [last - row.step_s, last]
    asked = [_commanded_members(area, start, row.step_s) for start in steps]
    ids = dict(sql.rows("SELECT d.lfdi, d.id FROM device d JOIN membership m ON m.device_id = d.id WHERE "
                        "m.vder_id = ?", area.id))
    lfdis = sorted(asked[-1].keys() & ids.keys())
    if not lfdis:
        return
    metered = devicereadings.mean_injection_w(
        [ids[lfdi] for lfdi in lfdis], steps[0], last + row.step_s, row.step_s
    )
    told = [[each.get(lfdi, NO_COMMAND) for each in asked] for lfdi in lfdis]
    expected = np.array([[one.change for one in each] for each in told])
    delivered = metered - np.array([[one.baseline for one in each] for each in told])
    small = np.abs(expected) < np.maximum(MIN_CHANGE_FRACTION * np.abs(expected).max(initial=0.0), 25.0)
    expected = np.where(small, 0.0, expected)
    loads = np.array([each[-1].quantity in COMMAND_QUANTITIES["thermal"] for each in told])
    silent = np.where(loads, _unanswered(lfdis, told), measurement.non_responding(delivered, expected))
    figures = _performance_ratios(
        *_thermal_group_sums(
            delivered[:, -1], expected[:, -1], loads, np.array([each[-1].vder for each in told])
        )
    )
    _record_response_rates([ids[lfdi] for lfdi in lfdis], figures, silent.tolist(), clock.now())


def _unanswered(lfdis: list[str], told: list[list[CommandedMember]]) -> Bools:
    """Who was told something in each of these steps and answered to none of it."""
    mrids = sorted(
        {one.mrid for each in told for one in each if one.quantity in COMMAND_QUANTITIES["thermal"]}
    )
    answered = {(lfdi, subject) for some in chunked(mrids, _CHUNK) for lfdi, subject in sql.rows(
        f"SELECT lfdi, subject FROM response_record WHERE subject IN ({sql.marks(len(some))})", *some)}
    return np.array([all(one.mrid for one in each) and not any((lfdi, one.mrid) in answered for one in each)
                     for lfdi, each in zip(lfdis, told, strict=True)])


def _thermal_group_sums(
    delivered: Floats, expected: Floats, loads: Bools, group: Whole
) -> tuple[Floats, Floats]:
    """The same, with the sum of its group in place of what each load did and was to do."""
    delivered, expected = delivered.copy(), expected.copy()
    for one in np.unique(group[loads]):
        inside = loads & (group == one) & np.isfinite(delivered)
        delivered[inside], expected[inside] = delivered[inside].sum(), expected[inside].sum()
    return delivered, expected


def _record_response_rates(
    devices: list[int], figures: list[float | None], silent: list[bool], now: int
) -> None:
    """Keep at what rate each responds, and since when it is silent: for the time of the setting
    `non_response_hold_hours` it is asked for nothing, then it is tried again."""
    known = {row.device_id: row for some in chunked(devices, _CHUNK)
             for row in Participation.select().where(Participation.device.in_(some))}
    for device, figure, mute in zip(devices, figures, silent, strict=True):
        row = known.get(device)
        before = row.response_rate if row is not None else 1.0
        rate = measurement.response_rate(before, figure)
        since = now if mute else None
        if row is None and (mute or rate < 1.0):
            Participation.insert(
                device=device, response_rate=rate, non_responding_since=since
            ).on_conflict_ignore().execute()
        elif row is not None and (rate != before or since != row.non_responding_since):
            Participation.update(response_rate=rate, non_responding_since=since).where(
                Participation.device == device
            ).execute()


def _performance_ratios(delivered: Floats, expected: Floats) -> list[float | None]:
    """The part of what was expected that each delivered; None where nothing was expected, or nothing was
    read."""
    with np.errstate(divide="ignore", invalid="ignore"):
        part = delivered / expected
    return [float(value) if np.isfinite(value) else None for value in part]


def _commanded_members(area: VirtualDER, start: int, step: int) -> dict[str, CommandedMember]:
    """By LFDI, what each was asked for in a step by the balance; who opted out was not."""
    inside = Tree.read(include=[area]).subtree(area.id)
    return {
        lfdi: CommandedMember((planned or 0.0) - (baseline or 0.0), baseline or 0.0, *rest)
        for lfdi, planned, baseline, *rest in sql.rows(
            "SELECT s.lfdi, s.planned_w, s.baseline_w, o.quantity, o.vder_id, s.mrid FROM share s JOIN "
            "dispatch_order o ON s.order_id = o.id "
            "WHERE o.plan_id IS NOT NULL AND o.cancelled_at IS NULL AND o.start >= ? AND o.start < ? "
            f"AND o.vder_id IN ({sql.marks(len(inside))}) "
            "AND NOT EXISTS (SELECT 1 FROM response_record a WHERE a.subject = s.mrid AND a.lfdi = s.lfdi "
            f"AND a.status IN ({sql.marks(len(OPT_OUTS))})) ORDER BY "
            "o.id",
            start,
            start + step,
            *inside,
            *sorted(OPT_OUTS),
        )
    }
