"""Lines that are laid out without rich are as rich would have them."""
from __future__ import annotations

import io
import random

import pytest
from rich.console import Console

from server.cli import rowlayout
from server.cli.rowlayout import Printed

TEXTS = ["", "a", "house 12", "日本", "é", "F12 West", "-1234.5"]


def columns(seed: int) -> list[Printed]:
    chance = random.Random(seed)
    return [Printed(chance.choice(["name", "up\nW", "a long\nheading"]), chance.choices(TEXTS, k=6),
                    chance.random() < 0.5, chance.random() < 0.5) for _ in range(chance.randint(1, 5))]


@pytest.mark.parametrize("seed", range(20))
def test_a_table_that_fits_is_as_rich_has_it(seed: int) -> None:
    ours, of_rich = (Console(file=io.StringIO(), width=100) for _ in range(2))
    printed = columns(seed)
    rowlayout.show(ours, printed)
    of_rich.print(rowlayout._table(printed, range(6), False))
    ours_text, rich_text = ours.file.getvalue(), of_rich.file.getvalue()
    assert [line.rstrip() for line in ours_text.splitlines()] == [
        line.rstrip() for line in rich_text.splitlines()]


def test_prose_is_broken_only_where_there_is_no_room() -> None:
    why = Printed("why", ["because it is so cold today"], False, True)
    printed = [Printed("name", ["n"], False, False), why]
    for width, lines in ((40, 2), (24, 3)):
        console = Console(file=io.StringIO(), width=width)
        rowlayout.show(console, printed)
        assert len(console.file.getvalue().splitlines()) == lines
