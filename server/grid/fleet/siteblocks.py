"""The blocks of a virtual DER's members: what is agreed, what each can give now, and when it was called.

A generator without a contract, and a load that reports a LoadShedAvailability without one, count as blocks
too: they can be dispatched by an operator, but no plan calls them, since nothing is agreed about it.
Powers are magnitudes in W by which more is injected while a block is called; times are UTC in s.
"""
from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from server.config import settings
from server.grid.fleet import eligibility, resources
from server.grid.fleet.membercolumns import MemberColumns
from server.grid.fleet.plausibility import Plausible
from server.grid.groups import drprograms
from server.grid.optimisation import blockterms
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.blockterms import (GENERATOR, LOAD, STORAGE, BlockTerms, Calendar, Opening,
                                                 Period)
from server.models import Device, among
from server.resources import sql
from server.units import Instant, Seconds, Watts

_BLOCKS = (
    "SELECT b.device_id, b.name, b.kind, b.terms FROM block b "
    "JOIN membership m ON m.device_id = b.device_id WHERE m.vder_id = ? ORDER BY b.device_id, b.name"
)
_CALLS = (
    "SELECT c.device_id, c.block, c.start, c.until, c.called_w FROM block_call c JOIN membership m "
    "ON m.device_id = c.device_id WHERE m.vder_id = ? AND c.until > c.start AND c.until > ? ORDER BY c.start"
)
_SHEDDABLE = "SELECT parent, submitted FROM document WHERE kind = 'LoadShedAvailability' AND parent IN ({})"
WITHOUT_CONTRACT = ""  # the name of what is not agreed
_Calls = dict[tuple[int, str], list[tuple[Period, float]]]  # by device and block: when, and the W called


class Sheddable(NamedTuple):
    """What a device reports as its LoadShedAvailability; None where it does not."""
    power_w: Watts | None
    fraction: float | None
    duration_s: Seconds | None


@dataclass(frozen=True, kw_only=True)
class SiteBlock:
    """A block of a member.

    `device` and `group` are as in MemberColumns, `name` is WITHOUT_CONTRACT where nothing is agreed. It can
    give `available_w` now, for at most `longest_s`, unless there is a `reason` why it cannot be called.
    `calls` has when it was and is to be called, a season back; `rate` is the fraction of what was asked of
    its device that that has delivered.
    """
    device: int
    group: int
    name: str
    kind: str
    terms: BlockTerms
    available_w: Watts
    longest_s: Seconds
    calls: tuple[Period, ...] = ()
    reason: str = ""
    rate: float = 1.0
    fresh: bool = True

    @property
    def contracted(self) -> bool:
        return self.name != WITHOUT_CONTRACT

    def opening(self, at: Instant, until: Instant) -> Opening | None:
        """Return when it can be called next, if that is before `until`."""
        if self.reason or self.available_w <= 0:
            return None
        found = blockterms.opening(self.terms, self.calls, at, calendar(), until)
        return None if found is None else found._replace(seconds=min(found.seconds, self.longest_s))

    def breaches(self, start: Instant, duration_s: Seconds, at: Instant) -> list[str]:
        """Return the clauses that a call at `at` would break, and what else stands against it."""
        if self.reason:
            return [self.reason]
        call = Period(start, start + duration_s)
        broken = blockterms.breaches(self.terms, self.calls, call, at, calendar())
        if duration_s > self.longest_s and self.longest_s < self.terms.most_s:
            broken.append(f"it reports that it can reduce its load for {self.longest_s} s")
        return broken

    def cost(self, duration_s: Seconds) -> float:
        """What a call costs, in money per kWh."""
        energy_kwh = max(self.available_w * duration_s / 3.6e6, 1e-9)
        return self.terms.price_event / energy_kwh + self.terms.cost_kwh(settings.emission_price)


def calendar() -> Calendar:
    """Return how days and seasons are counted here."""
    return Calendar(zone=ZoneInfo(settings.timezone), season_days=settings.season_days)


def read(columns: MemberColumns, reasons: Any, at: Instant) -> list[SiteBlock]:
    """Return the blocks of members as they are at `at`, cheapest first in each device.

    Writes into `reasons` ([n] of str, empty for members that can be dispatched) why a generator or an
    interruptible load can be called for nothing.
    """
    agreed: dict[int, list[tuple[str, str, BlockTerms]]] = {}
    for device, name, kind, terms in sql.rows(_BLOCKS, columns.area.id):
        if kind != STORAGE:
            agreed.setdefault(device, []).append((name, kind, BlockTerms(**json.loads(terms))))
    able, output_w = resources.usable_ders(
        columns, reasons.copy(), "generator", "opModFixedW", "opModTargetW")
    rated_w = np.bincount(columns.ders.member[able], columns.ders.max_injection_w[able], len(columns.device))
    concerned = [index for index, (device, kind) in enumerate(
        zip(columns.device.tolist(), columns.kind.tolist(), strict=True))
        if device in agreed or kind in ("generator", "interruptible")]
    numbers = columns.device[concerned].tolist()
    reported, calls = _sheddable(numbers), _calls(columns, at)
    follow_events = set(drprograms.supporting_devices(among(Device.select(), Device.id, numbers)))
    blocks: list[SiteBlock] = []
    for index in concerned:
        device = int(columns.device[index])
        site = _Site(
            columns, index, at, reason=str(reasons[index]), sheddable=reported.get(device), calls=calls,
            rated_w=float(rated_w[index]) if output_w[index] else 0.0, follows_events=device in follow_events)
        found = site.blocks(agreed.get(site.device, []))
        blocks += found
        if found and not reasons[index] and not any(block.available_w > 0 for block in found):
            reasons[index] = next((block.reason for block in found if block.reason), eligibility.UNRATED)
    return blocks


