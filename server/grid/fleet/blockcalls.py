"""Calls of blocks: recorded as they are made, ended when their order or event is, and repeated by extensions.

Times are UTC in s, powers W by which more is injected.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from server import clock
from server.errors import Refused
from server.grid.fleet import memberqueries, siteblocks
from server.grid.optimisation import blockterms
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.blockterms import BlockTerms, Period
from server.models import Block, BlockCall, VirtualDER
from server.resources import sql
from server.units import Href, Instant, Seconds, Watts


class NewCall(NamedTuple):
    """A call that is about to be made, of a block of a device (number)."""
    device: int
    block: str
    start: Instant
    until: Instant
    called_w: Watts
    terms: BlockTerms


def record(calls: Iterable[NewCall], order: int | None, event_of: dict[int, Href]) -> None:
    """Record calls by an order (its number; None: by an event alone), in the caller's transaction.

    `event_of` has the event that each device (number) is sent.
    """
    now = clock.now()
    for call in calls:
        BlockCall.create(device=call.device, block=call.block, order_id=order, start=call.start,
                         event_href=event_of.get(call.device, ""), until=call.until, called_w=call.called_w,
                         called_at=now, terms=call.terms.as_dict())


def end(at: Instant | None, *, order: int | None = None, events: Sequence[Href] = ()) -> int:
    """End the calls of an order, or of these events, at an instant (None: now); return how many."""
    instant = clock.now() if at is None else at
    ended = 0
    for condition, values in (("order_id", [order] if order is not None else []), ("event_href", events)):
        for value in values:
            ended += sql.execute(
                "UPDATE block_call SET until = CASE WHEN start > ? THEN start ELSE ? END "
                f"WHERE {condition} = ? AND until > ?", instant, instant, value, instant).rowcount
    return ended


def called_w(vder: VirtualDER, start: Instant, steps: int, step_s: Seconds) -> list[tuple[int, Floats]]:
    """Return, for each call of a member of a virtual DER, the member (number) and the mean power [T] that it
    is called for in each step from `start` on."""
    begins = start + np.arange(steps) * step_s
    end = start + steps * step_s
    rows = sql.rows(
        "SELECT c.device_id, c.start, c.until, c.called_w FROM block_call c JOIN membership m "
        "ON m.device_id = c.device_id WHERE m.vder_id = ? AND c.start < ? AND c.until > ? "
        "AND c.until > c.start ORDER BY c.id", vder.id, end, start)
    return [(device, power_w * np.maximum(np.minimum(begins + step_s, until) - np.maximum(begins, since), 0)
             / step_s) for device, since, until, power_w in rows]


def extended(order: int, end_at: Instant, duration_s: Seconds) -> list[NewCall]:
    """Return the calls by which those of an order go on from its end. Refused (409) where a contract does not
    allow it, naming the clause."""
    calls = list(BlockCall.select().where((BlockCall.order_id == order) & (BlockCall.until == end_at)))
    longer = Period(end_at, end_at + duration_s)
    for call in calls:
        past = [Period(*row) for row in sql.rows(
            "SELECT start, until FROM block_call WHERE device_id = ? AND block = ? AND until > start",
            call.device_id, call.block)]
        broken = blockterms.breaches(_terms(call), past, longer, clock.now(), siteblocks.calendar())
        if broken:
            name = memberqueries.names_of([call.device_id])[call.device_id]
            raise Refused(409, f"{name}, {call.block}: {'; '.join(broken)}")
    return [NewCall(call.device_id, call.block, *longer, call.called_w, _terms(call)) for call in calls]


def _terms(call: BlockCall) -> BlockTerms:
    block = Block.get_or_none((Block.device == call.device_id) & (Block.name == call.block))
    return BlockTerms(**(call.terms if block is None else block.terms))
