"""ReadingSet and Reading: rows that are served as documents (IEEE 2030.5-2018, 10.4)."""
from __future__ import annotations

import json
from typing import Any

from server import clock
from server.devices import access
from server.devices.requestcontext import Fragment, ListPage, RequestContext
from server.errors import Refused
from server.resources import codec, meterreadings, numbering, outbox, retrieve, sql, subscribability, table
from server.resources.hooks import Change, PostedReading, before, instead, on_readings
from server.units import Href, Instant

Data = dict[str, Any]
_FILLING = "F" * 24  # the mRID, before the enterprise number, of what still changes without a new version
_SETS = "SELECT number, mrid, start, duration_s, submitted, id FROM reading_set WHERE meter = ?"
_OF_SET = "FROM reading WHERE set_id = ? AND set_start = ?"


@before("PUT", "ReadingType")
def _check_type(change: Change) -> None:
    """Refuse (400) sub-intervals that do not divide the interval."""
    interval_s, part_s = (change.data.get(key) for key in ("intervalLength", "subIntervalLength"))
    if part_s and (interval_s or 0) % part_s:
        raise Refused(400, f"ReadingType/subIntervalLength: {part_s} does not divide the intervalLength, "
                           f"{interval_s}")


@instead("COUNT", "ReadingSetList")
def _counts(hrefs: list[Href]) -> dict[Href, int]:
    meters = {table.parent(href): href for href in hrefs}
    found = dict(sql.among(
        "SELECT meter, count(*) FROM reading_set WHERE meter IN ({}) GROUP BY meter", meters))
    return {href: found.get(meter, 0) for meter, href in meters.items()}


@instead("GET", "ReadingSetList")
def reading_sets(context: RequestContext) -> ListPage:
    """Return the sets of a MeterReading, newest first."""
    meter = table.parent(context.href)
    _check_visible(context, meter)
    start, after, limit = context.list_parameters
    condition, values = _later_than(after)
    rows = sql.rows(f"{_SETS}{condition} ORDER BY start DESC, mrid DESC LIMIT ? OFFSET ?",
                    meter, *values, limit, start)
    items = [
        ("ReadingSet", codec.fragment("ReadingSet", _set(f"{context.href}/{row[0]}", row), context.variant))
        for row in rows
    ]
    return ListPage("ReadingSetList", retrieve.Page(_counts([context.href])[context.href], items))


@instead("GET", "ReadingSet")
def reading_set(context: RequestContext) -> Fragment:
    """Return a set, without its readings."""
    return context.fragment("ReadingSet", _set(context.href, _find(context)))


@instead("GET", "ReadingList")
def readings(context: RequestContext) -> ListPage:
    """Return the readings of a set, in the order of their local IDs."""
    of_set = _key(_find(context))
    start, after, limit = context.list_parameters
    condition, values = _later_than(after)
    rows = sql.rows(
        f"SELECT number, start, duration_s, value, submitted {_OF_SET}{condition} "
        "ORDER BY sort, number LIMIT ? OFFSET ?", *of_set, *values, limit, start)
    items = []
    for number, *columns in rows:
        data = meterreadings.data(f"{context.href}/{number}", *columns) | subscribability.attribute("Reading")
        items.append(("Reading", codec.fragment("Reading", data, context.variant)))
    return ListPage("ReadingList", retrieve.Page(_count_readings(of_set), items))


@instead("GET", "Reading")
def reading(context: RequestContext) -> Fragment:
    """Return a reading; number 0 of set 0 is the newest of its MeterReading."""
    if context.parameters["span"] == context.parameters["reading"] == 0:
        meter = context.href.removesuffix("/rs/0/r/0")
        _check_visible(context, meter)
        row = meterreadings.latest(meter) or (0, 0, None, "{}")
    else:
        row = sql.row(
            f"SELECT start, duration_s, value, submitted {_OF_SET} AND number = ?",
            *_key(_find(context)),
            context.parameters["reading"],
        )
    if row is None:
        raise Refused(404, access.NOT_THERE)
    return context.fragment("Reading", meterreadings.data(context.href, *row))


@on_readings
def _tell_subscribers(meter: Href, readings: list[PostedReading], replaced_until: Instant | None) -> None:
    if outbox.watching():
        row = sql.row("SELECT audience FROM document WHERE href = ?", meter)
        if row is not None:
            outbox.measured(f"{meter}/rs", row[0], [reading.value for reading in readings])


def _later_than(after: int | None) -> tuple[str, list[int]]:
    """Return the SQL condition of the list parameter `a`, and its values."""
    return ("", []) if after is None else (" AND start > ?", [after])


def _key(row: tuple[Any, ...]) -> tuple[int, Instant]:
    """Return the id and the start of a set from its row (the columns of _SETS)."""
    return row[5], row[2]


def _count_readings(of_set: tuple[int, Instant]) -> int:
    return int(sql.row(f"SELECT count(*) {_OF_SET}", *of_set)[0])


def _check_visible(context: RequestContext, meter: str) -> None:
    """Refuse (404) a caller that does not see the MeterReading."""
    if retrieve.single(meter, context.caller.lfdi) is None:
        raise Refused(404, access.NOT_THERE)


def _find(context: RequestContext) -> tuple[Any, ...]:
    """Return the row (the columns of _SETS) of the set that the href names or is below."""
    meter = context.href.partition("/rs/")[0]
    _check_visible(context, meter)
    row = sql.row(f"{_SETS} AND number = ?", meter, context.parameters["span"])
    if row is None:
        raise Refused(404, access.NOT_THERE)
    columns: tuple[Any, ...] = row
    return columns


def _set(href: str, row: tuple[Any, ...]) -> Data:
    """Return the data of a set from its row (the columns of _SETS)."""
    _, mrid, start, duration_s, submitted, set_id = row
    number = f"{set_id:024X}" if start + duration_s <= clock.now() else _FILLING
    return {"href": href, "timePeriod": {"duration": duration_s, "start": start},
            "mRID": mrid or f"{number}{numbering.enterprise()}",
            "ReadingListLink": {"href": f"{href}/r", "all": _count_readings((set_id, start))},
            **json.loads(submitted)}
