"""The evaluation of a step that is over: the imbalance that remained, what it would have been, and which
members did what they were commanded.

The sums are recorded as measurements of the area (see `series.measurements`): `after` and `before` are
imbalances, of an area that follows a price its exchange with the network, consumption positive; `metered` is
the same as `after` where the area has a meter, also where that is left out; `charge`, `charge_low` and
`charge_high` are the state of charge of its storage (mean, 10 % and 90 %); the others are injection, in W.
"""
from __future__ import annotations

from typing import NamedTuple

from server import clock
from server.grid.fleet import blockcalls
from server.grid.groups.tree import Tree
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.series import (areameter, devicereadings, forecastvalues, issuedseries, measurements,
                                signalkinds)
from server.grid.series.intervals import STEP
from server.models import Balance, Participation, VirtualDER, among
from server.resources import sql
from server.resources.codes import OPT_OUTS

EVALUATED_STEPS_AGO = (2, 1)  # steps before the present one; the older once more, since readings come late
# Of a device's greatest planned change: a smaller one tells nothing about how it responds; nor does one below
# so many W.
MIN_CHANGE_FRACTION, MIN_CHANGE_W = 0.02, 25.0
# The quantities by which orders of the balance command members of a kind.
COMMAND_QUANTITIES = {"thermal": ("offset", "duty"), "pv": ("limit",)}
PLANNED_KINDS = ("storage", "ev", "thermal")


def evaluate_due(area: VirtualDER, balance: Balance) -> None:
    """Evaluate the last steps by what is known of them now; it can be repeated."""
    now = clock.now()
    present = now - now % balance.step_s
    is_believed = areameter.of_area(area).is_recorded
    starts = [present - steps_ago * balance.step_s for steps_ago in EVALUATED_STEPS_AGO]
    if balance.step_s < STEP:
        measurements.roll_steps(Tree.read(include=[area]).subtree(area.id), starts, balance.step_s)
    else:
        measurements.roll(*starts)
    for start in starts:
        _evaluate_step(area, start, balance.step_s, is_believed)
    measurements.record(area, present, balance.step_s, **_soc_statistics(area))
    _evaluate_responses(area, present - EVALUATED_STEPS_AGO[-1] * balance.step_s, balance.step_s)


def _measured(vder: VirtualDER, quantity: str, start: int, step_s: int) -> float:
    """The value of one step; NaN where there is none."""
    return float(measurements.read(vder, quantity, start, 1, step_s)[0])


def _evaluate_step(area: VirtualDER, start: int, step_s: int, is_believed: bool) -> None:
    load_w = float(issuedseries.known(area, signalkinds.MEASURED, start, 1, step_s)[0])
    schedule_w = float(issuedseries.known(area, "schedule", start, 1, step_s)[0])
    if np.isnan(load_w) and not np.isnan(schedule_w):
        load_w = -_measured(area, "premises", start, step_s)
    is_metered = not np.isnan(load_w)
    if not is_metered and np.isnan(schedule_w) and _follows_price(area, start, step_s):
        load_w = float(measurements.drawn_w(area, start, 1, step_s)[0])
    imbalance_w = load_w if np.isnan(schedule_w) else load_w - schedule_w
    _record_uncontrolled(area, start, step_s)
    storage_w, ev_w, thermal_w, pv_w = (
        _measured(area, kind, start, step_s) for kind in ("storage", "ev", "thermal", "pv")
    )
    uncontrolled_w, base_w = uncontrolled_ev_w(area, start, step_s), _measured(
        area, "base_thermal", start, step_s
    )
    values = {"base_ev": -uncontrolled_w}
    if is_metered:
        values[areameter.METERED] = imbalance_w
    if not np.isnan(imbalance_w) and is_believed:
        moved_w = np.nansum(
            [
                float(np.nan_to_num(_measured(area, "base_storage", start, step_s))) - storage_w,
                -ev_w - uncontrolled_w if not np.isnan(ev_w) else 0.0,
                base_w - thermal_w,
                _measured(area, "pv_uncontrolled", start, step_s) - pv_w,
                -sum(float(power_w[0]) for _, power_w in blockcalls.called_w(area, start, 1, step_s)),
            ]
        )
        values |= {"after": imbalance_w, "before": imbalance_w - float(moved_w)}
    if not np.isnan(schedule_w) and not np.isnan(load_w) and is_believed:
        planned_w = [_measured(area, f"planned_{kind}", start, step_s) for kind in PLANNED_KINDS]
        flexible_w = -float(np.nansum(planned_w)) - float(np.nan_to_num(base_w))
        values["load"] = -(load_w + float(np.nan_to_num(pv_w)) - flexible_w)
    measurements.record(area, start, step_s, **values)


