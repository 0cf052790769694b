"""What follows from what was said: links with their counts, rates, places in lists, the state of events. Pure."""
from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from server.resources import events, schema, table
from server.resources.table import Row

Data = dict[str, Any]
REPLY_TO = "/rsps/1/rsp"
_TIMES = ("timePeriod/start", "interval/start", "intervalRequested/start", "createdDateTime", "creationTime",
          "effectiveTime")


class LinkTo(NamedTuple):
    """A link that a kind may hold, or has to: its key, the row it leads to, and the last step of the href."""
    key: str
    row: Row
    step: str
    required: bool


@lru_cache(maxsize=None)
def link_rows(kind: str) -> tuple[LinkTo, ...]:
    """The links that a resource holds to what stands below it: EndDevice -> DERListLink, RegistrationLink, …"""
    if kind not in table.rows:
        return ()
    known = schema.plan(table.rows[kind].element).by_key
    return tuple(LinkTo(key, row, row.path.rpartition("/")[2], known[key].required) for row in table.children(kind)
                 for key in (f"{row.name}Link", f"csipaus:{row.name}Link") if key in known)


def links(kind: str, href: str, counts: Mapping[str, int | None], present: set[str]) -> Data:
    """The derived links of a document.

    `counts` has the number of items by list href, None where each caller sees another; `present` the hrefs of the
    single resources that exist. A list always resolves, so its link is always there.
    """
    found: Data = {}
    for link in link_rows(kind):
        target = f"{href}/{link.step}"
        if link.row.is_list:
            count = counts.get(target, 0)
            found[link.key] = {"href": target} if count is None else {"href": target, "all": count}
        elif link.required or target in present:
            found[link.key] = {"href": target}
    return found


def complete(kind: str, href: str, stated: Data, extra: Data, ruled: Data) -> Data:
    """What is served: what was said, with `extra` where nothing was said, and `ruled` whatever was said."""
    known = schema.plan(kind).by_key
    data = {key: value for key, value in {**extra, **stated, **ruled}.items() if key in known or key not in extra}
    if "href" in known:
        data["href"] = href
    if is_event(kind):
        data.setdefault("responseRequired", "03")
    if int(data.get("responseRequired") or "0", 16) and "replyTo" in known:
        data.setdefault("replyTo", REPLY_TO)
    return data


@lru_cache(maxsize=None)
def is_event(kind: str) -> bool:
    """Whether documents of this kind follow the rules of events."""
    return kind in events.KINDS


def period(data: Data) -> tuple[int, int]:
    """The scheduled period of an event, [start, end)."""
    interval = data["interval"]
    return interval["start"], interval["start"] + interval["duration"]


class Place(NamedTuple):
    """Where a document stands among others; see models.Document."""
    mrid: str | None
    sort: bytes
    at: int | None
    until: int | None


def place(kind: str, href: str, data: Data) -> Place:
    """Its mRID, its place in its list and its times."""
    match = table.match(href)
    order, time = _order(match.row.name if match else kind)  # a subtype stands where its type does
    interval = data.get("interval")
    at = look(data, time) if time else None
    until = None
    if interval:
        until = interval["start"] + interval["duration"]
    mrid = schema.hexadecimal(data["mRID"], 32) if "mRID" in data else None
    return Place(mrid, sort_key(order, href, data), at, until)


@lru_cache(maxsize=None)
def _order(kind: str) -> tuple[tuple[tuple[str, bool, str], ...], str | None]:
    """The order of the list that a kind stands in, as (path, descending, simple kind), and the path of its time."""
    row = table.rows.get(kind)
    above = row and next((other for other in table.rows.values()
                          if other.is_list and other.path == table.parent(row.path)), None)
    if row is None or above is None:
        return (), None
    plan = schema.plan(row.element)
    keys = []
    for step in above.order:
        path, descending = step.lstrip("-"), step.startswith("-")
        field = plan.walk(path)
        if field is not None and path != "href":
            keys.append((path, descending, field.simple.kind))
    named = [path for path, _, _ in keys]
    times = sorted((path for path in _TIMES if plan.walk(path)), key=lambda path: path not in named)
    return tuple(keys), times[0] if times else None


def look(data: Data, path: str) -> Any:
    """The value at a path inside data, None where there is none."""
    value: Any = data
    for step in path.split("/"):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def sort_key(order: tuple[tuple[str, bool, str], ...], href: str, data: Data) -> bytes:
    """Bytes whose order is the list's: each key in turn, descending ones inverted, then the number in the href."""
    parts = []
    for path, descending, kind in order:
        value = look(data, path)
        if value is None:
            part = b"\x00"
        elif kind in ("int", "bool"):
            part = b"\x01" + (int(value) + (1 << 63)).to_bytes(8, "big")
        else:
            part = b"\x01" + str(value).encode().replace(b"\x00", b"\x00\xff") + b"\x00\x00"
        parts.append(bytes(255 - byte for byte in part) if descending else part)
    return b"".join(parts) + table.number(href).to_bytes(8, "big")


class Standing(NamedTuple):
    """What time has made of a document: see models.Document.standing and fresh_until; `status` is its EventStatus."""
    standing: int
    fresh_until: int | None
    status: Data | None = None


def interval_standing(at: int | None, until: int | None, now: int) -> Standing:
    """Of something with an interval that is no event: active while it lasts, listed for good."""
    if at is None or until is None:
        return Standing(0, None)
    if now < at:
        return Standing(0, at)
    return Standing(1, until) if now < until else Standing(0, None)


def event_standing(verdict: events.Verdict, reason: str | None) -> Standing:
    """Of an event, from the verdict on it."""
    standing = 2 if not verdict.listed else 1 if verdict.status == events.ACTIVE else 0
    return Standing(standing, verdict.next_change, events.event_status(verdict, reason))
