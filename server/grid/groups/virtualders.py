"""Virtual DERs: a tree of groups, each of which publishes a DERProgram.

A virtual DER is identified by its name or number. Functions return dicts that can be printed as a table or as
JSON, and raise `Refused` with an HTTP status. A change is one transaction; members join and leave in further
ones (see membershipwork).
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from server import audit, clock, scopes
from server.config import settings
from server.errors import Refused
from server.grid.groups import assignmentlimits, membershipwork, programs, rulehints, vdervalidation
from server.grid.groups.membershipwork import ListChange, Progress
from server.grid.groups.results import VderDetails, VderRow, VderSummary
from server.grid.groups.tree import Tree
from server.models import Device, Membership, VirtualDER, pages
from server.resources import namehints, sql, store
from server.resources.hooks import seed
from server.units import Lfdi, Watts

PRIMACY = 100  # among the user-defined values 65-191
_REMAINS = "devices are still joining or leaving: the worker goes on, if who asked for it has ended"
_CHECKS: dict[str, Callable[[Any], Any]] = {  # of fields that do not depend on others
    "rule": vdervalidation.check_rule,
    "primacy": vdervalidation.check_primacy,
    "purpose": str,
    "import_limit_w": vdervalidation.check_limit,
    "export_limit_w": vdervalidation.check_limit,
}


def _state(vder: str | int | VirtualDER) -> dict[str, Any]:
    """Return what the audit log records of a virtual DER: its fields, and the LFDIs of its listed members, as
    soon as they have joined."""
    # read again, since the caller's row may have changes that are not saved
    row = find(vder.id if isinstance(vder, VirtualDER) else vder)
    summary: dict[str, Any] = {**describe(row)}
    del summary["members"]  # they join later
    return {**summary, "listed": sorted(membershipwork.listed(row).values())}


def create(
    name: str,
    rule: str = "",
    parent: str | int | None = None,
    primacy: int | None = None,
    purpose: str = "",
    members: Iterable[str] = (),
    import_limit_w: Watts | None = None,
    export_limit_w: Watts | None = None,
    progress: Progress | None = None,
) -> VderDetails:
    """Create a virtual DER and publish its program.

    `members` are devices (LFDI, SFDI, number or name) that are added by name. `primacy` is by default one
    stronger than the parent's, since the smaller group knows its devices better. The limits are the most
    power (magnitudes) that all members together may consume and inject; None means no limit. Members join in
    further transactions (see membershipwork); `progress(done, total)` is called after each.
    """
    vder = new(name, rule, parent, primacy, purpose, import_limit_w, export_limit_w)
    added = membershipwork.list_changes(add=members)
    membershipwork.check([vder], added)
    record_new(vder, added)
    membershipwork.finish(vder.id, progress)
    return _with_warnings(vder)


def new(
    name: str,
    rule: str = "",
    parent: str | int | None = None,
    primacy: int | None = None,
    purpose: str = "",
    import_limit_w: Watts | None = None,
    export_limit_w: Watts | None = None,
    number: int = -1,
) -> VirtualDER:
    """Return a virtual DER, checked and not saved; for the arguments see `create`. `number` is its number
    until then, none that another has."""
    parent_vder = find(parent) if parent is not None else None
    if primacy is None:
        primacy = PRIMACY if parent_vder is None else programs.default_primacy(parent_vder)
    vder = VirtualDER(
        id=number,
        name=vdervalidation.check_name(name),
        rule=vdervalidation.check_rule(rule),
        parent=parent_vder,
        primacy=vdervalidation.check_primacy(primacy),
        purpose=purpose,
        created_at=clock.now(),
        import_limit_w=vdervalidation.check_limit(import_limit_w),
        export_limit_w=vdervalidation.check_limit(export_limit_w),
    )
    vdervalidation.check_parent(vder, parent_vder)
    return vder


@audit.audited("vder create", "{name}", answer=_state)
def record_new(vder: VirtualDER, added: Sequence[ListChange] = ()) -> VirtualDER:
    """Save a new virtual DER, which was checked, and publish its program; note who joins it."""
    with store.transaction():
        vdervalidation.check_name(vder.name)  # again: others may have made or moved one
        vdervalidation.check_parent(vder, find(vder.parent_id) if vder.parent_id is not None else None)
        del vder.__data__["id"]
        programs.publish(vder)
        if vder.rule:
            membershipwork.record_rule(vder)
        membershipwork.record_changes(vder, added)
    return vder


def update(
    vder: str | int | VirtualDER,
    *,
    name: str | None = None,
    rule: str | None = None,
    parent: str | int | None = None,
    primacy: int | None = None,
    purpose: str | None = None,
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    import_limit_w: Watts | None = None,
    export_limit_w: Watts | None = None,
    progress: Progress | None = None,
) -> VderDetails:
    """Change fields and listed members of a virtual DER; None leaves a field as it is.

    `parent=""` moves it to the top, a limit of infinity removes the limit. `add` and `remove` name devices.
    Refused (409) for a device to remove that is not listed: the rule or a child brings it. Members join and
    leave in further transactions (see membershipwork); `progress(done, total)` is called after each.
    """
    given = {"name": name, "rule": rule, "parent": parent, "primacy": primacy, "purpose": purpose,
             "import_limit_w": import_limit_w, "export_limit_w": export_limit_w}
    fields = {field: value for field, value in given.items() if value is not None}
    row = _changed(vder, fields)
    changes = membershipwork.list_changes(add, remove)
    membershipwork.check_listed(row, changes)
    membershipwork.check([row], changes)
    _record_update(row.id, fields, changes)
    membershipwork.finish(row.id, progress)
    return _with_warnings(find(row.id))


@audit.audited("vder update", "{name}", state=_state)
def _record_update(vder: int, fields: dict[str, Any], changes: Sequence[ListChange]) -> None:
    with store.transaction():
        row = _changed(vder, fields)
        membershipwork.check_listed(row, changes)
        programs.publish(row)
        if "rule" in fields or "parent" in fields:
            membershipwork.record_rule(row)
        membershipwork.record_changes(row, changes)


def _changed(vder: str | int | VirtualDER, fields: dict[str, Any]) -> VirtualDER:
    """Return a virtual DER as it is now stored, with other fields, which are checked. Nothing is saved."""
    row = find(vder.id if isinstance(vder, VirtualDER) else vder)
    vdervalidation.check_stays(row)
    if fields.get("name", row.name) != row.name:
        row.name = vdervalidation.check_name(fields["name"])
    if "parent" in fields:
        parent = find(fields["parent"]) if fields["parent"] != "" else None
        vdervalidation.check_parent(row, parent)
        row.parent = parent
    for field in _CHECKS.keys() & fields.keys():
        setattr(row, field, _CHECKS[field](fields[field]))
    return row


def _with_warnings(vder: VirtualDER) -> VderDetails:
    details = show(vder)
    hints = [*rulehints.warnings(vder.rule, details["members"]), *assignmentlimits.warnings(vder)]
    return {**details, "warnings": [*details.get("warnings", ()), *hints]}


def delete(vder: str | int | VirtualDER, force: bool = False, progress: Progress | None = None) -> None:
    """Delete a virtual DER with its programs, once its members have left it, as they do after an update.

    Refused (409) while it has children or, unless forced, controls that are scheduled or active.
    """
    row = find(vder.id if isinstance(vder, VirtualDER) else vder)
    if not row.deleting:  # else somebody began to, and ended
        vdervalidation.check_deletion(row, force)
        leaving = [ListChange(device, False) for device in members(row)]
        row.rule = ""
        membershipwork.check([row], leaving)
        _record_deletion(row.id, force)
    membershipwork.finish(row.id, progress)


@audit.audited("vder delete", "{name}", state=lambda vder: None if find(vder).deleting else _state(vder))
def _record_deletion(vder: int, force: bool) -> None:
    with store.transaction():
        row = find(vder)
        vdervalidation.check_deletion(row, force)
        membershipwork.record_deletion(row)


def list_vders(single: bool = False) -> Iterator[VderRow]:
    """Yield all virtual DERs, parents before children; with `single` then those of a single device."""
    tree = Tree.read(order=VirtualDER.name)
    counts = _member_counts(tree.vders)
    top = scopes.top()
    for vder, depth in tree.walk(top.id if top is not None else None):
        above = tree.vders[vder.parent_id].name if depth and vder.parent_id is not None else None
        yield {**_summary(vder, above, None, counts.get(vder.id, 0)), "depth": depth}
    of_devices = VirtualDER.select(VirtualDER, Device.lfdi).join(Device).objects()
    for page in pages.rows(scopes.vders(of_devices), VirtualDER.id) if single else ():
        counts = _member_counts(vder.id for vder in page)
        for row in page:
            yield {**_summary(row, None, row.lfdi, counts.get(row.id, 0)), "depth": 0}


def _member_counts(vders: Iterable[int]) -> dict[int, int]:
    return dict(sql.among(
        "SELECT vder_id, count(*) FROM membership WHERE vder_id IN ({}) GROUP BY vder_id", vders))


def show(vder: str | int | VirtualDER) -> VderDetails:
    """Return a virtual DER with its members and its default control."""
    row = find(vder)
    memberships = (
        Membership.select(Device, Membership.listed)
        .join(Device)
        .where(Membership.vder == row)
        .order_by(Device.id)
    )
    remains: Any = {"warnings": [_REMAINS]} if membershipwork.remains(row) else {}
    return {
        **describe(row),
        **remains,
        "children": [child.name for child in row.children.order_by(VirtualDER.name)],
        "default": programs.default(row),
        "devices": [
            {
                "id": membership.device.id,
                "lfdi": membership.device.lfdi,
                "name": membership.device.name,
                "kind": membership.device.kind,
                "listed": membership.listed,
            }
            for membership in memberships
        ],
    }


def describe(vder: VirtualDER) -> VderSummary:
    """Return a virtual DER in brief."""
    return _summary(vder, vder.parent.name if vder.parent is not None and vder != scopes.top() else None,
                    vder.device.lfdi if vder.device is not None else None, members(vder).count())


def _summary(vder: VirtualDER, parent: str | None, lfdi: Lfdi | None, count: int) -> VderSummary:
    return {
        "id": vder.id,
        "name": vder.name,
        "purpose": vder.purpose,
        "parent": parent,
        "primacy": vder.primacy,
        "rule": vder.rule,
        "program": vder.program,
        "import_limit_w": vder.import_limit_w,
        "export_limit_w": vder.export_limit_w,
        "device": lfdi,
        "members": count,
    }


def find(vder: str | int | VirtualDER) -> VirtualDER:
    """Return the virtual DER of this name or number. Refused (404) where there is none, or none that is
    visible."""
    if isinstance(vder, VirtualDER):
        return vder
    text = str(vder)
    row = VirtualDER.get_or_none(
        (VirtualDER.id == int(text)) if text.isdecimal() and len(text) < 19 else (VirtualDER.name == text)
    )
    if row is None or not scopes.sees_vder(row.id):
        others = scopes.vders(VirtualDER.select(VirtualDER.name).where(VirtualDER.device.is_null()))
        raise Refused(404, f"there is no virtual DER {text!r}"
                           f"{namehints.meant(text, [other.name for other in others])}")
    return row


def members(vder: VirtualDER) -> Any:
    """Return the devices in a virtual DER, directly or through its children, as a query."""
    return Device.select().join(Membership).where(Membership.vder == vder).order_by(Device.id)


@seed
def _seed_default() -> None:
    """Create the virtual DER that newly enrolled devices join, if the settings name one."""
    if (
        settings.default_vder
        and not VirtualDER.select().where(VirtualDER.name == settings.default_vder).exists()
    ):
        create(settings.default_vder, purpose="default")