def _follows_price(area: VirtualDER, start: int, step_s: int) -> bool:
    """Whether a price alone governed a step, so that the area's exchange is what counts."""
    price, imbalance_w = (
        float(issuedseries.known(area, kind, start, 1, step_s)[0]) for kind in ("price", "imbalance"))
    return bool(np.isfinite(price) and np.isnan(imbalance_w))


def _record_uncontrolled(area: VirtualDER, start: int, step_s: int) -> None:
    """Record what thermal loads and generation would have injected without commands, for the area and each
    virtual DER below it: what was metered, less what was commanded."""
    commanded_w = {(vder, quantity): change_w for vder, quantity, change_w in sql.rows(
        'SELECT o.vder_id, o.quantity, sum(s.planned_w - s.baseline_w) FROM share s JOIN dispatch_order o '
        'ON s.order_id = o.id WHERE o.plan_id '
        "IS NOT NULL AND o.start >= ? AND o.start < ? GROUP BY o.vder_id, o.quantity", start, start + step_s)}
    tree = Tree.read(include=[area])
    for vder, _ in tree.walk(area.id):
        numbers = tree.subtree(vder.id)
        for kind in forecastvalues.CONTROLLED:
            metered_w = _measured(vder, kind, start, step_s)
            if np.isnan(metered_w):
                continue
            change_w = sum(
                commanded_w.get((number, quantity), 0.0)
                for number in numbers
                for quantity in COMMAND_QUANTITIES[kind]
            )
            measurements.record(vder, start, step_s, **{f"{kind}_uncontrolled": metered_w - change_w})


def uncontrolled_ev_w(area: VirtualDER, start: int, step_s: int) -> float:
    """Return the mean power that the cars of an area's members would have drawn in a step, had each charged
    at full power from its arrival."""
    total_w = 0.0
    for arrival, departure, energy_wh, power_w in sql.rows(
            "SELECT v.arrival_at, v.departure_at, v.energy_wh, v.power_w FROM charging_session v JOIN "
            "membership m ON m.device_id = v.device_id "
            "WHERE m.vder_id = ? AND v.arrival_at < ? AND v.departure_at > ? AND NOT "
            "v.cancelled", area.id, start + step_s, start):
        full_at = min(arrival + energy_wh * 3600 / max(power_w, 1.0), departure)
        charging_s = max(min(full_at, start + step_s) - max(arrival, start), 0)
        total_w += power_w * charging_s / step_s
    return total_w


def _soc_statistics(area: VirtualDER) -> dict[str, float]:
    """The state of charge of an area's storage, by quantity; nothing where none is known."""
    socs = [soc for soc, in sql.rows(
        "SELECT u.soc FROM der_state u JOIN device_type n ON n.device_id = u.device_id JOIN membership m ON "
        "m.device_id = u.device_id "
        "WHERE m.vder_id = ? AND n.kind = 'storage' AND u.soc IS NOT NULL", area.id)]
    if not socs:
        return {}
    low, high = np.quantile(socs, (0.1, 0.9))
    return {"charge": float(np.mean(socs)), "charge_low": float(low), "charge_high": float(high)}


class Command(NamedTuple):
    """What a member was commanded in a step: the change of its injection and its baseline, in W; by which
    quantity, through which virtual DER and by which event."""
    change_w: float
    baseline_w: float
    quantity: str
    vder: int
    mrid: str


NO_COMMAND = Command(0.0, 0.0, "", 0, "")


def _evaluate_responses(area: VirtualDER, last: int, step_s: int) -> None:
    """Record the rate at which each member responds, and which do not respond, by the step that begins at
    `last` and the one before.

    A thermal load that switches on and off by itself shows nothing of a command within a quarter of an hour:
    there the sum of its group counts, and it is not responding where it sends no Response.
    """
    starts = [last - step_s, last]
    by_step = [_commands(area, start, step_s) for start in starts]
    number_of = dict(sql.rows("SELECT d.lfdi, d.id FROM device d JOIN membership m ON m.device_id = d.id "
                              "WHERE m.vder_id = ?", area.id))
    lfdis = sorted(by_step[-1].keys() & number_of.keys())
    if not lfdis:
        return
    devices = [number_of[lfdi] for lfdi in lfdis]
    commands = [[in_step.get(lfdi, NO_COMMAND) for in_step in by_step] for lfdi in lfdis]
    metered_w = devicereadings.mean_injection_w(devices, starts[0], last + step_s, step_s)
    baseline_w = np.array([[command.baseline_w for command in of_member] for of_member in commands])
    delivered_w = metered_w - baseline_w
    expected_w = np.array([[command.change_w for command in of_member] for of_member in commands])
    least_w = np.maximum(MIN_CHANGE_FRACTION * np.abs(expected_w).max(initial=0.0), MIN_CHANGE_W)
    expected_w = np.where(np.abs(expected_w) < least_w, 0.0, expected_w)
    thermal = np.array([of_member[-1].quantity in COMMAND_QUANTITIES["thermal"] for of_member in commands])
    non_responding = np.where(
        thermal, _unanswered(lfdis, commands), measurement.non_responding(delivered_w, expected_w)
    )
    groups = np.array([of_member[-1].vder for of_member in commands])
    ratios = _performance_ratios(
        *_thermal_group_sums(delivered_w[:, -1], expected_w[:, -1], thermal, groups)
    )
    _record_response_rates(devices, ratios, non_responding.tolist(), clock.now())


