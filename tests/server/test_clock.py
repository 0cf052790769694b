"""The one clock."""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from server import clock


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    was = clock.spec()
    yield
    clock.follow(was)


def test_it_stands_where_it_is_turned() -> None:
    clock.turn_to(1000.75)
    assert (clock.now(), clock.precise(), clock.rate()) == (1000, 1000.75, 0)
    clock.advance(0.25)
    assert clock.now() == 1001


def test_another_process_follows_by_its_spec() -> None:
    clock.turn_to(1000)
    told = clock.spec()
    clock.advance(50)
    clock.follow(told)
    assert clock.precise() == 1000


def test_it_runs_faster_from_where_it_is() -> None:
    clock.turn_to(1000)
    clock.run(1_000_000)
    first = clock.precise()
    assert clock.rate() == 1_000_000 and clock.precise() > first >= 1000


@pytest.mark.parametrize("spec, rate", [("", 1.0), ("60x", 60.0), ("2", 2.0)])
def test_a_pace_in_words(spec: str, rate: float) -> None:
    clock.follow(spec)
    assert clock.rate() == rate


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError):
        clock.follow("fast")
