"""The base of all tables: the database, and columns of JSON."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import peewee
from peewee import Model, TextField

T = TypeVar("T")
db = peewee.DatabaseProxy()
EVERYONE = "*"  # the audience of what every enrolled device may see
NOBODY = "-"  # the audience of what no device may see until it is said whose it is


class JSON(TextField):
    """A column whose values are stored as JSON text."""

    def db_value(self, value: Any) -> str | None:
        """Return the text of a value; None for None."""
        return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def python_value(self, value: str | None) -> Any:
        """Return the value of a text; None for None."""
        return None if value is None else json.loads(value)


CHUNK = 500  # parameters in one statement: databases take no more than tens of thousands


def chunked(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the values in lists of this size, the last of which may be shorter; none of no values.

    peewee's own takes as long for one value as for `size` of them.
    """
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def among(query: Any, column: Any, values: Iterable[Any]) -> Iterator[Any]:
    """Yield the rows of a query that have one of these values, which may be any number, in a column.

    A statement takes CHUNK of them. An order of the query holds within each of the statements.
    """
    for chunk in chunked(dict.fromkeys(values), CHUNK):
        yield from query.where(column.in_(chunk))


class Table(Model):
    """The base of all tables."""

    class Meta:
        database = db
        legacy_table_names = False
