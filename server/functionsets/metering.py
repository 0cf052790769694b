"""ReadingSet and Reading: rows, served as the documents they were (IEEE 2030.5-2018, 10.4)."""
from __future__ import annotations

import json
from typing import Any

from flask import Response

from server.config import settings
from server.devices import access
from server.errors import Refused
from server.protocol.views import RequestContext
from server.resources import codec, meterreadings, retrieve, sql, table
from server.resources.hooks import before, instead, only_operator

Data = dict[str, Any]
_SETS = "SELECT number, mrid, start, duration_s, submitted, id FROM reading_set WHERE meter = ?"

for _method in ("PUT", "POST", "DELETE"):  # devices say it by their mirrors
    before(_method, "UsagePoint", "MeterReading", "ReadingType")(only_operator)


@instead("COUNT", "ReadingSetList")
def _count(href: str) -> int:
    return int(sql.row("SELECT count(*) FROM reading_set WHERE meter = ?", table.parent(href))[0])


@instead("GET", "ReadingSetList")
def sets(ask: RequestContext) -> Response:
    """The sets of a MeterReading, newest first."""
    meter = table.parent(ask.href)
    _visible(ask, meter)
    span = ask.span()
    after, more = ("", []) if span.after is None else (" AND start > ?", [span.after])
    rows = sql.rows(f"{_SETS}{after} ORDER BY start DESC, mrid DESC LIMIT ? OFFSET ?",
                    meter, *more, span.limit, span.start)
    items = [
        ("ReadingSet", codec.fragment("ReadingSet", _set(f"{ask.href}/{row[0]}", row), ask.edition))
        for row in rows
    ]
    return ask.list("ReadingSetList", retrieve.Page(_count(ask.href), items))


@instead("GET", "ReadingSet")
def one_set(ask: RequestContext) -> Response:
    """One set."""
    return ask.document("ReadingSet", _set(ask.href, _find(ask)))


@instead("GET", "ReadingList")
def values(ask: RequestContext) -> Response:
    """The readings of a set, in the order of their local IDs."""
    row, span = _find(ask), ask.span()
    after, more = ("", []) if span.after is None else (" AND start > ?", [span.after])
    found = sql.rows(
        "SELECT number, start, duration_s, value, submitted FROM reading WHERE set_id = ?"
        + after
        + " ORDER BY sort, number LIMIT ? OFFSET ?",
        row[5],
        *more,
        span.limit,
        span.start,
    )
    items = [
        ("Reading", codec.fragment("Reading", meterreadings.data(f"{ask.href}/{number}", *rest), ask.edition))
        for number, *rest in found
    ]
    total = int(sql.row("SELECT count(*) FROM reading WHERE set_id = ?", row[5])[0])
    return ask.list("ReadingList", retrieve.Page(total, items))


@instead("GET", "Reading")
def value(ask: RequestContext) -> Response:
    """One reading; number 0 of set 0 is the newest of its MeterReading."""
    if ask.parameters["span"] == ask.parameters["reading"] == 0:
        meter = ask.href.removesuffix("/rs/0/r/0")
        _visible(ask, meter)
        row = meterreadings.latest(meter) or (0, 0, None, "{}")
    else:
        row = sql.row(
            "SELECT start, duration_s, value, submitted FROM reading WHERE set_id = ? AND number = ?",
            _find(ask)[5],
            ask.parameters["reading"],
        )
    if row is None:
        raise Refused(404, access.NOT_THERE)
    return ask.document("Reading", meterreadings.data(ask.href, *row))


def _visible(ask: RequestContext, meter: str) -> None:
    if retrieve.single(meter, ask.who.lfdi) is None:
        raise Refused(404, access.NOT_THERE)


def _find(ask: RequestContext) -> tuple[Any, ...]:
    meter = ask.href.partition("/rs/")[0]
    _visible(ask, meter)
    row = sql.row(f"{_SETS} AND number = ?", meter, ask.parameters["span"])
    if row is None:
        raise Refused(404, access.NOT_THERE)
    return row


def _set(href: str, row: tuple[Any, ...]) -> Data:
    _, mrid, start, duration, stated, number = row
    count = int(sql.row("SELECT count(*) FROM reading WHERE set_id = ?", number)[0])
    return {"href": href, "timePeriod": {"duration": duration, "start": start},
            "mRID": mrid or f"{number:024X}{settings.enterprise:08X}",
            "ReadingListLink": {"href": f"{href}/r", "all": count}, **json.loads(stated)}
