"""Lists as files: CSV, and Parquet with the extra `export`. Rows are written as they are read, to a file that
is sent then, so that any number takes no more memory than a few.

A cell has what JSON has: instants as RFC 3339 (in Parquet as timestamps), lists and objects as JSON.
"""
from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import IO, Any, get_args, get_origin, get_type_hints, is_typeddict

from flask import Response

from server.api import lists, values
from server.api.routes import Route
from server.operations import resulttypes

CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
ROWS = 1000  # of a part of a Parquet file
_CHUNK = 1 << 16
Columns = Mapping[str, Any]  # declared types by name


def types(route: Route) -> list[str]:
    """Return the media types as which a route's list can be got."""
    if route.method != "GET" or CSV in route.written or not columns(route):
        return []
    return [CSV, PARQUET]


def columns(route: Route) -> Columns:
    """Return the columns of a route's list; none where its items are no rows."""
    declared = route.operation.result
    row = get_args(declared)[0] if lists.is_declared(declared) else None
    return get_type_hints(row, include_extras=True) if is_typeddict(row) else {}


def answer(route: Route, result: Iterable[Any], kind: str, limit: int | None) -> Response:
    """Return a list as a file of a media type. ImportError where that needs what is not installed."""
    named = columns(route)
    rows = islice(result, limit)
    file = tempfile.TemporaryFile()
    try:
        size = (_write_csv if kind == CSV else _write_parquet)(file, rows, named)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    response = Response(_parts(file), content_type=f"{kind}; charset=utf-8" if kind == CSV else kind)
    response.content_length = size
    response.call_on_close(file.close)
    return response


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    while part := file.read(_CHUNK):
        yield part


def _write_csv(file: IO[bytes], rows: Iterable[Any], named: Columns) -> int:
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow(named)
    writer.writerows([_cell(row.get(name), named[name]) for name in named] for row in rows)
    text.flush()
    text.detach()
    return file.tell()


def _cell(value: Any, declared: Any) -> Any:
    plain = values.as_json(value, declared)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, (dict, list)) else plain


def _write_parquet(file: IO[bytes], rows: Iterable[Any], named: Columns) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ImportError("Parquet needs a package that is not installed: pip install 'counterpoise[export]'"
                          ) from None
    schema = pyarrow.schema([(name, _type(pyarrow, declared)) for name, declared in named.items()])
    remaining = iter(rows)
    with parquet.ParquetWriter(file, schema) as writer:
        while part := list(islice(remaining, ROWS)):
            arrays = [
                pyarrow.array([_value(row.get(name), field.type, named[name]) for row in part], field.type)
                for name, field in zip(named, schema, strict=True)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
    return file.tell()


def _type(pyarrow: Any, declared: Any) -> Any:
    """The type of a column: of instants, numbers and flags their own, of the rest texts."""
    if resulttypes.unit(declared) == "instant":
        return pyarrow.timestamp("s", tz="UTC")
    plain = {*_plain(declared)} - {type(None)}
    if plain == {bool}:
        return pyarrow.bool_()
    if plain == {int}:
        return pyarrow.int64()
    return pyarrow.float64() if plain and plain <= {int, float} else pyarrow.string()


def _plain(declared: Any) -> Iterator[Any]:
    """The plain types of which a value may be."""
    inner = get_args(declared)
    if get_origin(declared) is None or not inner:
        yield declared
    elif hasattr(declared, "__metadata__"):
        yield from _plain(inner[0])
    elif isinstance(get_origin(declared), type) and issubclass(get_origin(declared), Iterable):
        yield get_origin(declared)
    else:
        for part in inner:
            yield from _plain(part)


def _value(value: Any, kind: Any, declared: Any) -> Any:
    if value is None or not str(kind).startswith("string"):
        return int(value) if value is not None and str(kind).startswith("timestamp") else value
    cell = _cell(value, declared)
    return None if cell is None else str(cell)
