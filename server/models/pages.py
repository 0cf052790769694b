"""Lists of any length: read from the database a page at a time, as they are printed or sent."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Generic, TypeAlias, TypeVar

import peewee

T = TypeVar("T")
Query: TypeAlias = "peewee.ModelSelect[Any]"
SIZE = 1000  # rows of a page


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


class Pages(Generic[T]):
    """The first `limit` rows of a query (None: all), by the order of `key` (see `rows`), as `items` makes
    them of a page. Each iteration reads them anew; the length is counted, which reads none of them."""

    def __init__(
        self, query: Query, key: peewee.Field, items: Callable[[list[Any]], Iterable[T]],
        limit: int | None = None
    ):
        self._query, self._key, self._items, self._limit = query, key, items, limit

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

    def __len__(self) -> int:
        count: int = self._query.limit(self._limit).count()
        return count
