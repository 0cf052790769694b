"""Measurements: the sums of each virtual DER in intervals of STEP seconds, and in shorter steps of areas that
are balanced in such.

Power is the mean over an interval, in W of injection. A reading counts by how much of its period lies in the
interval, an instantaneous one as one second. `quantity` is what a meter measures (one of devicetypes.KINDS),
or a name given by whoever stores it here. Rows of shorter steps have its length after their quantity
(`storage@300`): they are beside those of the whole intervals, which reports and forecasts read.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from typing import Any

from peewee import EXCLUDED

from server import clock
from server.audit import audited
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import Floats, np
from server.grid.series import devicepower, intervals, meterrows, signs
from server.grid.series.devicepower import MeterEnergy
from server.grid.series.intervals import DAY, STEP, SeriesPart, iso
from server.grid.series.results import ImportedMeasurements, MeasurementRow
from server.models import CHUNK, KeyValue, Measurement, VirtualDER, chunked, db
from server.resources import meterreadings, sql

PACE = 300  # seconds between turns of `roll_due`
AGAIN = (1, 2, 4, 8)  # so many intervals back, for readings that come late,
DAILY = 97  # and for those that come once a day
DEVICE_KINDS = ("storage", "ev", "thermal", "pv", "generator", "interruptible", "other", "load")
REACH = 3600  # seconds before an interval in which a set with readings of it may begin
_OF_STEP = "@"  # before the length of a step shorter than STEP
# Single readings are gathered in sets of a day, which begin long before an interval; other sets begin not
# long before it.
_MEANS = f"""
    WITH sets AS (
        SELECT g.href, s.id, s.start FROM meter g JOIN reading_set s ON s.meter = g.href
        WHERE s.start >= ? AND s.start < ? AND s.start + s.duration_s >= ?
        UNION ALL
        SELECT g.href, s.id, s.start FROM meter g JOIN reading_set s ON s.meter = g.href
        WHERE s.start IN (?, ?) AND s.start < ?),
    parts AS (
        SELECT s.href, {meterrows.POWER} AS power_w, CASE WHEN r.duration_s = 0 THEN 1
            ELSE (CASE WHEN r.start + r.duration_s < ? THEN r.start + r.duration_s ELSE ? END)
            - (CASE WHEN r.start > ? THEN r.start ELSE ? END) END AS weight
        FROM sets s JOIN meter m ON m.href = s.href JOIN reading r ON {meterreadings.OF_SET}
        WHERE r.set_start >= ? AND r.set_start < ? AND {meterrows.COUNTS}
        AND r.start < ? AND (r.start + r.duration_s > ? OR r.duration_s = 0 AND r.start >= ?))
    SELECT href, sum(power_w * weight), sum(weight) FROM parts GROUP BY href"""
_VDERS = (
    "SELECT m.device_id, m.vder_id FROM membership m JOIN virtual_der v ON v.id = m.vder_id "
    "WHERE v.device_id IS NULL"
)


class _Metered:
    """All meters, by owner (device and what it measures), and the virtual DERs of each device."""

    def __init__(self) -> None:
        self.rows = meterrows.read("ORDER BY m.href")
        owners: dict[tuple[int, str], int] = {}
        owner = [owners.setdefault((row.device, row.kind), len(owners)) for row in self.rows]
        self.owners = list(owners)
        self.meters = devicepower.arrays(self.rows, np.array(owner, dtype=np.intp))
        self.index = {row.href: number for number, row in enumerate(self.rows)}
        self.vders: dict[int, list[int]] = {}
        for device, vder in sql.rows(_VDERS):
            self.vders.setdefault(device, []).append(vder)


def roll(*starts: int) -> int:
    """Sum up the intervals that begin at these instants, multiples of STEP, by virtual DER and quantity.

    Virtual DERs of a single device are left out, and devices whose power is unknown (see `devicepower`).
    Returns how many sums were stored. It can be repeated when more has been read.
    """
    metered = _Metered()
    return sum(_roll(metered, start, REACH) for start in starts)


def roll_steps(vders: Container[int], starts: Iterable[int], step: int) -> int:
    """Sum up steps shorter than an interval, as `roll`, for some virtual DERs (by number)."""
    metered = _Metered()
    metered.vders = {device: [vder for vder in of_device if vder in vders]
                     for device, of_device in metered.vders.items()}
    return sum(_roll(metered, start, REACH, step) for start in starts)


def _roll(metered: _Metered, start: int, reach: int, step: int = STEP) -> int:
    if start % step:
        raise ValueError(f"no interval begins at {start}")
    energy = _energy(metered, start, reach, step)
    injection_w = devicepower.of_steps(metered.meters, energy, start, step, len(metered.owners))[:, 0]
    values: dict[tuple[int, str], float] = defaultdict(float)
    devices: dict[tuple[int, str], set[int]] = defaultdict(set)
    for number in np.flatnonzero(np.isfinite(injection_w)).tolist():
        device, quantity = metered.owners[number]
        for vder in metered.vders.get(device, ()):
            values[vder, quantity] += float(injection_w[number])
            devices[vder, quantity].add(device)
    save({"vder": vder, "quantity": stored_name(quantity, step), "start": start, "value": value,
          "devices_read": len(devices[vder, quantity])} for (vder, quantity), value in values.items())
    return len(values)


def _energy(metered: _Metered, start: int, reach: int, step: int) -> MeterEnergy:
    """Return what each meter read in the `step` seconds from `start` on."""
    end, today = start + step, start - start % DAY
    rows = sql.rows(
        _MEANS, start - reach, end, start, today, today - DAY, start - reach, end, end, start, start,
        min(start - reach, today - DAY), end, *meterrows.bounds(), end, start, start,
    )
    for power in meterrows.registers(metered.rows, start, end):
        overlap_s = min(power.start + power.duration_s, end) - max(power.start, start)
        rows.append((power.href, power.injection_w * overlap_s, overlap_s))
    total_ws, total_s = [0.0] * len(metered.rows), [0.0] * len(metered.rows)  # cells of arrays are slow
    for href, energy_ws, seconds in rows:
        number = metered.index.get(href)
        if number is not None:  # else the meter is new
            total_ws[number] += energy_ws
            total_s[number] += float(seconds)
    return MeterEnergy(np.array(total_ws).reshape(-1, 1), np.array(total_s).reshape(-1, 1))


def stored_name(quantity: str, step: int) -> str:
    """Return the name under which values of steps of so many seconds are stored."""
    return quantity if step >= STEP else f"{quantity}{_OF_STEP}{step}"


def record(vder: VirtualDER, start: int, step: int, **values: float) -> None:
    """Store values of a virtual DER's step by quantity. Of shorter steps the mean of those that an interval
    has so far is stored with it."""
    def rows(name: str, begin: int, value: float) -> dict[str, Any]:
        return {"vder": vder.id, "quantity": name, "start": begin, "value": value, "devices_read": 0}
    save(rows(stored_name(quantity, step), start, value) for quantity, value in values.items())
    if step < STEP:
        begin = start - start % STEP
        save(rows(quantity, begin, float(np.nanmean(read(vder, quantity, begin, STEP // step, step))))
             for quantity, value in values.items() if np.isfinite(value))


def save(rows: Iterable[dict[str, Any]]) -> None:
    """Store rows of Measurement in place of those of the same virtual DER, quantity and interval."""
    with db.atomic():
        for chunk in chunked(rows, CHUNK):
            Measurement.insert_many(chunk).on_conflict(
                conflict_target=[Measurement.vder, Measurement.quantity, Measurement.start],
                update={Measurement.value: EXCLUDED.value, Measurement.devices_read: EXCLUDED.devices_read},
            ).execute()


def rolled_at() -> int | None:
    """Return when `roll_due` last did something, to PACE seconds; None where it never did."""
    row = KeyValue.get_or_none(KeyValue.name == "rolled")
    return None if row is None else int(row.value) * PACE


def roll_due(now: int) -> int:
    """Sum up the last intervals, older ones again since readings come late; return how many.

    Every process calls this; it does something once in PACE seconds.
    """
    turn = str(now // PACE)
    if KeyValue.select().where((KeyValue.name == "rolled") & (KeyValue.value == turn)).exists():
        return 0
    last, metered = now - now % STEP, _Metered()
    for back in (*AGAIN, DAILY):
        _roll(metered, last - back * STEP, DAY if back == DAILY else REACH)
    KeyValue.insert(name="rolled", value=turn).on_conflict(
        conflict_target=[KeyValue.name], update={KeyValue.value: turn}
    ).execute()
    return len(AGAIN) + 1


def _first_reading() -> int:
    """Since when there are readings; now where there are none."""
    found = [sql.row(f"SELECT min({column}) FROM {table}")[0]
             for table, column in (("reading_set", "start"), ("quarter_hours", "day"))]
    return min((instant for instant in found if instant is not None), default=clock.now())


def roll_between(start: int, end: int) -> int:
    """Sum up every past interval within [start, end), however late its readings came; return how many. Those
    of more than a day before all readings have nothing to sum up, and are left out."""
    start = max(start, _first_reading() - DAY)
    starts = range(-(-start // STEP) * STEP, min(end, clock.now()) - STEP + 1, STEP)
    metered = _Metered()
    for interval_start in starts:
        _roll(metered, interval_start, DAY)
    return len(starts)


def read(vder: str | int | VirtualDER, quantity: str, start: int, steps: int, step: int = STEP) -> Floats:
    """Return the sums [steps], W of injection, from `start` on; NaN where nothing was read.

    `start` and `step` are multiples of STEP, or `start` of a shorter step.
    """
    unit = min(step, STEP)
    values = np.full(steps * (step // unit), np.nan)
    for interval_start, value in sql.rows(
        "SELECT start, value FROM measurement WHERE vder_id = ? AND quantity = ? AND start >= ? "
        "AND start < ? AND value IS NOT NULL",
        virtualders.find(vder).id,
        stored_name(quantity, step),
        start,
        start + steps * step,
    ):
        values[(interval_start - start) // unit] = value
    return intervals.mean(values.reshape(steps, -1))


def drawn_w(vder: str | int | VirtualDER, start: int, steps: int, step: int = STEP) -> Floats:
    """Return [steps] what was drawn (W, consumption +) by the meters of premises, else by those of devices;
    NaN where neither was read."""
    premises_w = read(vder, "premises", start, steps, step)
    if np.isfinite(premises_w).any():
        return -premises_w
    kinds_w = np.array([read(vder, kind, start, steps, step) for kind in DEVICE_KINDS])
    known = np.isfinite(kinds_w).any(axis=0)
    return np.where(known, -np.nansum(kinds_w, axis=0), np.nan)


def show(vder: str | int | VirtualDER, start: int, end: int) -> list[MeasurementRow]:
    """Return a row for each interval that begins within [start, end): W of injection by quantity."""
    rows: dict[int, MeasurementRow] = {}
    for interval_start, quantity, value in sql.rows(
        "SELECT start, quantity, value FROM measurement WHERE vder_id = ? AND start >= ? AND start < ? "
        "ORDER BY start, quantity",
        virtualders.find(vder).id,
        start,
        end,
    ):
        if _OF_STEP not in quantity:
            row = rows.setdefault(interval_start, {"start": interval_start, "injection_w": {}})
            row["injection_w"][quantity] = value
    return list(rows.values())


def _audited_fields(result: Mapping[str, Any]) -> dict[str, Any]:
    return {key: result[key] for key in ("vder", "quantity", "start", "end")}


@audited("history import", "{vder} {quantity}", answer=_audited_fields)
def put(
    vder: str | int | VirtualDER,
    quantity: str,
    start: int,
    values: Iterable[float | None],
    step: int = STEP,
    origin: str = "",
    dry_run: bool = False,
) -> ImportedMeasurements:
    """Import what was measured elsewhere, in W of injection, None for a gap, which changes nothing.

    `origin` (by default the quantity) begins the messages. Refused (400) as a whole where a value is no
    measurement, or of the future.
    """
    row, origin, now = virtualders.find(vder), origin or quantity, clock.now()
    if not quantity or _OF_STEP in quantity:
        raise Refused(400, f"{origin}: specify the quantity that was measured, without {_OF_STEP}")
    checked = intervals.check_values(values, start, step, now, origin)
    until = start + len(checked) * step
    if until > now:
        raise Refused(400, f"{origin}: it ends at {iso(until)}, after now ({iso(now)})")
    measured = intervals.array(checked)
    first, end = start - start % STEP, -(-until // STEP) * STEP
    means = intervals.resampled(SeriesPart(start, step, measured), first, (end - first) // STEP)
    rows = [
        {
            "vder": row.id,
            "quantity": quantity,
            "start": first + number * STEP,
            "value": float(value),
            "devices_read": 0,
        }
        for number, value in enumerate(means)
        if np.isfinite(value)
    ]
    if not dry_run:
        save(rows)
    return {
        "vder": row.name,
        "quantity": quantity,
        "start": first,
        "end": end,
        "intervals": len(rows),
        "dry_run": dry_run,
        "warnings": [
            *signs.sign_warnings(quantity, measured),
            *(f"{quantity} of {row.name} has no values {gap}"
              for gap in intervals.gaps(measured, start, step)),
        ],
    }