def _unanswered(lfdis: list[str], commands: list[list[Command]]) -> Bools:
    """Which members had an event in each of the steps and sent no Response to any of them."""
    mrids = {
        command.mrid
        for of_member in commands
        for command in of_member
        if command.quantity in COMMAND_QUANTITIES["thermal"]
    }
    answered = {
        (lfdi, mrid)
        for lfdi, mrid in sql.among("SELECT lfdi, subject FROM response_record WHERE subject IN ({})", mrids)
    }
    return np.array(
        [
            all(command.mrid for command in of_member)
            and not any((lfdi, command.mrid) in answered for command in of_member)
            for lfdi, of_member in zip(lfdis, commands, strict=True)
        ]
    )


def _thermal_group_sums(
    delivered_w: Floats, expected_w: Floats, thermal: Bools, groups: Whole
) -> tuple[Floats, Floats]:
    """The same, with the sum of its group in place of the values of each thermal load."""
    delivered_w, expected_w = delivered_w.copy(), expected_w.copy()
    for group in np.unique(groups[thermal]):
        members = thermal & (groups == group) & np.isfinite(delivered_w)
        delivered_w[members] = delivered_w[members].sum()
        expected_w[members] = expected_w[members].sum()
    return delivered_w, expected_w


def _record_response_rates(
    devices: list[int], ratios: list[float | None], non_responding: list[bool], now: int
) -> None:
    """Record the rate at which each device responds, and since when it does not respond.

    For the time of the setting `non_response_hold_hours` such a device is commanded nothing; then it is tried
    again.
    """
    row_of = {row.device_id: row for row in among(Participation.select(), Participation.device, devices)}
    for device, ratio, silent in zip(devices, ratios, non_responding, strict=True):
        row = row_of.get(device)
        previous = row.response_rate if row is not None else 1.0
        rate = measurement.response_rate(previous, ratio)
        since = now if silent else None
        if row is None and (silent or rate < 1.0):
            Participation.insert(
                device=device, response_rate=rate, non_responding_since=since
            ).on_conflict_ignore().execute()
        elif row is not None and (rate != previous or since != row.non_responding_since):
            Participation.update(response_rate=rate, non_responding_since=since).where(
                Participation.device == device
            ).execute()


def _performance_ratios(delivered_w: Floats, expected_w: Floats) -> list[float | None]:
    """The part of the expected change that each delivered; None where none was expected or read."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = delivered_w / expected_w
    return [float(ratio) if np.isfinite(ratio) else None for ratio in ratios]


def _commands(area: VirtualDER, start: int, step_s: int) -> dict[str, Command]:
    """By LFDI, what the balance commanded in a step; members that opted out are left out."""
    numbers = Tree.read(include=[area]).subtree(area.id)
    rows = sorted(sql.among(
        "SELECT o.id, s.lfdi, s.planned_w, s.baseline_w, o.quantity, o.vder_id, s.mrid FROM share s JOIN "
        "dispatch_order o ON s.order_id = o.id WHERE o.vder_id IN ({}) "
        "AND o.plan_id IS NOT NULL AND o.cancelled_at IS NULL AND o.start >= ? AND o.start < ? "
        "AND NOT EXISTS (SELECT 1 FROM response_record a WHERE a.subject = s.mrid AND a.lfdi = s.lfdi "
        f"AND a.status IN ({sql.marks(len(OPT_OUTS))}))",
        numbers,
        start,
        start + step_s,
        *sorted(OPT_OUTS),
    ))
    return {
        lfdi: Command(
            change_w=(planned_w or 0.0) - (baseline_w or 0.0),
            baseline_w=baseline_w or 0.0,
            quantity=quantity,
            vder=vder,
            mrid=mrid,
        )
        for _, lfdi, planned_w, baseline_w, quantity, vder, mrid in rows
    }
