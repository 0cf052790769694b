"""Cars that are expected and have not asked yet: as they came a week ago, or as somebody says.

Charging is positive, energies in Wh, powers in W, as FlowReservation has it.
"""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from server import clock
from server.config import settings
from server.errors import Refused
from server.grid.groups import dispatchgroups, virtualders
from server.grid.groups.tree import Tree
from server.grid.optimisation.arrays import np
from server.grid.optimisation.clusters import Sessions
from server.grid.series import intervals
from server.grid.series.intervals import STEP, WEEK
from server.models import Device, Series, VirtualDER
from server.resources import sql

WHAT = "ev"
_MOST = 100_000
Car = Sequence[float]  # arrive, depart, Wh, W


def put(vder: str | int | VirtualDER, cars: Iterable[Car], source: str = "", issued: int | None = None, *,
        dry_run: bool = False, place: str = WHAT) -> dict[str, Any]:
    """Keep the visits that are expected in a dispatch leaf: [arrive, depart, Wh, W] each, in place of what
    our own readings let expect, as long as the last of them lasts. Refused (400) as a whole where one is no
    visit."""
    found, now = virtualders.find(vder), clock.now()
    kept = [_checked(car, f"{place}, car {number}") for number, car in enumerate(cars, 1)]
    if not 0 < len(kept) <= _MOST:
        raise Refused(400, f"{place}: {len(kept)} cars; 1 to {_MOST} are possible")
    if issued is not None and issued > now:
        raise Refused(400, f"{place}: it cannot have been issued at {intervals.iso(issued)}, later than now")
    row = Series(
        vder=found,
        quantity=WHAT,
        issued_at=now if issued is None else issued,
        step_s=STEP,
        values=kept,
        source=source,
        start=int(min(car[0] for car in kept)),
        until=int(max(car[1] for car in kept)),
    )
    if not dry_run:
        row.save(force_insert=True)
    inside = found.children.count()
    return {
        **describe(row),
        "dry_run": dry_run,
        "warnings": [
            f"{found.name} has {inside} virtual DERs below it: these cars count only among devices that "
            "are in none of them"
        ]
        if inside
        else [],
    }


def describe(row: Series) -> dict[str, Any]:
    """Visits that were said, in brief; the energy of all in Wh."""
    return {
        "vder": row.vder.name,
        "what": WHAT,
        "start": row.start,
        "end": row.until,
        "cars": len(row.values),
        "energy_wh": sum(car[2] for car in row.values),
        "source": row.source,
        "issued_at": row.issued_at,
    }


def _checked(car: Car, place: str) -> list[float]:
    if len(car) != 4 or any(
        isinstance(part, bool) or not isinstance(part, (int, float)) or not math.isfinite(part)
        for part in car
    ):
        raise Refused(400, f"{place}: {car!r} is not arrive, depart, Wh and W")
    arrive, depart, energy, power = car
    if not 0 <= arrive < depart or energy <= 0 or power <= 0:
        raise Refused(400, f"{place}: it has to leave after it came, and to want energy at some power")
    return list(car)


def coming(
    leaves: Sequence[VirtualDER], start: int, steps: int, at: int | None = None, hours: float = 0.25
) -> Sessions:
    """The cars that come after `at` (default: now) and before the end of the steps of `hours` from `start`
    on; arrive and depart in steps from `start`, `group` the place in `leaves` of the deepest that has the
    car.

    A car whose device has asked for that time already is not expected again, nor one of a leaf that somebody
    has given a forecast for.
    """
    at = clock.now() if at is None else at
    length = round(hours * 3600)
    end = start + steps * length
    cars: list[tuple[float, float, float, float, int]] = []
    given = {number: said for number, leaf in enumerate(leaves) if (said := _given(leaf, at)) is not None}
    for number, said in given.items():
        cars += [(car[0], car[1], car[2], car[3], number) for car in said if at < car[0] < end]
    cars += [car for car in _usual(_places(leaves), at, end) if car[4] not in given]
    rows = [
        (
            max(math.ceil((arrive - start) / length), 0),
            math.floor((depart - start) / length),
            energy,
            power,
            group,
        )
        for arrive, depart, energy, power, group in sorted(cars)
    ]
    rows = [row for row in rows if row[0] < min(row[1], steps)]
    columns = np.array(rows, dtype=float).reshape(-1, 5).T
    return Sessions(columns[0].astype(np.intp), columns[1].astype(np.intp), columns[2], columns[3],
                    columns[4].astype(np.intp))


def _given(leaf: VirtualDER, at: int) -> list[Car] | None:
    row = (
        Series.select()
        .where(
            (Series.vder == leaf) & (Series.quantity == WHAT) & (Series.issued_at <= at) & (Series.until > at)
        )
        .order_by(Series.issued_at.desc(), Series.id.desc())
        .first()
    )
    return None if row is None else row.values


def _places(leaves: Sequence[VirtualDER]) -> dict[int, int]:
    """By device (number), the index in `leaves` of the one through which it is dispatched."""
    index = {leaf.id: number for number, leaf in enumerate(leaves)}
    chosen = dispatchgroups.dispatch_groups(list(index), Tree.read(include=leaves)) if index else {}
    return {device: index[vder] for device, vder in chosen.items()}


def _usual(places: dict[int, int], at: int, end: int) -> list[tuple[float, float, float, float, int]]:
    """The visits of a week ago, at this week's times."""
    week = _week(at)
    asked: dict[int, list[tuple[int, int]]] = {}
    # What begins later was asked for by now, but in a replay nobody knows whether it was by then.
    latest = end if at >= clock.now() else at
    for device, arrive, depart in sql.rows(
        "SELECT device_id, arrival_at, departure_at FROM charging_session WHERE departure_at > ? AND "
        "arrival_at <= ? "
        "AND NOT cancelled",
        at,
        latest,
    ):
        asked.setdefault(device, []).append((arrive, depart))
    return [
        (arrive + week, depart + week, energy, power, places[device])
        for device, arrive, depart, energy, power in sql.rows(
            "SELECT v.device_id, v.arrival_at, v.departure_at, v.energy_wh, v.power_w FROM charging_session "
            "v JOIN device d ON d.id = v.device_id "
            "WHERE v.arrival_at > ? AND v.arrival_at < ? AND NOT v.cancelled AND v.energy_wh > 0 AND "
            "v.power_w > 0 AND d.state = ?",
            at - week,
            end - week,
            Device.ENROLLED,
        )
        if device in places
        and not any(since < depart + week and arrive + week < until for since, until in asked.get(device, ()))
    ]


def _week(at: int) -> int:
    """Seconds since the same weekday and time of the clock on the wall, a week ago."""
    zone = ZoneInfo(settings.timezone)
    now, then = (datetime.fromtimestamp(instant, zone).utcoffset() for instant in (at, at - WEEK))
    assert now is not None and then is not None
    return WEEK + int((then - now).total_seconds())
