"""What was measured: the sums of each virtual DER in intervals of STEP seconds, and the readings of single
devices.

Power is the mean over an interval, in W of injection. A reading counts by how much of its period lies in the
interval, an instant as one second. `what` is what a meter measures (see state.WHATS), or what whoever puts it
here says.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from peewee import EXCLUDED, chunked

from server import clock
from server.audit import audited
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import Floats, np
from server.grid.series import intervals
from server.grid.series.intervals import DAY, STEP, SeriesPart, iso
from server.models import KeyValue, Measurement, Series, VirtualDER, db
from server.resources import sql

PACE = 300  # seconds between turns that are worth the work
AGAIN = (1, 2, 4, 8)  # so many intervals ago, for readings that come late,
DAILY = 97  # and those that come once a day
REACH = 3600  # seconds before an interval in which a set of readings that concerns it may have begun
_CHUNK = 400
# Single readings are gathered in sets of a day, which begin long before an interval; others begin not long
# before.
_ROLL = """
    WITH sets AS (
        SELECT g.href, s.id FROM meter g JOIN reading_set s ON s.meter = g.href
        WHERE s.start >= ? AND s.start < ? AND s.start + s.duration_s >= ?
        UNION ALL
        SELECT g.href, s.id FROM meter g JOIN reading_set s ON s.meter = g.href
        WHERE s.start IN (?, ?) AND s.start < ?),
    parts AS (
        SELECT sets.href, r.value, CASE WHEN r.duration_s = 0 THEN 1
            ELSE (CASE WHEN r.start + r.duration_s < ? THEN r.start + r.duration_s ELSE ? END)
            - (CASE WHEN r.start > ? THEN r.start ELSE ? END) END AS weight
        FROM sets JOIN reading r ON r.set_id = sets.id WHERE r.value IS NOT NULL
        AND r.start < ? AND (r.start + r.duration_s > ? OR r.duration_s = 0 AND r.start >= ?)),
    means AS (SELECT href, sum(1.0 * value * weight) / sum(weight) AS mean FROM parts GROUP BY href)
    SELECT m.vder_id, g.kind, sum(e.mean * g.factor), count(DISTINCT g.device_id)
    FROM means e JOIN meter g ON g.href = e.href JOIN membership m ON m.device_id = g.device_id
    JOIN virtual_der v ON v.id = m.vder_id WHERE v.device_id IS NULL GROUP BY m.vder_id, g.kind"""


def roll(start: int, reach: int = REACH) -> int:
    """Sum up the interval that begins at `start` (a multiple of STEP) for every virtual DER of several, and
    what is measured there; how many sums. May be done again, when more has been read."""
    if start % STEP:
        raise ValueError(f"no interval begins at {start}")
    end, today = start + STEP, start - start % DAY
    found = sql.rows(
        _ROLL,
        start - reach,
        end,
        start,
        today,
        today - DAY,
        start - reach,
        end,
        end,
        start,
        start,
        end,
        start,
        start,
    )
    keep({"vder": vder, "quantity": what, "start": start, "value": value, "devices_read": count}
          for vder, what, value, count in found)
    return len(found)


def keep(rows: Iterable[dict[str, Any]]) -> None:
    """Keep rows of Interval, in place of what was kept of the same."""
    with db.atomic():
        for some in chunked(rows, _CHUNK):
            Measurement.insert_many(some).on_conflict(
                conflict_target=[Measurement.vder, Measurement.quantity, Measurement.start],
                update={Measurement.value: EXCLUDED.value, Measurement.devices_read: EXCLUDED.devices_read},
            ).execute()


def roll_due(now: int) -> int:
    """Sum up the last intervals, and some again, since readings come late; how many. Once in PACE seconds,
    whoever asks; for the rest of them there is nothing to do."""
    turn = str(now // PACE)
    if KeyValue.select().where((KeyValue.name == "rolled") & (KeyValue.value == turn)).exists():
        return 0
    last = now - now % STEP
    for back in (*AGAIN, DAILY):
        roll(last - back * STEP, DAY if back == DAILY else REACH)
    KeyValue.insert(name="rolled", value=turn).on_conflict(
        conflict_target=[KeyValue.name], update={KeyValue.value: turn}
    ).execute()
    return len(AGAIN) + 1


def roll_between(start: int, end: int) -> int:
    """Sum up every interval that is over within [start, end), however late its readings came; how many."""
    every = range(-(-start // STEP) * STEP, min(end, clock.now()) - STEP + 1, STEP)
    for each in every:
        roll(each, DAY)
    return len(every)


def read(vder: str | int | VirtualDER, what: str, start: int, steps: int, step: int = STEP) -> Floats:
    """[steps]: what was summed up, W of injection, for so many steps from `start` on (a multiple of STEP, as
    `step` is); NaN where nothing was read."""
    values = np.full(steps * (step // STEP), np.nan)
    for at, value in sql.rows(
        "SELECT start, value FROM measurement WHERE vder_id = ? AND quantity = ? AND start >= ? "
        "AND start < ? AND value IS NOT NULL",
        virtualders.find(vder).id,
        what,
        start,
        start + steps * step,
    ):
        values[(at - start) // STEP] = value
    return intervals.mean(values.reshape(steps, -1))


def show(vder: str | int | VirtualDER, start: int, end: int) -> list[dict[str, Any]]:
    """A row for each interval that begins within [start, end), with W of injection by what was measured."""
    rows: dict[int, dict[str, Any]] = {}
    for at, what, value in sql.rows(
        "SELECT start, quantity, value FROM measurement WHERE vder_id = ? AND start >= ? AND start < ? "
        "ORDER BY start, quantity",
        virtualders.find(vder).id,
        start,
        end,
    ):
        rows.setdefault(at, {"start": at})[what] = value
    return list(rows.values())


@audited(
    "history import",
    "{vder} {what}",
    answer=lambda said: {key: said[key] for key in ("vder", "what", "start", "end")},
)
def put(
    vder: str | int | VirtualDER,
    what: str,
    start: int,
    values: Iterable[float | None],
    step: int = STEP,
    place: str = "",
    dry_run: bool = False,
) -> dict[str, Any]:
    """Import what was measured elsewhere, in W of injection, None for a gap, which changes nothing. Refused
    (400) as a whole where anything in it is no measurement, such as a value of the future."""
    found, place, now = virtualders.find(vder), place or what, clock.now()
    if not what:
        raise Refused(400, f"{place}: what was measured has to have a name")
    sound = intervals.check_values(values, start, step, now, place)
    if start + len(sound) * step > now:
        raise Refused(400, f"{place}: it ends at {iso(start + len(sound) * step)}, and it is {iso(now)}")
    first, end = start - start % STEP, -(-(start + len(sound) * step) // STEP) * STEP
    fitted = intervals.resampled(
        SeriesPart(start, step, intervals.array(sound)), first, (end - first) // STEP
    )
    rows = [
        {
            "vder": found.id,
            "quantity": what,
            "start": first + number * STEP,
            "value": float(value),
            "devices_read": 0,
        }
        for number, value in enumerate(fitted)
        if np.isfinite(value)
    ]
    if not dry_run:
        keep(rows)
    return {
        "vder": found.name,
        "what": what,
        "start": first,
        "end": end,
        "intervals": len(rows),
        "dry_run": dry_run,
        "warnings": [
            f"{what} of {found.name} says nothing {gap}"
            for gap in intervals.gaps(intervals.array(sound), start, step)
        ],
    }


def series(devices: Sequence[int], start: int, end: int, step: int = STEP) -> Floats:
    """[devices, steps]: the mean injection of each device (by number) in each step of [start, end), in W, the
    sum of what it measures; NaN where nothing was read. Where a device measures its premises and what is in
    them, the latter counts."""
    steps = (end - start) // step
    place = {device: number for number, device in enumerate(devices)}
    found = np.full((len(devices), steps), np.nan)
    for some in chunked(devices, _CHUNK):
        meters: dict[int, list[tuple[str, str, float]]] = {}
        for device, href, what, factor in sql.rows(
            f"SELECT device_id, href, kind, factor FROM meter WHERE device_id IN ({sql.marks(len(some))})",
            *some,
        ):
            meters.setdefault(device, []).append((href, what, factor))
        counted = {href: (place[device], factor) for device, every in meters.items()
                   for href, _, factor in ([one for one in every if one[1] != "premises"] or every)}
        for href, values in _means(list(counted), start, steps, step).items():
            number, factor = counted[href]
            found[number] = np.where(
                np.isfinite(values), np.nan_to_num(found[number]) + factor * values, found[number]
            )
    return found


def _means(meters: list[str], start: int, steps: int, step: int) -> dict[str, Floats]:
    """The mean of each meter's values in each step."""
    end = start + steps * step
    first_day = start - start % DAY - DAY
    found = {}
    by_meter: dict[str, list[tuple[int, int, int]]] = {}
    for href, at, duration, value in (
        sql.rows(
            "SELECT s.meter, r.start, r.duration_s, r.value FROM reading_set s JOIN reading r ON r.set_id = "
            "s.id "
            f"WHERE s.meter IN ({sql.marks(len(meters))}) AND s.start >= ? AND s.start < ? AND r.value IS "
            "NOT NULL "
            "AND r.start < ? AND (r.start + r.duration_s > ? OR r.duration_s = 0 AND r.start >= ?)",
            *meters,
            first_day,
            end,
            end,
            start,
            start,
        )
        if meters
        else ()
    ):
        by_meter.setdefault(href, []).append((at, duration, value))
    for href, rows in by_meter.items():
        at, duration, value = np.array(rows, dtype=float).T
        found[href] = _weighted(at - start, np.maximum(duration, 1), value, steps, step)
    return found


def _weighted(begin: Floats, length: Floats, value: Floats, steps: int, step: int) -> Floats:
    """[steps]: the mean of values by how much of each one's time lies in the step."""
    first = np.clip(begin // step, 0, steps - 1).astype(int)
    last = np.clip((begin + length - 1e-9) // step, 0, steps - 1).astype(int)
    energy, time = np.zeros(steps), np.zeros(steps)
    for ahead in range(int((last - first).max(initial=0)) + 1):
        at = first + ahead
        inside = at <= last
        share = (np.minimum(begin + length, (at + 1) * step) - np.maximum(begin, at * step))[inside]
        energy += np.bincount(at[inside], share * value[inside], steps)
        time += np.bincount(at[inside], share, steps)
    return np.divide(energy, time, out=np.full(steps, np.nan), where=time > 0)


def forget_before(instant: int) -> int:
    """Remove sums of the time before an instant, signals and forecasts that ended before it; how many."""
    with db.atomic():
        return (Measurement.delete().where(Measurement.start < instant).execute()
                + Series.delete().where(Series.until < instant).execute())
