"""Members of virtual DERs: listed, added, removed, imported from a file; conflicts of dispatch."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from server import audit, clock
from server.devices import enrolment, names
from server.differences import difference
from server.errors import Refused
from server.grid.groups import activeareas, dispatchgroups, virtualders
from server.grid.groups.results import ConflictRow, DeviceSummary, MemberRow, MembersImport, RelabelledDevice
from server.models import Device, Membership, VirtualDER
from server.models.pages import Pages
from server.resources import csvlines, dryrun

COLUMNS = ("device", "name", "kind", "labels")


class Line(NamedTuple):
    """A line of a member file: its position, for messages, the device to add, its new name, kind and labels.

    None leaves name or kind as it is; a label of None is removed.
    """
    position: str
    device: str
    name: str | None
    kind: str | None
    labels: dict[str, str | None]


def list_members(vder: str | int | VirtualDER) -> Pages[MemberRow]:
    """Return the members of a virtual DER, and whether each was added by name or by a rule or child."""
    members = Device.select(Device, Membership.device, Membership.listed).join(Membership).where(
        Membership.vder == virtualders.find(vder)).objects()
    return Pages(members, Membership.device, lambda devices: map(_member, devices))


def _member(device: Any) -> MemberRow:
    return {**_summary(device), "added_by": "name" if device.listed else "rule or child"}


def _summary(device: Device) -> DeviceSummary:
    return {"id": device.id, "name": device.name, "kind": device.kind, "lfdi": device.lfdi}


def validate(area: str | int | VirtualDER | None = None) -> list[ConflictRow]:
    """Return the conflicts of an area, or of all trees, as rows; and devices that several active areas share,
    with these areas as their virtual DERs."""
    tops = VirtualDER.select().where(VirtualDER.parent.is_null() & VirtualDER.device.is_null())
    areas = list(tops.order_by(VirtualDER.name)) if area is None else [virtualders.find(area)]
    return [
        {"area": vder.name, **_summary(device), "vders": names}
        for vder in areas
        for device, names in (*dispatchgroups.conflicts(vder), *activeareas.sharing(vder, clock.now()))
    ]


def load(vder: str | int | VirtualDER, text: str, source: str, dry_run: bool = False) -> MembersImport:
    """Add all devices of a CSV file to a virtual DER and relabel them, or do nothing.

    `read` describes the columns. With `dry_run` the change is rolled back. Refused (400, 404, 409) with
    `source`, the name of the file, and the line.
    """
    return put(vder, read(text, source), source, dry_run)


def read(text: str, source: str) -> list[Line]:
    """Return the lines of the text of a CSV file with a header. Refused (400) with `source` and the line.

    The columns are `device` (LFDI, SFDI, name or number) and optionally `name`, `kind` and `labels`
    ("feeder=F12 phase=a"; "phase=" removes one). An empty cell changes nothing.
    """
    rows = csvlines.table(text, source, COLUMNS[:1], COLUMNS[1:]).rows
    return [_line(position, dict.fromkeys(COLUMNS, "") | cells) for position, cells in rows]


def _line(position: str, cells: dict[str, str]) -> Line:
    if not cells["device"]:
        raise Refused(400, f"{position}: it names no device")
    labels: dict[str, str | None] = {
        name: value or None for name, value in csvlines.pairs(cells["labels"], position).items()}
    return Line(position, cells["device"], cells["name"] or None, cells["kind"] or None, labels)


def _state(vder: str | int | VirtualDER) -> dict[str, Any]:
    """Return what the audit log records: a virtual DER's name and the LFDIs of its listed members."""
    row = virtualders.find(vder)
    listed = Device.select(Device.lfdi).join(Membership).where((Membership.vder == row) & Membership.listed)
    return {"vder": row.name, "listed": sorted(device.lfdi for device in listed)}


def _state_of_result(result: MembersImport) -> dict[str, Any]:
    state = _state(result["vder"])
    if result["added"] or result["changed"]:
        state |= {"file": result["file"], "changed": result["changed"]}
    return state


@audit.audited("vder members import", "{vder}", state=_state, answer=_state_of_result)
def put(
    vder: str | int | VirtualDER, lines: Iterable[Line], source: str, dry_run: bool = False
) -> MembersImport:
    """Add the devices of these lines to a virtual DER and relabel them, or do nothing.

    `source` is the name of their file. Refused (404, 409) with the position of the line.
    """
    row = virtualders.find(vder)
    with dryrun.transaction(dry_run):
        listed = {member["id"] for member in list_members(row) if member["added_by"] == "name"}
        devices, changed = _relabel_all(lines)
        virtualders.update(row, add=[device.lfdi for device in devices])
        result: MembersImport = {
            "vder": row.name,
            "file": source,
            "lines": len(devices),
            "dry_run": dry_run,
            "changed": changed,
            "added": [_summary(device) for device in devices if device.id not in listed],
        }
    return result


def _relabel_all(lines: Iterable[Line]) -> tuple[list[Device], list[RelabelledDevice]]:
    """Relabel the devices of the lines; return all of them, and those that changed."""
    devices: dict[int, Device] = {}
    changed: list[RelabelledDevice] = []
    for line in lines:
        try:
            device = enrolment.find(line.device)
            if device.id in devices:
                raise Refused(409, f"{line.device} is named twice")
            devices[device.id] = _relabelled(device, line)
        except Refused as refused:
            raise Refused(refused.status, f"{line.position}: {refused.why}") from None
        before, after = _labelled(device), _labelled(devices[device.id])
        if after != before:
            changed.append({**_summary(devices[device.id]), "labels": devices[device.id].labels,
                            "before": difference(before, after)[0]})
    enrolment.relabel_all([devices[row["id"]] for row in changed])
    return list(devices.values()), changed


def _relabelled(device: Device, line: Line) -> Device:
    """Return a device's row with the labels, name and kind that a line has."""
    kind = None if line.kind is None else names.check_kind(line.kind)
    return enrolment.renamed(device, line.labels, line.name, kind)


def _labelled(device: Device) -> dict[str, Any]:
    return {**_summary(device), "labels": device.labels}


@audit.audited("vder members add", "{vder}", state=_state)
def add(vder: str | int | VirtualDER, devices: Iterable[str]) -> list[MemberRow]:
    """Add devices by name; return all members afterwards."""
    virtualders.update(vder, add=devices)
    return list(list_members(vder))


@audit.audited("vder members remove", "{vder}", state=_state)
def remove(vder: str | int | VirtualDER, devices: Iterable[str]) -> list[MemberRow]:
    """Remove devices that were added by name; return all members afterwards."""
    virtualders.update(vder, remove=devices)
    return list(list_members(vder))