def _calls(columns: MemberColumns, at: Instant) -> _Calls:
    calls: _Calls = {}
    since = at - settings.season_days * blockterms.DAY_S
    for device, block, start, until, called_w in sql.rows(_CALLS, columns.area.id, since):
        calls.setdefault((device, block), []).append((Period(start, until), called_w))
    return calls


def _sheddable(devices: Collection[int]) -> dict[int, Sheddable]:
    """Return what these devices (by number) report as LoadShedAvailability."""
    found: dict[int, Sheddable] = {}
    for parent, submitted in sql.among(_SHEDDABLE, (f"/edev/{device}/lsl" for device in devices)):
        data, read = json.loads(submitted), Plausible()
        found[int(parent.split("/")[2])] = Sheddable(
            read.power_w("sheddablePower", data.get("sheddablePower")),
            read.fraction("sheddablePercent", data.get("sheddablePercent")),
            data.get("availabilityDuration"),
        )
    return found


class _Site:
    """A member with what its blocks share: its load, its generator's rating, what it reports."""

    def __init__(self, columns: MemberColumns, index: int, at: Instant, *, reason: str, rated_w: Watts,
                 sheddable: Sheddable | None, follows_events: bool, calls: _Calls) -> None:
        self.columns, self.index, self.reason, self.rated_w = columns, index, reason, rated_w
        self.follows_events = follows_events
        self.device, self.sheddable, self.calls = int(columns.device[index]), sheddable, calls
        self.kind = str(columns.kind[index])
        meters = columns.meters
        own_w, premises_w = -float(meters.injection_w[index]), -float(meters.premises_injection_w[index])
        self.load_w = premises_w if np.isnan(own_w) or self.kind == "generator" else own_w
        # what is called now is not drawn, but would be
        self.load_w += sum(called_w for (device, _), of_block in calls.items() if device == self.device
                           for period, called_w in of_block if period.start <= at < period.end)

    def blocks(self, agreed: Sequence[tuple[str, str, BlockTerms]]) -> list[SiteBlock]:
        """Return the blocks that are agreed, else what it reports."""
        if not agreed:
            agreed = self._not_agreed()
        load_w = np.inf if np.isnan(self.load_w) else max(self.load_w, 0.0)
        remaining_w = {LOAD: min(load_w, self._sheddable_w(load_w)), GENERATOR: self.rated_w}
        found = []
        cheapest_first = sorted(agreed, key=lambda row: (row[2].price_kwh, row[2].price_event, row[0]))
        for name, kind, terms in cheapest_first:
            reason = self.reason or self._reason(kind, terms)
            most_w = min(terms.power_w, remaining_w[kind], load_w if terms.island else np.inf)
            available_w = 0.0 if reason or most_w < (terms.least_power_w or 0.0) else most_w
            remaining_w[kind] -= available_w
            found.append(SiteBlock(
                device=self.device, group=int(self.columns.group[self.index]), name=name, kind=kind,
                terms=terms, available_w=available_w, longest_s=self._longest_s(kind, terms),
                calls=tuple(period for period, _ in self.calls.get((self.device, name), [])), reason=reason,
                rate=float(self.columns.participation.response_rate[self.index]),
                fresh=bool(self.columns.contact.fresh[self.index])))
        return found

    def _not_agreed(self) -> list[tuple[str, str, BlockTerms]]:
        if self.kind == "generator":
            return [(WITHOUT_CONTRACT, GENERATOR, BlockTerms(power_w=max(self.rated_w, 0.0)))]
        power_w = self._sheddable_w(self.load_w)
        return [(WITHOUT_CONTRACT, LOAD, BlockTerms(power_w=power_w))] if np.isfinite(power_w) else []

    def _sheddable_w(self, load_w: Watts) -> Watts:
        """What it reports that it can reduce its load by; infinite where it does not."""
        if self.sheddable is None:
            return float("inf")
        power_w, fraction, _ = self.sheddable
        if power_w is None and fraction is None:
            return float("inf")
        return float(min(np.inf if power_w is None else power_w,
                         np.inf if fraction is None else fraction * load_w))

    def _longest_s(self, kind: str, terms: BlockTerms) -> Seconds:
        reported = self.sheddable.duration_s if kind == LOAD and self.sheddable is not None else None
        return terms.most_s if reported is None else min(terms.most_s, reported)

    def _reason(self, kind: str, terms: BlockTerms) -> str:
        if self.rated_w <= 0 if kind == GENERATOR else not self.follows_events:
            return eligibility.MODES
        if terms.island and np.isnan(self.load_w):
            return eligibility.UNREAD_SITE
        return ""


def agreed_storage(devices: Collection[int]) -> dict[int, BlockTerms]:
    """Return what is agreed about the storage of each of these devices (by number), if anything is."""
    return {device: BlockTerms(**json.loads(terms)) for device, terms in sql.among(
        f"SELECT device_id, terms FROM block WHERE kind = '{STORAGE}' AND device_id IN ({{}})", devices)}


def storage_bounds(columns: MemberColumns) -> tuple[Floats, Floats]:
    """Return, for each member [n], the greatest power (W) that is agreed for its storage, and the fraction of
    its capacity that it keeps for its site; infinite and 0 where nothing is agreed."""
    power_w, reserve = np.full(len(columns.device), np.inf), np.zeros(len(columns.device))
    for device, _, kind, terms in sql.rows(_BLOCKS, columns.area.id):
        if kind == STORAGE:
            agreed, index = BlockTerms(**json.loads(terms)), int(columns.indices([device])[0])
            power_w[index], reserve[index] = agreed.power_w, agreed.reserve_percent / 100
    return power_w, reserve
