"""What a device will follow by what is known now: each mode with its value, from when to when, and why."""
from __future__ import annotations

from collections.abc import Iterator, Sequence

from server import clock
from server.grid.controls import effectivecontrol, preview
from server.grid.controls.followresults import FollowedMode, FollowedModes
from server.grid.controls.preview import SeenPrograms
from server.models import Device
from server.resources import events
from server.units import Instant, Seconds

MOST_CHANGES = 200  # instants at which something changes, beyond which the rest is left out


def ahead(device: Device, horizon_s: Seconds) -> FollowedModes:
    """Return what a device follows from now on."""
    start = clock.now()
    end = start + horizon_s
    sources = preview.sources(device)
    rows: list[FollowedMode] = []
    instants = list(_instants(sources, start, end))
    for at, until in zip(instants, [*instants[1:], end], strict=True):
        for row in _at(sources, at, until):
            if not _went_on(rows, row):
                rows.append(row)
    reached = end if len(instants) < MOST_CHANGES else instants[-1]
    return {"device": device.name, "lfdi": device.lfdi, "start": start, "end": reached,
            "modes": [row for row in rows if row["start"] < reached]}


def _instants(sources: Sequence[SeenPrograms], start: Instant, end: Instant) -> Iterator[Instant]:
    """Yield the instants before `end` at which something changes, the first is `start`."""
    at: Instant | None = start
    for _ in range(MOST_CHANGES):
        if at is None or at >= end:
            return
        yield at
        at = min((change for source in sources for program in source.programs
                  for state in events.evaluate_all((event for event, _ in program.events), at).values()
                  if (change := state.next_change) is not None and change > at), default=None)


def _at(sources: Sequence[SeenPrograms], at: Instant, until: Instant) -> Iterator[FollowedMode]:
    for source in sources:
        in_force = effectivecontrol.effective_control(source.programs, at, source.categories)
        for row in preview.mode_rows(in_force, source.programs):
            yield {"start": at, "end": until, "kind": source.kind, "mode": row["mode"],
                   "in_words": row["in_words"], "vder": row["vder"], "control": row["control"],
                   "reason": row["reason"]}


def _went_on(rows: Sequence[FollowedMode], row: FollowedMode) -> bool:
    """Whether a row goes on with the last one of its mode, which is made longer then."""
    last = next((earlier for earlier in reversed(rows) if earlier["mode"] == row["mode"]), None)
    same = last is not None and last["end"] == row["start"] and all(
        last[key] == row[key] for key in ("kind", "in_words", "vder", "control"))
    if last is not None and same:
        last["end"] = row["end"]
    return same
