"""What storage draws in the steps of a plan if it is left alone, as it was learned from its meter.

A battery in self-consumption charges from solar and discharges in the evening without any command.
Consumption is positive, in W.
"""
from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from server.config import settings
from server.grid.optimisation.arrays import Bools, Floats, Whole, np
from server.grid.series import intervals
from server.grid.series.daytypes import is_working_day
from server.grid.series.intervals import DAY, STEP, Span
from server.models import VirtualDER
from server.resources import sql

_PROFILES = (
    "SELECT b.device_id, b.other_day_w, b.working_day_w FROM default_behaviour b "
    "JOIN membership m ON m.device_id = b.device_id WHERE m.vder_id = ? ORDER BY b.device_id"
)


@dataclass(frozen=True, kw_only=True)
class DefaultLoads:
    """The default load [n, T] of storage members (`device`, ascending)."""
    device: Whole
    load_w: Floats

    def of(self, devices: Whole) -> Floats:
        """Return [m, T]: those of these devices, 0 where nothing was learned."""
        load_w = np.zeros((len(devices), self.load_w.shape[1]))
        row = np.minimum(np.searchsorted(self.device, devices), max(len(self.device) - 1, 0))
        learned = self.device[row] == devices if len(self.device) else np.zeros(len(devices), dtype=bool)
        load_w[learned] = self.load_w[row[learned]]
        return load_w

    def total_w(self) -> Floats:
        """Return [T]: the sum of all."""
        total: Floats = self.load_w.sum(axis=0)
        return total


@dataclass(frozen=True, kw_only=True)
class DefaultProfiles:
    """The default load of storage members (`device`, ascending) by the quarter of an hour of a local day: of
    other days and of working days, [n, 2, 96], NaN where it is not known."""
    device: Whole
    profile_w: Floats

    def during(self, span: Span) -> DefaultLoads:
        """Return the load in each step of a span, 0 where it is not known."""
        working, quarter = _quarters(span)
        values_w = self.profile_w[:, working.astype(int), quarter]
        mean_w = intervals.mean(values_w.reshape(-1, working.shape[1])).reshape(values_w.shape[:2])
        return DefaultLoads(device=self.device, load_w=np.nan_to_num(mean_w))


def read(area: VirtualDER) -> DefaultProfiles:
    """Return what was learned of the storage members of an area."""
    rows = sql.rows(_PROFILES, area.id)
    profile_w = np.full((len(rows), 2, DAY // STEP), np.nan)
    for number, row in enumerate(rows):
        for working in (False, True):
            values = json.loads(row[1 + working])
            profile_w[number, int(working), :len(values)] = intervals.array(values)
    return DefaultProfiles(device=np.array([row[0] for row in rows], dtype=np.intp), profile_w=profile_w)


def _quarters(span: Span) -> tuple[Bools, Whole]:
    """Return [T, n] each, for the n quarters of an hour of each step: whether it is of a working day, and its
    number in the local day."""
    zone = ZoneInfo(settings.timezone)
    starts = span.start + span.step * np.arange(span.steps)
    instants = starts[:, None] + STEP * np.arange(max(span.step // STEP, 1))
    local = [datetime.fromtimestamp(instant, zone) for instant in instants.ravel().tolist()]
    working = np.array([is_working_day(moment.date()) for moment in local], dtype=bool)
    quarter = np.array([(moment.hour * 60 + moment.minute) * 60 // STEP for moment in local], dtype=np.intp)
    return working.reshape(instants.shape), quarter.reshape(instants.shape)
