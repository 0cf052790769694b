"""Blocks: parts of a site that are called as a whole, and what their contracts allow. Pure.

A block of an interruptible load is turned off, a generator is started, each for some time and at a price.
Contracts of the storage of a site bound its power and keep a reserve, but call nothing.
Powers are magnitudes in W by which more is injected while a block is called; times are UTC in s; prices are
money, per kWh of what is called.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

LOAD, GENERATOR, STORAGE = KINDS = ("load", "generator", "storage")
CALLED = (LOAD, GENERATOR)
DAY_S = 86_400
UNLIMITED_S = 30 * DAY_S  # for how long a block is called at most where its contract has no greatest length


class Clause(NamedTuple):
    """A clause of a contract: for which kinds it is, and its least and greatest value."""
    kinds: tuple[str, ...]
    least: float
    most: float


CLAUSES: Mapping[str, Clause] = {
    "power_w": Clause(KINDS, 1.0, 1e10),
    "least_power_w": Clause((GENERATOR,), 0.0, 1e10),
    "notice_s": Clause(CALLED, 0, 7 * DAY_S),
    "shortest_s": Clause(CALLED, 0, UNLIMITED_S),
    "longest_s": Clause(CALLED, 60, UNLIMITED_S),
    "rest_s": Clause(CALLED, 0, UNLIMITED_S),
    "events_day": Clause(CALLED, 0, 96),
    "events_season": Clause(CALLED, 0, 32_767),
    "hours_season": Clause(CALLED, 0, 8784),
    "price_event": Clause(CALLED, 0.0, 1e9),
    "price_kwh": Clause(CALLED, 0.0, 1e6),
    "emissions_kg_kwh": Clause((GENERATOR,), 0.0, 10.0),
    "nominated_w": Clause(CALLED, 0.0, 1e10),
    "penalty_kwh": Clause(CALLED, 0.0, 1e6),
    "ramp_w_per_s": Clause((GENERATOR,), 1e-3, 1e10),
    "island": Clause((GENERATOR,), 0, 1),
    "reserve_percent": Clause((STORAGE,), 0.0, 100.0),
}


@dataclass(frozen=True, kw_only=True)
class BlockTerms:
    """The clauses of a block; None where nothing is agreed.

    `power_w` is what it gives, of a generator down to `least_power_w`. It is called `notice_s` ahead (of a
    generator: the time that it takes to start), for `shortest_s` to `longest_s`, with `rest_s` between two
    events, so many times a local day and a season, and for so many hours a season. It costs `price_event`
    and `price_kwh`, and what its `emissions_kg_kwh` cost. Of `nominated_w` each kWh that is not delivered
    costs the site `penalty_kwh`. A generator changes its output by `ramp_w_per_s`; one that is an `island`
    carries its site apart from the network, so that it gives no more than the site draws. Storage keeps
    `reserve_percent` for its site.
    """
    power_w: float
    least_power_w: float | None = None
    notice_s: int = 0
    shortest_s: int = 0
    longest_s: int | None = None
    rest_s: int = 0
    events_day: int | None = None
    events_season: int | None = None
    hours_season: float | None = None
    price_event: float = 0.0
    price_kwh: float = 0.0
    emissions_kg_kwh: float = 0.0
    nominated_w: float | None = None
    penalty_kwh: float = 0.0
    ramp_w_per_s: float | None = None
    island: bool = False
    reserve_percent: float = 0.0

    @property
    def most_s(self) -> int:
        """The greatest length of an event."""
        return UNLIMITED_S if self.longest_s is None else self.longest_s

    def cost_kwh(self, emission_price: float) -> float:
        """What a kWh costs, where a tonne of CO2 costs `emission_price`."""
        return self.price_kwh + self.emissions_kg_kwh * emission_price / 1000

    def as_dict(self) -> dict[str, Any]:
        """The clauses that differ from none being agreed."""
        return {field.name: value for field in fields(self)
                if (value := getattr(self, field.name)) != field.default}


def faults(kind: str, terms: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the clauses of a block, a sentence each."""
    if kind not in KINDS:
        yield f"kind {kind!r}: {', '.join(KINDS)} are possible"
        return
    if "power_w" not in terms:
        yield "power_w: a block has a power"
    for name, value in terms.items():
        clause = CLAUSES.get(name)
        if clause is None:
            yield f"there is no clause {name!r}; there are {', '.join(CLAUSES)}"
        elif kind not in clause.kinds:
            yield f"{name} is a clause of {' and '.join(clause.kinds)}, not of {kind}"
        elif not clause.least <= value <= clause.most:
            yield f"{name} {value:g} is not between {clause.least:g} and {clause.most:g}"
    for lower, upper in (("least_power_w", "power_w"), ("nominated_w", "power_w"),
                         ("shortest_s", "longest_s"), ("events_day", "events_season")):
        if terms.get(lower) is not None and terms.get(upper) is not None and terms[lower] > terms[upper]:
            yield f"{lower} {terms[lower]:g} is more than {upper} {terms[upper]:g}"
    if terms.get("penalty_kwh") and not terms.get("nominated_w"):
        yield "penalty_kwh: it is of nominated_w, which is not agreed"


