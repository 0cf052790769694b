"""Lists of any length: read from the database a page at a time, as they are printed or sent."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import islice
from operator import and_, or_
from types import MappingProxyType
from typing import Any, Generic, TypeAlias, TypeVar

import peewee

T = TypeVar("T")
Query: TypeAlias = "peewee.ModelSelect[Any]"
SIZE = 1000  # rows of a page
NOTHING: Mapping[str, Any] = MappingProxyType({})


def rows(query: Query, key: peewee.Field, size: int = SIZE) -> Iterator[list[Any]]:
    """Yield the rows of a query in pages, in the order of a column that no two of them share.

    `key` is a column of the query's model. Each page is a statement of its own, which begins where the last
    one ended. So no statement takes long, and what is added or removed meanwhile moves nothing else.
    """
    page = list(query.order_by(key).limit(size))
    while page:
        yield page
        if len(page) < size:
            return
        page = list(query.where(key > getattr(page[-1], key.name)).order_by(key).limit(size))


@dataclass(frozen=True)
class Sort:
    """A column by which rows can be sorted; `blank` stands for NULL, before or after all values."""
    field: peewee.Field
    blank: int | str | None = None

    @property
    def column(self) -> Any:
        """What is compared."""
        return self.field if self.blank is None else peewee.fn.COALESCE(self.field, self.blank)

    @property
    def is_text(self) -> bool:
        """Whether its values are texts."""
        return isinstance(self.field, (peewee.CharField, peewee.TextField))

    def value(self, row: Any) -> Any:
        """Return the value of a row, or of the row that it is joined with."""
        name, joined = self.field.name, self.field.model
        if not isinstance(row, joined) and name not in row.__data__:
            row = getattr(row, joined._meta.name, row)
        found = row.__data__[name] if name in row.__data__ else getattr(row, name)
        return self.blank if found is None else found


class Pages(Generic[T]):
    """The first `limit` rows of a query (None: all), by the order of `key` (see `rows`), as `items` makes
    them of a page. Each iteration reads them anew; the length is counted, which reads none of them."""

    def __init__(
        self, query: Query, key: peewee.Field, items: Callable[[list[Any]], Iterable[T]],
        limit: int | None = None, sorts: Mapping[str, Sort] = NOTHING
    ):
        """`sorts` are the columns by which they can be read in another order, by the names of keys."""
        self._query, self._key, self._items, self._limit = query, key, items, limit
        self.sorts = sorts

    def __iter__(self) -> Iterator[T]:
        pages = rows(self._query, self._key, min(self._limit or SIZE, SIZE))
        return islice((item for page in pages for item in self._items(page)), self._limit)

    def page(self, after: int | str | None, size: int) -> tuple[list[T], int | str | None]:
        """Return up to `size` items behind the key `after` (None: the first), whatever the limit, and the key
        behind which the next ones are; None where there are none. ValueError for a key of another type."""
        is_text = isinstance(self._key, (peewee.CharField, peewee.TextField))
        if after is not None and isinstance(after, str) is not is_text:
            raise ValueError(f"{after!r} is no key of {self._key.name}")
        query = self._query if after is None else self._query.where(self._key > after)
        page = list(query.order_by(self._key).limit(size + 1))
        following = None
        if len(page) > size:
            name, row = self._key.name, page[size - 1]
            following = row.__data__[name] if name in row.__data__ else getattr(row, name)
        return list(self._items(page[:size])), following

    def sorted_page(self, order: Sequence[tuple[str, bool]], after: list[Any] | None, size: int
                    ) -> tuple[list[T], list[Any] | None]:
        """Return up to `size` items by an order of names in `sorts`, each with whether it descends, behind
        the values `after` (None: the first), and the values behind which the next ones are; None where there
        are none. ValueError for values of another order."""
        columns = [(self.sorts[name], down) for name, down in order] + [(Sort(self._key), False)]
        query = self._query
        if after is not None:
            if not isinstance(after, list) or len(after) != len(columns) or any(
                    isinstance(value, str) is not sort.is_text
                    for value, (sort, _) in zip(after, columns, strict=True)):
                raise ValueError(f"{after!r} are no values of this order")
            query = query.where(_behind(columns, after))
        by = [sort.column.desc() if down else sort.column.asc() for sort, down in columns]
        page = list(query.order_by(*by).limit(size + 1))
        following = [sort.value(page[size - 1]) for sort, _ in columns] if len(page) > size else None
        return list(self._items(page[:size])), following

    def __len__(self) -> int:
        count: int = self._query.limit(self._limit).count()
        return count


def _behind(columns: Sequence[tuple[Sort, bool]], values: Sequence[Any]) -> Any:
    """What is behind these values: greater (or less, where it descends) in one column, and equal before."""
    conditions = []
    for at, (sort, down) in enumerate(columns):
        further = sort.column < values[at] if down else sort.column > values[at]
        equal = [columns[before][0].column == values[before] for before in range(at)]
        conditions.append(reduce(and_, [*equal, further]))
    return reduce(or_, conditions)
