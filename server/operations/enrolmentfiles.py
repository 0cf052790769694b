"""Devices to enrol, from JSON and CSV files, and the enrolled ones as such a file."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, NotRequired, TypedDict

from server.devices import enrolment
from server.errors import Refused
from server.models import Device, Document, among, pages
from server.operations import textfiles
from server.operations.declaration import UINT32, UploadedFile
from server.resources import csvlines, table
from server.units import Lfdi

_ENTRY: dict[str, type] = {"lfdi": str, "pin": int, "name": str, "kind": str, "labels": dict, "manager": str,
                           "profile": str, "category": int}
COLUMNS = (["lfdi"], [key for key in _ENTRY if key != "lfdi"])  # required and optional
_TYPE_NAMES = {str: "text", int: "a whole number", dict: "an object"}


class ListedDevice(TypedDict):
    """What operators say of a device. `manager` is the LFDI of its aggregator, empty without one; `category`
    is its DeviceCategoryType bitmap, None where it is not known."""
    lfdi: Lfdi
    pin: NotRequired[str | None]
    name: str
    kind: str
    labels: dict[str, str]
    manager: Lfdi
    profile: str
    category: int | None


def listed(with_pins: bool) -> Iterator[ListedDevice]:
    """Yield all devices as `entries` takes them, aggregators before the devices that they manage."""
    kinds = ["EndDevice", "Registration"] if with_pins else ["EndDevice"]
    hrefs = [table.rows[kind].href for kind in kinds]
    for of_kind in (Device.kind == enrolment.AGGREGATOR, Device.kind != enrolment.AGGREGATOR):
        for page in pages.rows(Device.select().where(of_kind), Device.id):
            wanted = [href(device=device.id) for device in page for href in hrefs]
            documents = {document.href: document.submitted for document in among(
                Document.select(Document.href, Document.submitted), Document.href, wanted)}
            yield from (_listed(device, documents, with_pins) for device in page)


def _listed(device: Device, documents: dict[str, Any], with_pins: bool) -> ListedDevice:
    href = enrolment.href(device)
    category = documents[href].get("deviceCategory")
    entry: ListedDevice = {
        "lfdi": device.lfdi, "name": device.name, "kind": device.kind, "labels": device.labels,
        "manager": device.manager, "profile": device.profile,
        "category": None if category is None else int(category, 16)}
    if with_pins:
        registration = documents.get(f"{href}/rg")
        entry["pin"] = f"{registration['pIN']:06d}" if registration else None
    return entry


def as_csv(devices: Iterable[ListedDevice]) -> Iterator[str]:
    """Yield the lines of devices as CSV. Refused (409) where a label cannot be written in a cell."""
    remaining = iter(devices)
    first = list(islice(remaining, 1))
    columns = [column for column in _ENTRY if column != "pin" or any("pin" in device for device in first)]
    return csvlines.lines(columns, (_cells(device, columns) for device in chain(first, remaining)))


def _cells(device: ListedDevice, columns: list[str]) -> dict[str, str]:
    labels = csvlines.joined(device["labels"])
    try:
        same = csvlines.pairs(labels, "") == device["labels"]
    except Refused:
        same = False
    if not same:
        raise Refused(409, f"device {device['lfdi']}: its labels cannot be written as CSV; use --json")
    category = "" if device["category"] is None else f"0x{device['category']:X}"
    row = {"lfdi": device["lfdi"], "pin": device.get("pin") or "", "name": device["name"],
           "kind": device["kind"], "labels": labels, "manager": device["manager"],
           "profile": device["profile"], "category": category}
    return {column: row[column] for column in columns}


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
    rows = csvlines.table(text, name, *COLUMNS).rows
    return [of_cells(position, cells) for position, cells in rows]


def of_cells(position: str, cells: dict[str, str]) -> dict[str, Any]:
    """Return a device of the cells of a line. Refused (400) where it is none."""
    entry: dict[str, Any] = {column: cell for column, cell in cells.items() if cell}
    if "lfdi" not in entry:
        raise Refused(400, f"{position}: it has no lfdi")
    if "pin" in entry:
        entry["pin"] = _whole(entry["pin"], f"{position}: its pin")
    if "category" in entry:
        entry["category"] = _whole(entry["category"], f"{position}: its category")
    if "labels" in entry:
        entry["labels"] = csvlines.pairs(entry["labels"], position)
    return entry


def _whole(text: str, subject: str) -> int:
    """Return a number in decimal digits, or in hexadecimal ones after 0x."""
    hexadecimal = text[:2].lower() == "0x"
    digits = text[2:] if hexadecimal else text
    try:
        number = int(digits, 16 if hexadecimal else 10) if digits.isalnum() and len(digits) < 20 else -1
    except ValueError:
        number = -1
    if not 0 <= number <= UINT32:
        raise Refused(400, f"{subject} is not a whole number up to {UINT32}")
    return number


def _of_json(text: str, name: str) -> list[dict[str, Any]]:
    try:
        devices = [{key: value for key, value in entry.items() if value is not None}
                  for entry in json.loads(text)]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(400, f"{name}: this is neither a JSON list of objects with an lfdi ({error}) nor CSV "
                           "with a column lfdi") from None
    for number, entry in enumerate(devices, 1):
        if isinstance(entry.get("pin"), str) and entry["pin"].isdecimal() and len(entry["pin"]) < 20:
            entry["pin"] = int(entry["pin"])  # as `device export-list --json` writes it
        if "lfdi" not in entry:
            raise Refused(400, f"{name}, device {number}: it has no lfdi")
        for key, kind in _ENTRY.items():
            if not isinstance(entry.get(key, kind()), kind) or key == "category" and not (
                    0 <= entry.get(key, 0) <= UINT32):
                raise Refused(400, f"{name}, device {number}: its {key} is not {_TYPE_NAMES[kind]}")
        _check_texts(entry, f"{name}, device {number}")
    return devices


def _check_texts(entry: Mapping[str, Any], position: str) -> None:
    """Refuse (400) labels that are none, and texts that cannot be stored."""
    labels = entry.get("labels", {})
    if not all(value is None or isinstance(value, str) for value in labels.values()):
        raise Refused(400, f"{position}: its labels are not an object of texts")
    for text in (*entry.values(), *labels, *labels.values()):
        if isinstance(text, str) and not textfiles.is_storable(text):
            raise Refused(400, f"{position}: {text!r} has a character that is none of a text")
