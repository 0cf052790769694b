"""The base of all tables: the database, and columns of JSON."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any, Self, TypeVar

import peewee
from peewee import Model, ModelSelect, TextField

T = TypeVar("T")
db = peewee.DatabaseProxy()
EVERYONE = "*"  # the audience of what every enrolled device may see
NOBODY = "-"  # the audience of what no device may see until it is said whose it is
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode  # dumps makes one each time


class JSON(TextField):
    """A column whose values are stored as JSON text."""

    def db_value(self, value: Any) -> str | None:
        """Return the text of a value; None for None."""
        return None if value is None else _encode(value)

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


@cache
def _columns(model: Any, alias: str) -> str:
    """Return the columns of whole rows, for a table of this alias, as SQL."""
    return ", ".join(f'"{alias}"."{field.column_name}"' for field in model._meta.sorted_fields)


class _Rows(ModelSelect):
    """A SELECT. Of whole rows it writes all columns at once, which are half of what there is to write, and
    peewee builds each anew."""

    def __sql_selection__(self, ctx: Any, is_subquery: bool = False) -> Any:
        if is_subquery or not self._is_default:  # type: ignore[attr-defined]
            return super().__sql_selection__(ctx, is_subquery)
        return ctx.literal(_columns(self.model, ctx.alias_manager[self.model._meta.table]))


class Table(Model):
    """The base of all tables."""

    class Meta:
        database = db
        legacy_table_names = False

    @classmethod
    def select(cls, *fields: Any) -> ModelSelect[Self]:
        """Return a SELECT of these columns, or of whole rows."""
        rows: Any = _Rows(cls, fields or cls._meta.sorted_fields, is_default=not fields)
        return rows  # type: ignore[no-any-return]
