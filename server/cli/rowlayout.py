"""How rows are laid out as a table: how wide its columns are, and its lines."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from server.cli.columns import PROSE_WIDTH

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_GAP = 2  # blanks between columns


@dataclass(frozen=True)
class Printed:
    """A column as it is printed. Of its texts only prose is broken into lines."""
    heading: str
    texts: list[str]
    is_number: bool
    breakable: bool

    @cached_property
    def width(self) -> int:
        """Characters of the longest line."""
        from rich.cells import cell_len
        return max(map(cell_len, [*self.heading.split("\n"), *self.texts]))

    @property
    def is_prose(self) -> bool:
        return self.breakable and self.width > PROSE_WIDTH

    def padded(self, text: str) -> str:
        from rich.cells import cell_len
        blanks = " " * (self.width - cell_len(text))
        return blanks + text if self.is_number else text + blanks


def least_width(columns: Sequence[Printed]) -> int:
    """Return the width of a table with prose as narrow as it may be."""
    return _total(PROSE_WIDTH if column.is_prose else column.width for column in columns)


def _total(widths: Iterator[int]) -> int:
    each = list(widths)
    return sum(each) + _GAP * (len(each) - 1)


def show(console: Console, columns: Sequence[Printed]) -> None:
    """Print a table. Nothing is cut off: where prose cannot be narrow enough, everything may be broken."""
    if _total(column.width for column in columns) > console.width or any(
        "\n" in text for column in columns for text in column.texts
    ):
        folded = least_width(columns) > console.width
        console.print(_table(columns, range(len(columns[0].texts)), folded))
        return
    # rich takes most of a millisecond to lay out a row, which here needs none of it
    console.print(_table(columns, range(0), False))
    for texts in zip(*(map(column.padded, column.texts) for column in columns), strict=True):
        console.file.write((" " * _GAP).join(texts).rstrip() + "\n")


def _table(columns: Sequence[Printed], rows: range, folded: bool) -> Table:
    from rich.table import Table
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.heading,
            no_wrap=not column.is_prose and not folded,
            overflow="fold",
            min_width=None if rows else column.width,
            justify="right" if column.is_number else "left",
        )
    for row in rows:
        table.add_row(*(column.texts[row] for column in columns))
    return table
