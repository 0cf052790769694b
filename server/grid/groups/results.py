"""What the operator functions of this package return; the values are plain dicts."""
from __future__ import annotations

from typing import NotRequired, TypedDict

from server.units import Elements, Href, Lfdi, Watts


class VderSummary(TypedDict):
    """A virtual DER in brief; `device` is set where it is the virtual DER of a single device."""
    id: int
    name: str
    purpose: str
    parent: str | None
    primacy: int
    rule: str
    program: Href
    import_limit_w: Watts | None
    export_limit_w: Watts | None
    device: Lfdi | None
    members: int


class VderRow(VderSummary):
    """A row of the tree of virtual DERs; `depth` is 0 at the top."""
    depth: int


class SplitVder(TypedDict):
    """A virtual DER that was split by a label: its children, by the values of that."""
    vder: str
    label: str
    children: list[str]


class VderMember(TypedDict):
    """A member of a virtual DER; `listed` if it was added by name."""
    id: int
    lfdi: Lfdi
    name: str
    kind: str
    listed: bool


class VderDetails(VderSummary):
    """A virtual DER with its members and its DefaultDERControl."""
    children: list[str]
    default: Elements | None
    devices: list[VderMember]
    warnings: NotRequired[list[str]]


class DeviceSummary(TypedDict):
    """A device in brief."""
    id: int
    name: str
    kind: str
    lfdi: Lfdi


class MemberRow(DeviceSummary):
    """A member; `added_by` is "name" (it is listed) or "rule or child"."""
    added_by: str


class ConflictRow(DeviceSummary):
    """A device that would be dispatched through more than one virtual DER (`vders`) of an area."""
    area: str
    vders: list[str]


class ReplacedFields(TypedDict, total=False):
    """Those fields of a device that were replaced, with their old values; None for a label that is new."""
    name: str
    kind: str
    labels: dict[str, str | None]


class RelabelledDevice(DeviceSummary):
    """A device that an import changed (`before` are the old values)."""
    labels: dict[str, str]
    before: ReplacedFields


class MembersImport(TypedDict):
    """An import of a member file; `changed` are the devices of which labels, name or kind changed."""
    vder: str
    file: str
    lines: int
    dry_run: bool
    changed: list[RelabelledDevice]
    added: list[DeviceSummary]
