"""Members of virtual DERs: listed, added, removed, imported from a file; conflicts of dispatch."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from server import audit, clock
from server.devices import enrolment, names
from server.differences import difference
from server.errors import Refused
from server.grid.groups import activeareas, dispatchgroups, membershipwork, virtualders
from server.grid.groups.membershipwork import ListChange, Progress
from server.grid.groups.results import ConflictRow, DeviceSummary, MemberRow, MembersImport, RelabelledDevice
from server.models import Device, Membership, VirtualDER
from server.models.devices import DEVICE_SORTS
from server.models.pages import Pages
from server.resources import csvlines, store

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
    return Pages(members, Membership.device, lambda devices: map(_member, devices),
                 sorts={name: DEVICE_SORTS[name] for name in ("id", "name", "kind", "lfdi")})


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


def load(
    vder: str | int | VirtualDER, text: str, source: str, dry_run: bool = False,
    progress: Progress | None = None,
) -> MembersImport:
    """Add all devices of a CSV file to a virtual DER and relabel them, or do nothing.

    `read` describes the columns, `put` the rest. Refused (400, 404, 409) with `source`, the name of the file,
    and the line.
    """
    return put(vder, read(text, source), source, dry_run, progress)


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
    """Return what the audit log records: a virtual DER's name and the LFDIs of its listed members, as soon as
    they have joined."""
    row = virtualders.find(vder)
    return {"vder": row.name, "listed": sorted(membershipwork.listed(row).values())}


def _state_of_result(result: MembersImport) -> dict[str, Any]:
    state = _state(result["vder"])
    if result["added"] or result["changed"]:
        state |= {"file": result["file"], "changed": result["changed"]}
    return state


def put(
    vder: str | int | VirtualDER, lines: Iterable[Line], source: str, dry_run: bool = False,
    progress: Progress | None = None,
) -> MembersImport:
    """Add the devices of these lines to a virtual DER and relabel them, or do nothing.

    `source` is the name of their file. With `dry_run` nothing is written. Refused (404, 409) with the
    position of the line. All is checked and noted in one transaction, and done in further ones (see
    membershipwork); `progress(done, total)` is called after each.
    """
    row = virtualders.find(vder)
    if not dry_run:
        membershipwork.finish(row.id)  # what is noted for a device is not replaced by this
    changes, changed = _changes(lines)
    membershipwork.check([row], changes)
    listed = membershipwork.listed(row)
    result: MembersImport = {
        "vder": row.name,
        "file": source,
        "lines": len(changes),
        "dry_run": dry_run,
        "changed": changed,
        "added": [_summary(change.device) for change in changes if change.device.id not in listed],
    }
    if not dry_run:
        _record_import(row, changes, result)
        membershipwork.finish(row.id, progress)
    return result


@audit.audited("vder members import", "{vder}", state=_state, answer=_state_of_result)
def _record_import(vder: VirtualDER, changes: Sequence[ListChange], result: MembersImport) -> MembersImport:
    with store.transaction():
        membershipwork.record_changes(vder, changes)
    return result


def _changes(lines: Iterable[Line]) -> tuple[list[ListChange], list[RelabelledDevice]]:
    """Return the changes that the lines ask for, and the devices that are relabelled by them."""
    changes: dict[int, ListChange] = {}
    changed: list[RelabelledDevice] = []
    for line in lines:
        try:
            device = enrolment.find(line.device)
            if device.id in changes:
                raise Refused(409, f"{line.device} is named twice")
            relabel = {"labels": line.labels, "name": line.name,
                       "kind": None if line.kind is None else names.check_kind(line.kind)}
            relabelled = membershipwork.relabelled(device, relabel)
        except Refused as refused:
            raise Refused(refused.status, f"{line.position}: {refused.why}") from None
        before, after = _labelled(device), _labelled(relabelled)
        changes[device.id] = ListChange(relabelled, True, relabel if after != before else None)
        if after != before:
            changed.append({**_summary(relabelled), "labels": relabelled.labels,
                            "before": difference(before, after)[0]})
    return list(changes.values()), changed


def _labelled(device: Device) -> dict[str, Any]:
    return {**_summary(device), "labels": device.labels}


def add(
    vder: str | int | VirtualDER, devices: Iterable[str], progress: Progress | None = None
) -> list[MemberRow]:
    """Add devices by name; return all members afterwards."""
    return _change_list(vder, membershipwork.list_changes(add=devices), _record_added, progress)


def remove(
    vder: str | int | VirtualDER, devices: Iterable[str], progress: Progress | None = None
) -> list[MemberRow]:
    """Remove devices that were added by name; return all members afterwards."""
    return _change_list(vder, membershipwork.list_changes(remove=devices), _record_removed, progress)


def _change_list(
    vder: str | int | VirtualDER, changes: Sequence[ListChange],
    record: Callable[[VirtualDER, Sequence[ListChange]], None], progress: Progress | None,
) -> list[MemberRow]:
    row = virtualders.find(vder)
    membershipwork.check_listed(row, changes)
    membershipwork.check([row], changes)
    record(row, changes)
    membershipwork.finish(row.id, progress)
    return list(list_members(row))


def _record(vder: VirtualDER, changes: Sequence[ListChange]) -> None:
    with store.transaction():
        membershipwork.check_listed(vder, changes)
        membershipwork.record_changes(vder, changes)


_record_added = audit.audited("vder members add", "{vder}", state=_state)(_record)
_record_removed = audit.audited("vder members remove", "{vder}", state=_state)(_record)
