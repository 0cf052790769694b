"""The version of an IdentifiedObject, which rises with every change of it (the schema's VersionType).

An event is never edited but for its status, which is no version of it. What is a copy of what devices submit
(the column `copied` of the table) has the version that they state.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from server.resources import events, hexbinary, schema, table
from server.resources.hooks import Change

Data = dict[str, Any]
_COUNT = 1 << 16  # versions are UInt16


def count(changes: Sequence[Change]) -> None:
    """Give documents of one kind that an operator changes the next version, unless that is stated."""
    kind = changes[0].kind
    row = table.rows.get(kind)
    if kind in events.KINDS or "version" not in schema.type_spec(kind).by_key or row and row.copied:
        return
    for change in changes:
        if change.caller is None and change.old is not None:
            version = change.old.get("version", 0)
            has_changed = _content(change.data) != _content(change.old)
            if has_changed and change.data.get("version", version) == version:
                change.data["version"] = (version + 1) % _COUNT
            elif version:
                change.data.setdefault("version", version)


def _content(data: Data) -> Any:
    return hexbinary.comparable({key: value for key, value in data.items() if key != "version"})
