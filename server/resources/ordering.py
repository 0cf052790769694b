"""The order of lists: the position of a document in its list, as bytes that sort alike. Pure."""
from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from server.resources import schema, table

Data = dict[str, Any]
_INVERTED = bytes(range(255, -1, -1))
# The paths of the time that the list parameter `a` is compared with, the first that a type has.
_TIMES = ("timePeriod/start", "interval/start", "intervalRequested/start", "createdDateTime", "creationTime",
          "effectiveTime", "changedTime")


class ListPosition(NamedTuple):
    """The columns of models.Document by which a document is found and ordered."""
    mrid: str | None
    sort: bytes
    at: int | None
    until: int | None


def list_position(kind: str, href: str, data: Data) -> ListPosition:
    """Return the position of a document."""
    match = table.match(href)
    order, time = _order(match.row.name if match else kind)  # a subtype is in the list of its type
    interval = data.get("interval")
    at = value_at(data, time) if time else None
    until = None
    if interval:
        until = interval["start"] + interval["duration"]
    mrid = schema.hexadecimal(data["mRID"], 32) if "mRID" in data else None
    return ListPosition(mrid, sort_key(order, href, data), at, until)


@lru_cache(maxsize=None)
def _order(kind: str) -> tuple[tuple[tuple[str, bool, str], ...], str | None]:
    """Return the order of a kind's list, as (path, descending, kind of value), and the path of its time."""
    row = table.rows.get(kind)
    above = row and next((other for other in table.rows.values()
                          if other.is_list and other.path == table.parent(row.path)), None)
    if row is None or above is None:
        return (), None
    spec = schema.type_spec(row.element)
    keys = []
    for step in above.order:
        path, descending = step.lstrip("-"), step.startswith("-")
        field = spec.field_at(path)
        if field is not None and path != "href":
            keys.append((path, descending, field.simple.kind))
    ordered_by = [path for path, _, _ in keys]
    times = sorted((path for path in _TIMES if spec.field_at(path)), key=lambda path: path not in ordered_by)
    return tuple(keys), times[0] if times else None


class Later(NamedTuple):
    """A condition on the column `sort`, or `at`, that selects the items of a list after an instant; its one
    parameter is what `value` makes of the instant."""
    condition: str
    first_key: bool
    descending: bool = False

    def value(self, after: int) -> int | bytes:
        """Return the parameter: the instant itself, or the bytes with which the keys after it begin."""
        if not self.first_key:
            return after
        part = _number(after if self.descending else after + 1)
        return part.translate(_INVERTED) if self.descending else part


def later(list_href: str) -> Later:
    """Return the condition for the items of a list after an instant.

    Where the list is in the order of their time, it is one on `sort`: the database begins, or ends, its way
    through the list there.
    """
    match = table.match(list_href)
    return _later(match.row.name) if match else Later("at > ?", False)


@lru_cache(maxsize=None)
def _later(list_name: str) -> Later:
    item = table.item(list_name)
    order, time = _order(item.name) if item is not None else ((), None)
    if not order or order[0][0] != time:
        return Later("at > ?", False)
    descending = order[0][1]
    return Later("sort < ?" if descending else "sort >= ?", True, descending)


def _number(value: int) -> bytes:
    return b"\x01" + (value + (1 << 63)).to_bytes(8, "big")


def value_at(data: Data, path: str) -> Any:
    """Return the value at a path inside data; None where there is none."""
    if "/" not in path:
        return data.get(path)
    value: Any = data
    for step in path.split("/"):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def sort_key(order: tuple[tuple[str, bool, str], ...], href: str, data: Data) -> bytes:
    """Return bytes in the order of the list: each key in turn, inverted where descending, then the number in
    the href."""
    parts = []
    for path, descending, kind in order:
        value = value_at(data, path)
        if value is None:
            part = b"\x00"
        elif kind in ("int", "bool"):
            part = _number(int(value))
        else:
            part = b"\x01" + str(value).encode().replace(b"\x00", b"\x00\xff") + b"\x00\x00"
        parts.append(part.translate(_INVERTED) if descending else part)
    return b"".join(parts) + table.number(href).to_bytes(8, "big")
