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

    In CSV, labels are written as "feeder=F12 phase=a". Null and an empty cell are the same as nothing.
    Refused (400) where an entry is not a device.
    """
    text = file.text()
    first = text.lstrip().partition("\n")[0].lower()
    if "lfdi" in first and not first.startswith(("[", "{")):
        return _of_csv(text, file.name)
    return _of_json(text, file.name)


def _of_csv(text: str, name: str) -> list[dict[str, Any]]:
    lines = csvlines.read(text, name).lines
    columns = [cell.strip().lower() for cell in lines[0][1]]
    unknown = [column for column in columns if column not in _ENTRY or columns.count(column) > 1]
    if unknown:
        raise Refused(400, f"{name}, line {lines[0][0]}: the columns are {', '.join(_ENTRY)}, once each; "
                           f"not {unknown[0]!r}")
    return [_csv_entry(f"{name}, line {number}", columns, cells)
            for number, cells in lines[1:] if not csvlines.is_blank(cells)]


def _csv_entry(position: str, columns: list[str], cells: list[str]) -> dict[str, Any]:
    if len(cells) != len(columns):
        raise Refused(400, f"{position}: {len(cells)} cells for {len(columns)} columns")
    entry: dict[str, Any] = {
        column: cell.strip() for column, cell in zip(columns, cells, strict=True) if cell.strip()}
    if "lfdi" not in entry:
        raise Refused(400, f"{position}: it has no lfdi")
    if "pin" in entry:
        if not entry["pin"].isdecimal():
            raise Refused(400, f"{position}: its pin is not a whole number")
        entry["pin"] = int(entry["pin"])
    if "labels" in entry:
        pairs = [pair.partition("=") for pair in entry["labels"].split()]
        if not all(label and value for label, _, value in pairs):
            raise Refused(400, f"{position}: its labels are not NAME=VALUE NAME=VALUE")
        entry["labels"] = {label: value for label, _, value in pairs}
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
