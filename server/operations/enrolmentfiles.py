"""Devices to enrol, from JSON and CSV files."""
from __future__ import annotations

import json
from typing import Any

from server.errors import Refused
from server.operations.declaration import UploadedFile
from server.resources import csvlines

_ENTRY: dict[str, type] = {"lfdi": str, "pin": int, "name": str, "kind": str, "labels": dict, "manager": str}
_TYPE_NAMES = {str: "text", int: "a whole number", dict: "an object"}


def entries(file: UploadedFile) -> list[dict[str, Any]]:
    """Return the devices of a file: a JSON list of objects, or CSV with the same names as columns.

    In CSV, labels are written as "feeder=F12 phase=a", a value with blanks in double quotes. Null and an
    empty cell are the same as nothing.
    Refused (400) where an entry is not a device.
    """
    text = file.text()
    first = text.lstrip().partition("\n")[0].lower()
    if "lfdi" in first and not first.startswith(("[", "{")):
        return _of_csv(text, file.name)
    return _of_json(text, file.name)


def _of_csv(text: str, name: str) -> list[dict[str, Any]]:
    required, *optional = _ENTRY
    rows = csvlines.table(text, name, [required], optional).rows
    return [_csv_entry(position, cells) for position, cells in rows]


def _csv_entry(position: str, cells: dict[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {column: cell for column, cell in cells.items() if cell}
    if "lfdi" not in entry:
        raise Refused(400, f"{position}: it has no lfdi")
    if "pin" in entry:
        if not entry["pin"].isdecimal():
            raise Refused(400, f"{position}: its pin is not a whole number")
        entry["pin"] = int(entry["pin"])
    if "labels" in entry:
        entry["labels"] = csvlines.pairs(entry["labels"], position)
    return entry


def _of_json(text: str, name: str) -> list[dict[str, Any]]:
    try:
        listed = [{key: value for key, value in entry.items() if value is not None}
                  for entry in json.loads(text)]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(400, f"{name}: this is neither a JSON list of objects with an lfdi ({error}) nor CSV "
                           "with a column lfdi") from None
    for number, entry in enumerate(listed, 1):
        if "lfdi" not in entry:
            raise Refused(400, f"{name}, device {number}: it has no lfdi")
        for key, kind in _ENTRY.items():
            if not isinstance(entry.get(key, kind()), kind):
                raise Refused(400, f"{name}, device {number}: its {key} is not {_TYPE_NAMES[kind]}")
    return listed