class Period(NamedTuple):
    """A time from `start` until `end`, in which a block is called."""
    start: int
    end: int

    @property
    def seconds(self) -> int:
        return self.end - self.start


def events(periods: Sequence[Period]) -> list[Period]:
    """Return the events that these periods are, by start: those that follow each other without a gap are
    one."""
    merged: list[Period] = []
    for period in sorted(period for period in periods if period.seconds > 0):
        if merged and period.start <= merged[-1].end:
            merged[-1] = Period(merged[-1].start, max(merged[-1].end, period.end))
        else:
            merged.append(period)
    return merged


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """How days and seasons are counted: local days, and so many days before the start of an event."""
    zone: ZoneInfo
    season_days: int

    def day(self, at: int) -> str:
        """The local day of an instant."""
        return datetime.fromtimestamp(at, self.zone).date().isoformat()

    def next_day(self, at: int) -> int:
        """The beginning of the local day after that of an instant."""
        midnight = datetime.fromtimestamp(at + 2 * 3600, self.zone)
        while self.day(int(midnight.timestamp())) == self.day(at):
            midnight = datetime.fromtimestamp(midnight.timestamp() + 3600, self.zone)
        return int(midnight.replace(hour=0, minute=0, second=0).timestamp())


def breaches(
    terms: BlockTerms, past: Sequence[Period], call: Period, called_at: int, calendar: Calendar
) -> list[str]:
    """Return the clauses that a call would break, a sentence each; none where it is within the contract.

    `past` has all calls of the block, those to come among them. A call that goes on with one before it makes
    that event longer.
    """
    overlapping = [period for period in past if period.start < call.end and call.start < period.end]
    if overlapping:
        return ["it is called for that time already"]
    others = [event for event in events(past) if event.end != call.start and event.start != call.end]
    joined = events([*past, call])
    event = next(event for event in joined if event.start <= call.start and call.end <= event.end)
    lead_s = call.start - called_at
    season = [other for other in others
              if event.start - calendar.season_days * DAY_S <= other.start <= event.start]
    today = [other for other in others if calendar.day(other.start) == calendar.day(event.start)]
    gap_s = min((max(event.start - other.end, other.start - event.end) for other in others),
                default=UNLIMITED_S)
    hours = (sum(other.seconds for other in season) + event.seconds) / 3600
    broken = [
        (event.start == call.start and lead_s < terms.notice_s,
         f"notice_s: {terms.notice_s} s are agreed, the call leaves {max(lead_s, 0)} s"),
        (event.seconds < terms.shortest_s,
         f"shortest_s: an event lasts at least {terms.shortest_s} s, not {event.seconds} s"),
        (event.seconds > terms.most_s,
         f"longest_s: an event lasts at most {terms.most_s} s, not {event.seconds} s"),
        (gap_s < terms.rest_s,
         f"rest_s: {terms.rest_s} s are agreed between two events, there are {gap_s} s"),
        (_used_up(terms.events_day, len(today)), f"events_day: {terms.events_day} are agreed, and used up"),
        (_used_up(terms.events_season, len(season)),
         f"events_season: {terms.events_season} are agreed, and used up"),
        (terms.hours_season is not None and hours > terms.hours_season,
         f"hours_season: {terms.hours_season or 0:g} h are agreed, with this event it is {hours:g} h"),
    ]
    return [sentence for is_broken, sentence in broken if is_broken]


def _used_up(agreed: int | None, used: int) -> bool:
    return agreed is not None and used >= agreed


class Opening(NamedTuple):
    """The next time at which a block can be called: from `start` on, for up to `seconds`."""
    start: int
    seconds: int


def opening(
    terms: BlockTerms, past: Sequence[Period], at: int, calendar: Calendar, until: int
) -> Opening | None:
    """Return when a block can be called next, if it is called at `at`; None where not before `until`.

    Calls that run or are to come are waited for.
    """
    start = at + terms.notice_s
    for event in events(past):
        if event.end + terms.rest_s > start:
            start = event.end + max(terms.rest_s, 1)
    while start < until:
        seconds = _remaining_s(terms, past, start, calendar)
        if seconds and not breaches(terms, past, Period(start, start + seconds), at, calendar):
            return Opening(start, seconds)
        start = calendar.next_day(start)
    return None


def _remaining_s(terms: BlockTerms, past: Sequence[Period], start: int, calendar: Calendar) -> int:
    """For how long an event that begins at `start` can last by the hours of the season; 0 where too short."""
    if terms.hours_season is None:
        return terms.most_s
    since = start - calendar.season_days * DAY_S
    used_s = sum(event.seconds for event in events(past) if since <= event.start <= start)
    seconds = min(terms.most_s, int(terms.hours_season * 3600 - used_s))
    return seconds if seconds >= max(terms.shortest_s, 60) else 0
