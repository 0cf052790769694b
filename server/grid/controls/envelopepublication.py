"""The publication of operating envelopes: controls for the next segments of each connection point.

Devices hold some two dozen events, so no more than AHEAD segments are published; the worker adds to them when
fewer than LEAST_AHEAD are left, for TOGETHER connection points in each transaction. Whoever does it may be
killed. What is published and no longer what the envelope says is cancelled in the same transaction in which
its successor is published. While a connection point is stopped nothing is published (see dispatch/stops).
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from server import clock
from server.grid.controls import dercontrols, envelopemodes, eventlisting
from server.grid.controls.envelopemodes import Expression
from server.grid.fleet import stops
from server.grid.fleet.members import Member, MemberDer, sent_modes
from server.grid.series import envelopes, envelopesegments
from server.grid.series.envelopesegments import KINDS, LimitSpan
from server.models import PointEnvelope, VirtualDER
from server.resources import sql, store
from server.units import Href, Instant

Progress = Callable[[int, int], None]
AHEAD, LEAST_AHEAD, TOGETHER = 24, 12, 25
CHECK_S = 900  # until an envelope is looked at again
DESCRIPTION = "operating envelope"
RECEIVED = 1  # of responseRequired: started and completed would be some hundred responses a day and device
_FOREVER = 1 << 40
_MEMBERS = ("SELECT m.vder_id, d.lfdi, d.name, u.max_injection_w, u.max_absorption_w, u.modes "
            "FROM membership m JOIN device d ON d.id = m.device_id "
            "LEFT JOIN der_state u ON u.device_id = d.id WHERE m.vder_id IN ({}) ORDER BY d.id, u.href")


class PublishedSegment(NamedTuple):
    """A segment that is published, and the href of its control."""
    segment: LimitSpan
    href: Href


def publish_due(progress: Progress | None = None) -> int:
    """Publish what is due of all envelopes; return of how many. `progress(done, total)` is called after each
    transaction."""
    done = 0
    total = PointEnvelope.select().where(PointEnvelope.due_at <= clock.now()).count() if progress else 0
    while count := _publish_some():
        done += count
        if progress is not None:
            progress(done, max(done, total))
    return done


def _publish_some() -> int:
    now = clock.now()
    query = PointEnvelope.select(PointEnvelope, VirtualDER).join(VirtualDER).where(
        PointEnvelope.due_at <= now)
    rows = list(query.order_by(PointEnvelope.due_at, PointEnvelope.vder).limit(TOGETHER))
    if not rows:
        return 0
    with store.transaction(*(row.vder.program for row in rows)):
        numbers = [row.vder_id for row in rows]
        # unless another process has done it
        _publish(list(query.where(PointEnvelope.vder.in_(numbers))), now)
    return len(rows)


def _publish(rows: Sequence[PointEnvelope], now: Instant) -> None:
    """Publish what is due of these envelopes, and note when they are due again."""
    events = {row.vder_id: events_of(row) for row in rows}
    live = {event.href for event in eventlisting.live(
        event.href for of_row in events.values() for event in of_row)}
    members = members_of(events)
    held = _held(rows)
    items: list[tuple[Href, dict[str, Any]]] = []
    new: list[tuple[int, LimitSpan]] = []
    cancelled: list[Href] = []
    kept: dict[int, list[PublishedSegment]] = {}
    for row in rows:
        number = row.vder_id
        if number in held:
            continue
        wanted = wanted_segments(row, now)
        kept[number] = [event for event in events[number] if event.href in live
                        and any(_covers(event, segment, now) for segment in wanted)]
        missing = [segment for segment in wanted[:AHEAD]
                   if not any(_covers(event, segment, now) for event in kept[number])]
        obsolete = [event.href for event in events[number]
                    if event.href in live and event.segment.end > now and event not in kept[number]]
        cancelled += obsolete
        if not obsolete and not any(segment in missing for segment in wanted[:LEAST_AHEAD]):
            continue
        how = envelopemodes.expression(members[number], kinds_of(wanted))
        for segment in missing:
            if base := envelopemodes.base(how, segment.limits):
                new.append((number, segment))
                items.append((f"{row.vder.program}/derc", {"DERControlBase": base, **_event(segment)}))
    store.cancel_all(cancelled)
    for (number, segment), href in zip(new, store.add_all("DERControl", items), strict=True):
        kept[number].append(PublishedSegment(segment, href))
    for row in rows:
        _note(row, kept.get(row.vder_id, events[row.vder_id]), now)


def _note(row: PointEnvelope, events: Iterable[PublishedSegment], now: Instant) -> None:
    """Record what is published of an envelope; one that is over is removed."""
    if row.until <= now:
        row.delete_instance()
        return
    ahead = sorted((event for event in events if event.segment.end > now),
                   key=lambda event: event.segment.start)
    row.events = [[*values, event.href]
                  for event, values in zip(
                      ahead, envelopes.rows_of(event.segment for event in ahead), strict=True)]
    row.due_at = now + CHECK_S
    row.save(only=[PointEnvelope.events, PointEnvelope.due_at])


def _held(rows: Iterable[PointEnvelope]) -> set[int]:
    """Return which connection points (by number) are stopped, in whole or in part."""
    if not stops.in_force():
        return set()
    return {row.vder_id for row in rows if stops.stopped_devices(row.vder)}


def _covers(event: PublishedSegment, segment: LimitSpan, now: Instant) -> bool:
    """Whether an event says what a segment does, from now on."""
    return (event.segment.limits == segment.limits and event.segment.end == segment.end
            and max(event.segment.start, now) == max(segment.start, now))


def _event(segment: LimitSpan) -> dict[str, Any]:
    return dercontrols.event_fields(segment.end - segment.start, segment.start, description=DESCRIPTION,
                                    response_required=RECEIVED)


def wanted_segments(row: PointEnvelope, now: Instant) -> list[LimitSpan]:
    """Return the segments of an envelope from now on in which anything is limited."""
    return envelopesegments.limiting(envelopesegments.cut(envelopes.segments_of(row.segments), now, _FOREVER))


def events_of(row: PointEnvelope) -> list[PublishedSegment]:
    """Return what is published of an envelope."""
    return [PublishedSegment(segment, values[-1]) for values in row.events
            for segment in envelopes.segments_of([values[:-1]])]


def kinds_of(segments: Iterable[LimitSpan]) -> list[str]:
    """Return the kinds of limits that segments have."""
    return [kind for number, kind in enumerate(KINDS)
            if any(segment.limits[number] is not None for segment in segments)]


def members_of(numbers: Iterable[int]) -> dict[int, list[Member]]:
    """Return the members of virtual DERs (by number), with ratings and modes alone."""
    ders: dict[tuple[int, str, str], list[MemberDer]] = defaultdict(list)
    members: dict[int, list[Member]] = {number: [] for number in numbers}
    for number, lfdi, name, injection_w, absorption_w, modes in sql.among(_MEMBERS, members):
        of_member = ders[number, lfdi, name]
        if modes is not None:
            of_member.append(MemberDer(injection_w, absorption_w, -absorption_w, injection_w, None, None,
                                       None, None, sent_modes(modes, lfdi)))
    for (number, lfdi, name), of_member in ders.items():
        members[number].append(Member(lfdi, name, "", True, tuple(of_member), None, None))
    return members


def renew(order: int) -> None:
    """Have the envelopes of the members of an order published anew, in the caller's transaction: devices do
    not come back to the controls that it has overridden."""
    sql.execute(
        "UPDATE envelope SET events = '[]', due_at = ? WHERE vder_id IN (SELECT m.vder_id FROM membership m "
        "JOIN device d ON d.id = m.device_id JOIN share s ON s.lfdi = d.lfdi WHERE s.order_id = ?)",
        clock.now(), order)


def told(how: Expression) -> dict[str, str]:
    """Return the modes by which each kind of limit is told, in one text."""
    kinds = [kind for kind in KINDS if kind in how.modes or kind in how.fallbacks]
    return {kind: ", ".join(filter(None, (how.modes.get(kind), how.fallbacks.get(kind)))) for kind in kinds}
