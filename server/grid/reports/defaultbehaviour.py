"""What storage does if it is left alone, learned once a day from its own meter by like days.

It is kept, since the automatic balance commands storage in every step: then there are no more days on which
it was left alone. Plans take it from there (see `fleet.defaultloads`), and so does settlement, through the
baseline of each share.
"""
from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from server import clock
from server.config import settings
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.reports import likedays, ownevents
from server.grid.reports.baselines import QUARTERS, local_quarters
from server.grid.series import devicereadings
from server.grid.series.daytypes import is_working_day
from server.grid.series.intervals import STEP
from server.models import DefaultBehaviour, Device, KeyValue, among, db
from server.resources import sql
from server.units import Instant, Watts

A_TURN = 10  # devices at most
_DONE = "default behaviour"  # KeyValue: the local day on which that of all devices was learned
_DUE = (
    "SELECT t.device_id FROM device_type t LEFT JOIN default_behaviour b ON b.device_id = t.device_id "
    "WHERE t.kind = 'storage' AND (b.learned_at IS NULL OR b.learned_at < ?) ORDER BY t.device_id LIMIT ?"
)
_COLUMNS = ("device_id", "learned_at", "working_day_w", "other_day_w")
_REPLACE = (
    "ON CONFLICT (device_id) DO UPDATE SET learned_at = excluded.learned_at, "
    "working_day_w = excluded.working_day_w, other_day_w = excluded.other_day_w"
)
Profile = list[Watts | None]


def learn_due() -> int:
    """Learn what some storage does by default, each once a local day; return of how many devices."""
    now, zone = clock.now(), ZoneInfo(settings.timezone)
    day = datetime.fromtimestamp(now, zone).date()
    done = KeyValue.get_or_none(KeyValue.name == _DONE)
    if done is not None and done.value >= day.isoformat():
        return 0
    midnight = local_quarters(day, zone)[0]
    devices = [device for device, in sql.rows(_DUE, midnight, A_TURN)]
    learned = _learned(devices, day, zone, now)  # before the transaction, for which others would wait
    with db.atomic():
        if devices:
            sql.insert("default_behaviour", _COLUMNS, learned, _REPLACE)
        else:
            KeyValue.insert(name=_DONE, value=day.isoformat()).on_conflict(
                conflict_target=[KeyValue.name], update={KeyValue.value: day.isoformat()}).execute()
    return len(devices)


def _learned(devices: Sequence[int], day: date, zone: ZoneInfo, now: Instant) -> list[tuple[Any, ...]]:
    """Return the rows of what is learned of devices, in the order of _COLUMNS."""
    if not devices:
        return []
    days = [day - timedelta(days=back) for back in range(likedays.LOOK_BACK_DAYS, 0, -1)]
    quarters = np.array([local_quarters(earlier, zone)[:QUARTERS] for earlier in days])
    working = np.array([is_working_day(earlier) for earlier in days])
    first, last = int(quarters.min()) // STEP * STEP, int(quarters.max()) + STEP
    injection_w = devicereadings.mean_injection_w(devices, first, last, STEP)
    lfdi_of = {row.id: row.lfdi for row in among(Device.select(), Device.id, devices)}
    known = {row.device_id: row for row in among(DefaultBehaviour.select(), DefaultBehaviour.device, devices)}
    published: ownevents.Published = {}
    rows = []
    for device, device_w in zip(devices, injection_w, strict=True):
        load_w = -device_w[(quarters - first) // STEP]
        spans = ownevents.own_events(device, lfdi_of[device], first, last, published=published)
        profiles = [_profile(load_w[chosen], quarters[chosen], spans) for chosen in (working, ~working)]
        before = known.get(device)
        if before is not None:
            profiles = [_completed(profile, kept) for profile, kept in zip(
                profiles, (before.working_day_w, before.other_day_w), strict=True)]
        rows.append((device, now, *map(DefaultBehaviour.working_day_w.db_value, profiles)))
    return rows


def _profile(load_w: Floats, quarters: Whole, spans: Sequence[ownevents.Span]) -> Profile:
    means = measurement.default_behaviour(load_w, ownevents.in_any(spans, quarters))
    return [round(watts, 1) if np.isfinite(watts) else None for watts in means.tolist()]


def _completed(profile: Profile, kept: Profile) -> Profile:
    """Return a profile with what was learned before where nothing can be learned now."""
    return [before if watts is None else watts for watts, before in zip(
        profile, kept or [None] * len(profile), strict=True)]
