"""What newer prices take the place of, and what stays."""
from __future__ import annotations

import random

from server.grid.series.pricespans import PriceSpan, PublishedSpan, in_force, merged, replacement


def span(start: int, end: int, price: int) -> PriceSpan:
    return PriceSpan(start, end, 0, ((0, price),))


def published(*spans: PriceSpan) -> list[PublishedSpan]:
    """Spans that were published one after the other."""
    return [PublishedSpan(item, f"/{number}", (number, 0)) for number, item in enumerate(spans)]


def prices(items: list[PublishedSpan], until: int) -> list[int | None]:
    """The price of each second: that of the newest event, where no newer one has ended the older for good."""
    found: list[int | None] = []
    for at in range(until):
        covering = [item for item in items if item.span.start <= at < item.span.end]
        lasting = [item for item in covering if not any(
            other.age > item.age and other.span.start <= at and other.span.end > item.span.start
            for other in items)]
        found.append(lasting[-1].span.blocks[0][1] if lasting else None)
    return found


def test_what_a_short_price_leaves_of_a_long_one_is_published_again() -> None:
    done = replacement(published(span(0, 100, 1)), [span(20, 30, 2)], 10)
    assert done.new == [span(20, 30, 2), span(30, 100, 1)] and done.cancelled == []


def test_what_is_published_already_stays() -> None:
    done = replacement(published(span(0, 100, 1)), [span(20, 100, 1)], 10)
    assert (done.new, done.cancelled, done.unchanged) == ([], [], 1)


def test_what_is_replaced_before_it_begins_is_cancelled() -> None:
    done = replacement(published(span(20, 30, 1), span(30, 40, 1)), [span(20, 35, 2)], 10)
    assert done.new == [span(20, 35, 2), span(35, 40, 1)] and done.cancelled == ["/0", "/1"]


def test_what_has_begun_goes_on_until_the_newer_one_begins() -> None:
    done = replacement(published(span(0, 40, 1)), [span(0, 20, 2)], 10)
    assert done.new == [span(0, 20, 2), span(20, 40, 1)] and done.cancelled == []


def test_a_superseded_price_does_not_come_back() -> None:
    assert [item.span for item in in_force(published(span(0, 100, 1), span(20, 30, 2)))] == [
        span(0, 20, 1), span(20, 30, 2)]


def test_equal_prices_that_follow_each_other_are_one() -> None:
    assert merged([span(0, 10, 1), span(10, 20, 1), span(30, 40, 1), span(40, 50, 2)]) == [
        span(0, 20, 1), span(30, 40, 1), span(40, 50, 2)]


def test_each_import_says_what_holds_from_then_on_and_nothing_else_changes() -> None:
    """Five imports each, of what nobody has thought of."""
    chance, end = random.Random(1), 60
    for _ in range(200):
        items: list[PublishedSpan] = []
        now = 0
        for number in range(5):
            now = chance.randint(now, min(now + 10, end - 5))
            start, wanted = chance.randint(0, end - 10), []
            while start < end and len(wanted) < 4:
                stop = min(end, start + chance.randint(1, 12))
                wanted.append(span(start, stop, chance.randint(1, 3)))
                start = stop + chance.choice([0, 0, 3])
            expected = prices(items, end)
            for item in wanted:
                for at in range(max(item.start, now), item.end):
                    expected[at] = item.blocks[0][1]
            done = replacement(items, merged(wanted), now)
            items = [item for item in items if item.href not in done.cancelled]
            items += [PublishedSpan(new, f"/{number}/{index}", (number + 1, index))
                      for index, new in enumerate(done.new)]
            assert prices(items, end)[now:] == expected[now:]


def test_where_there_is_to_be_no_price_what_is_ahead_is_cancelled_and_what_runs_ends() -> None:
    gap = PriceSpan(20, 40, 0, ())
    done = replacement(published(span(0, 30, 1), span(30, 50, 2)), [gap], 10)
    assert done.ended == {"/0": 20} and done.cancelled == ["/1"] and done.new == [span(40, 50, 2)]
    assert replacement(published(span(0, 30, 1)), [gap], 25).cancelled == ["/0"]
