"""Who is put into a virtual DER by name, one by one or from a file; and whether each is dispatched through
one alone."""
from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from server import audit
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import dispatchgroups, virtualders
from server.models import Device, Membership, VirtualDER
from server.resources import store
from server.resources.dryrun import RolledBack

COLUMNS = ("device", "name", "kind", "labels")


class Line(NamedTuple):
    """A line of a file: who is to be put in, and what is to be said of it (None: what was said before)."""
    number: int
    device: str
    name: str | None
    kind: str | None
    labels: dict[str, str | None]


def list_members(vder: str | int | VirtualDER) -> list[dict[str, Any]]:
    """The members of a virtual DER; `by` is how they came to be: by name, or by a rule or a child."""
    found = virtualders.find(vder)
    rows = (
        Membership.select(Device, Membership.listed)
        .join(Device)
        .where(Membership.vder == found)
        .order_by(Device.id)
    )
    return [{**_brief(row.device), "by": "name" if row.listed else "rule or child"} for row in rows]


def _brief(device: Device) -> dict[str, Any]:
    return {"id": device.id, "name": device.name, "kind": device.kind, "lfdi": device.lfdi}


def conflicts(area: str | int | VirtualDER) -> list[tuple[Device, list[str]]]:
    """The devices of an area that would be dispatched through more than one of it, with the names of
    those."""
    return dispatchgroups.conflicts(virtualders.find(area))


def leaf_of(area: str | int | VirtualDER) -> dict[int, VirtualDER]:
    """By device, the virtual DER of an area through which it is dispatched. Refused (409) where there are
    several."""
    return dispatchgroups.dispatch_group_of(virtualders.find(area))


def validate(area: str | int | VirtualDER | None = None) -> list[dict[str, Any]]:
    """The conflicts of an area, or of all trees, as rows."""
    tops = VirtualDER.select().where(VirtualDER.parent.is_null() & VirtualDER.device.is_null())
    areas = list(tops.order_by(VirtualDER.name)) if area is None else [virtualders.find(area)]
    return [{"area": one.name, **_brief(device), "virtual DERs": names} for one in areas
            for device, names in dispatchgroups.conflicts(one)]


def load(vder: str | int | VirtualDER, file: Path, dry_run: bool = False) -> dict[str, Any]:
    """Put all devices of a CSV file into a virtual DER, and say of them what it says; all or none. For its
    columns see `read`. With `dry_run` it is taken back again. Refused (400, 404, 409) with the line."""
    return put(vder, read(file), str(file), dry_run)


def read(file: Path) -> list[Line]:
    """The lines of a CSV file with a header: `device` (LFDI, SFDI, name or number) and, where wanted, `name`,
    `kind` and `labels` ("feeder=F12 phase=a"; "phase=" takes one away). An empty cell changes nothing."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            rows = csv.DictReader(text, strict=True)
            _known_columns(file, list(rows.fieldnames or ()))
            return [_line(file, rows.line_num, row) for row in rows if any(row.values())]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Refused(400, f"{file}: {error}") from None


def _known_columns(file: Path, columns: list[str]) -> None:
    if "device" not in columns or not set(columns) <= set(COLUMNS) or len(set(columns)) < len(columns):
        raise Refused(
            400,
            f"{file}, line 1: the columns are device and, where wanted, {', '.join(COLUMNS[1:])}; "
            f"not {', '.join(map(repr, columns)) or 'none'}",
        )


def _line(file: Path, number: int, row: dict[str | None, Any]) -> Line:
    if None in row:
        raise Refused(400, f"{file}, line {number}: it has more cells than the first line")
    said = {name: (row.get(name) or "").strip() for name in COLUMNS}
    if not said["device"]:
        raise Refused(400, f"{file}, line {number}: it names no device")
    labels: dict[str, str | None] = {}
    for pair in said["labels"].split():
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise Refused(400, f"{file}, line {number}: {pair!r} is not NAME=VALUE")
        labels[name] = value or None
    return Line(number, said["device"], said["name"] or None, said["kind"] or None, labels)


def _state(vder: str | int | VirtualDER) -> dict[str, Any]:
    """A virtual DER's name, and what a file can change of it: who is in it by name."""
    found = virtualders.find(vder)
    rows = Device.select(Device.lfdi).join(Membership).where((Membership.vder == found) & Membership.listed)
    return {"vder": found.name, "by name": sorted(device.lfdi for device in rows)}


def _loaded(answer: dict[str, Any]) -> dict[str, Any]:
    changed = answer["added"] or answer["said"]
    return {**_state(answer["vder"]), **({"file": answer["file"], "said": answer["said"]} if changed else {})}


@audit.audited("vder members import", "{vder}", state=_state, answer=_loaded)
def put(
    vder: str | int | VirtualDER, lines: Iterable[Line], source: str, dry_run: bool = False
) -> dict[str, Any]:
    """Put the devices of these lines in, and say of them what the lines say; `source` is named where one is
    refused."""
    found = virtualders.find(vder)
    try:
        with store.transaction():
            had = {row["id"] for row in list_members(found) if row["by"] == "name"}
            devices: dict[int, Device] = {}
            said = []
            for line in lines:
                try:
                    device = enrolment.find(line.device)
                    if device.id in devices:
                        raise Refused(409, f"{line.device} is named twice")
                    devices[device.id] = device
                    if line.labels or line.name or line.kind:
                        said += _label(device, line)
                except Refused as refused:
                    raise Refused(refused.status, f"{source}, line {line.number}: {refused.why}") from None
            virtualders.update(found, add=[device.lfdi for device in devices.values()])
            answer = {
                "vder": found.name,
                "file": source,
                "lines": len(devices),
                "dry_run": dry_run,
                "said": said,
                "added": [_brief(device) for number, device in devices.items() if number not in had],
            }
            if dry_run:
                raise RolledBack(answer)
    except RolledBack as taken:
        return taken.answer
    return answer


def _label(device: Device, line: Line) -> list[dict[str, Any]]:
    """Say of a device what a line does; if that changed it, it as it is then, and what `was` otherwise
    before."""
    before = {**_brief(device), "labels": device.labels}
    enrolment.relabel(device, line.labels, line.name, line.kind)
    after = {**_brief(device), "labels": device.labels}
    return [{**after, "was": audit.difference(before, after)[0]}] if after != before else []


@audit.audited("vder members add", "{vder}", state=_state)
def add(vder: str | int | VirtualDER, devices: Iterable[str]) -> list[dict[str, Any]]:
    """Put devices in by name; the members as they are then."""
    virtualders.update(vder, add=devices)
    return list_members(vder)


@audit.audited("vder members remove", "{vder}", state=_state)
def remove(vder: str | int | VirtualDER, devices: Iterable[str]) -> list[dict[str, Any]]:
    """Take devices out that were put in by name; the members as they are then."""
    virtualders.update(vder, remove=devices)
    return list_members(vder)
