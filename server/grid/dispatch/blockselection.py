"""Which blocks are called for an order: the cheapest first, equals in turn, none beyond its contract. Pure.

Powers are W by which more is injected.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from server.grid.fleet.siteblocks import SiteBlock
from server.units import Instant, Seconds, Watts

_PRICE_DIGITS = 4  # blocks whose prices per kWh are the same to so many digits are equals


class BlockSelection(NamedTuple):
    """The blocks that are called, with the power of each, and why others cannot be: a sentence each."""
    called: list[tuple[SiteBlock, Watts]]
    refusals: list[tuple[SiteBlock, str]]

    @property
    def power_w(self) -> Watts:
        return sum(power_w for _, power_w in self.called)


def select(
    blocks: Sequence[SiteBlock], needed_w: Watts, start: Instant, duration_s: Seconds, at: Instant
) -> BlockSelection:
    """Choose blocks for `needed_w` from `start` on, as they can be called at `at`.

    A block is called as a whole, a generator down to its least output. Of a load that would give more than is
    needed still, it is called if it leaves the nearer sum.
    """
    callable_blocks, refusals = [], []
    for block in blocks:
        broken = block.breaches(start, duration_s, at)
        if broken:
            refusals.append((block, "; ".join(broken)))
        elif block.available_w > 0:
            callable_blocks.append(block)
    called: list[tuple[SiteBlock, Watts]] = []
    remaining_w = needed_w
    for block in sorted(callable_blocks, key=lambda block: turn(block, duration_s)):
        power_w = part(block, remaining_w)
        if power_w > 0:
            called.append((block, power_w))
            remaining_w -= power_w
    return BlockSelection(called, refusals)


def turn(block: SiteBlock, duration_s: Seconds) -> tuple[float, int, int, int, str]:
    """Return the key by which blocks are called: price, then the fewest calls, then the longest ago."""
    newest = max((period.start for period in block.calls), default=0)
    price = round(block.cost(duration_s), _PRICE_DIGITS)
    return price, len(block.calls), newest, block.device, block.name


def part(block: SiteBlock, remaining_w: Watts) -> Watts:
    """Return what a block is called for where so much is needed still; 0 where it is not called."""
    if remaining_w >= block.available_w:
        return block.available_w
    least_w = block.terms.least_power_w if block.kind == "generator" else block.available_w
    power_w = max(remaining_w, block.available_w if least_w is None else least_w)
    return power_w if remaining_w > power_w / 2 else 0.0
