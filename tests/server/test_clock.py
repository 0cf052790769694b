"""The one clock."""
from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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
    spec = clock.spec()
    clock.advance(50)
    clock.follow(spec)
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


def test_it_goes_in_steps_for_all_who_follow(tmp_path: Path) -> None:
    clock.stand_in(tmp_path / "clock", 1000.25)
    assert clock.spec() == f"file:{tmp_path}/clock" and clock.rate() == math.inf
    words = ("import sys; from server import clock; clock.follow(sys.argv[1])\n"
             "for _ in sys.stdin: print(clock.precise(), flush=True)")
    with subprocess.Popen(
        [sys.executable, "-c", words, clock.spec()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None and other.stdout is not None
        for instant in (1000.25, 2000.5, 1_800_000_000.125):
            clock.turn_to(instant)
            print(file=other.stdin, flush=True)
            assert float(other.stdout.readline()) == instant == clock.precise()
        other.stdin.close()
    clock.advance(5)
    assert clock.now() == 1_800_000_005


def test_a_clock_in_steps_that_is_made_anew_is_another(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    clock.stand_in(path, 1000)
    clock.stand_in(path, 3000)
    clock.follow(f"file:{path}")
    assert clock.now() == 3000
    clock.run(0, 7)
    assert (clock.now(), clock.spec()[:2]) == (7, "0@")
    clock.follow(f"file:{path}")
    assert clock.now() == 3000, "who leaves it leaves it as it is"


def test_a_clock_that_nobody_keeps_cannot_be_followed(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        clock.follow(f"file:{tmp_path}/none")
