"""Virtual DERs: a tree of groups, each of which publishes one DERProgram.

A virtual DER is told by its name or number. Functions return dicts fit to be shown or printed as JSON, and
refuse (`Refused`, with an HTTP status) what cannot be. Each change and all that follows from it is one
transaction.
"""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from server import audit, clock
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import assignments, dispatchgroups, drprograms, membershiprules
from server.grid.groups.tree import Tree
from server.models import Device, Membership, VirtualDER
from server.resources import store
from server.resources.hooks import Change, before, seed

PRIMACY = 100  # among the user-defined values 65-191
DEPTH = 32
TERAWATT = 1e12
_NAME = 32  # DERProgram.description is a String32


def _state(vder: str | int | VirtualDER) -> dict[str, Any]:
    """A virtual DER in brief, as it is kept, and who is in it by name."""
    found = find(vder.id if isinstance(vder, VirtualDER) else vder)
    listed = Device.select(Device.lfdi).join(Membership).where((Membership.vder == found) & Membership.listed)
    return {**describe(found), "by name": sorted(device.lfdi for device in listed)}


def _state_of(shown: dict[str, Any]) -> dict[str, Any]:
    return _state(shown["id"])


@audit.audited("vder create", "{name}", answer=_state_of)
def create(
    name: str,
    rule: str = "",
    parent: str | int | None = None,
    primacy: int | None = None,
    purpose: str = "",
    members: Iterable[str] = (),
    import_limit: float | None = None,
    export_limit: float | None = None,
) -> dict[str, Any]:
    """Create a virtual DER and publish its program. `members` are devices (LFDI, SFDI, number or name) put in
    by name; `primacy` is by default one stronger than the parent's, since who is nearer to a device knows
    better. The limits are the most that all members together may consume and inject, in W (None: no
    limit)."""
    with store.transaction(), dispatchgroups.refusing_new_conflicts():
        above = find(parent) if parent is not None else None
        if primacy is None:
            primacy = PRIMACY if above is None else max(above.primacy - 1, 0)
        vder = VirtualDER(
            name=_checked_name(name),
            rule=_checked_rule(rule),
            parent=above,
            primacy=_checked_primacy(primacy),
            purpose=purpose,
            created_at=clock.now(),
            import_limit_w=_checked_limit(import_limit),
            export_limit_w=_checked_limit(export_limit),
        )
        _check_parent(vder, above)
        _publish(vder)
        _put_in(vder, members)
        assignments.reconcile()
        return show(vder)


@audit.audited("vder update", "{name}", state=_state, answer=_state_of)
def update(vder: str | int | VirtualDER, *, name: str | None = None, rule: str | None = None,
           parent: str | int | None = None, primacy: int | None = None, purpose: str | None = None,
           add: Iterable[str] = (), remove: Iterable[str] = (), import_limit: float | None = None,
           export_limit: float | None = None) -> dict[str, Any]:
    """Change what is given and leave the rest; `parent=""` takes it to the top of a tree, a limit of infinity
    away. `add` and `remove` name devices; a device that the rule or a child brings cannot be removed by
    name."""
    with store.transaction(), dispatchgroups.refusing_new_conflicts():
        found = find(vder)
        if name is not None and name != found.name:
            found.name = _checked_name(name)
        if rule is not None:
            found.rule = _checked_rule(rule)
        if parent is not None:
            above = find(parent) if parent != "" else None
            _check_parent(found, above)
            found.parent = above
        if primacy is not None:
            found.primacy = _checked_primacy(primacy)
        if purpose is not None:
            found.purpose = purpose
        if import_limit is not None:
            found.import_limit_w = _checked_limit(import_limit)
        if export_limit is not None:
            found.export_limit_w = _checked_limit(export_limit)
        _publish(found)
        _put_in(found, add)
        _take_out(found, remove)
        assignments.reconcile()
        return show(found)


@audit.audited("vder delete", "{name}", state=_state)
def delete(vder: str | int | VirtualDER, force: bool = False) -> None:
    """Remove a virtual DER with its program. Refused while it has children, or (unless forced) controls that
    are scheduled or active."""
    with store.transaction():
        found = find(vder)
        if found.children.exists():
            raise Refused(409, f"{found.name} contains {', '.join(child.name for child in found.children)}")
        live = [
            document
            for document in store.items(f"{found.program}/derc")
            if document.status["currentStatus"] < 2
        ]
        if live and not force:
            raise Refused(409, f"{found.name} has {len(live)} controls that are scheduled or active")
        devices = list(members(found))
        found.rule = ""
        found.save()
        assignments.leave(devices, found)
        assignments.reconcile(devices)
        drprograms.remove(found)
        store.remove(found.program)
        found.delete_instance()


def list_vders(single: bool = False) -> list[dict[str, Any]]:
    """All virtual DERs, parents before children, with their depth; those of one device only with `single`."""
    tree = Tree.read(order=VirtualDER.name, single=single)
    return [{**describe(vder), "depth": depth} for vder, depth in tree.walk()]


def show(vder: str | int | VirtualDER) -> dict[str, Any]:
    """A virtual DER with its members and its default control."""
    found = find(vder)
    rows = (
        Membership.select(Device, Membership.listed)
        .join(Device)
        .where(Membership.vder == found)
        .order_by(Device.id)
    )
    document = store.get(f"{found.program}/dderc")
    return {**describe(found),
            "children": [child.name for child in found.children.order_by(VirtualDER.name)],
            "default": document.submitted if document is not None else None,
            "devices": [{"id": row.device.id, "lfdi": row.device.lfdi, "name": row.device.name,
                         "kind": row.device.kind, "listed": row.listed} for row in rows]}


def describe(vder: VirtualDER) -> dict[str, Any]:
    """A virtual DER in brief."""
    return {
        "id": vder.id,
        "name": vder.name,
        "purpose": vder.purpose,
        "parent": vder.parent and vder.parent.name,
        "primacy": vder.primacy,
        "rule": vder.rule,
        "program": vder.program,
        "import_limit_w": vder.import_limit_w,
        "export_limit_w": vder.export_limit_w,
        "device": vder.device and vder.device.lfdi,
        "members": members(vder).count(),
    }


def find(vder: str | int | VirtualDER) -> VirtualDER:
    """The virtual DER of this name or number. Refused (404) where there is none."""
    if isinstance(vder, VirtualDER):
        return vder
    text = str(vder)
    found = VirtualDER.get_or_none(
        (VirtualDER.id == int(text)) if text.isdecimal() and len(text) < 19 else (VirtualDER.name == text)
    )
    if found is None:
        raise Refused(404, f"there is no virtual DER {text!r}")
    return found


def members(vder: VirtualDER) -> Any:
    """The devices in a virtual DER, directly or through its children, as a query."""
    return Device.select().join(Membership).where(Membership.vder == vder).order_by(Device.id)


def single_device_vders(devices: Sequence[Device], stronger_than: int) -> dict[int, VirtualDER]:
    """By number, the virtual DER of each of these devices alone, made when it is first needed, with a primacy
    that beats the given one."""
    if stronger_than == 0:
        raise Refused(
            409, "nothing beats primacy 0: give the virtual DER a greater one to address its devices singly"
        )
    with store.transaction():
        known = {number: vder for vder in VirtualDER.select().where(VirtualDER.device.in_(list(devices)))
                 if (number := vder.device_id) is not None}
        new = {
            device: VirtualDER(
                name=f"device {device.sfdi}",
                device=device,
                purpose="device",
                created_at=clock.now(),
                primacy=stronger_than - 1,
            )
            for device in devices
            if device.id not in known
        }
        for vder in [*new.values(), *(vder for vder in known.values() if vder.primacy >= stronger_than)]:
            vder.primacy = stronger_than - 1
            _publish(vder)
        assignments.join(new.items())
        return known | {device.id: vder for device, vder in new.items()}


def _checked_name(name: str) -> str:
    if not name or name.isdigit() or len(name) > _NAME:
        raise Refused(400, f"name {name!r}: 1 to {_NAME} characters are needed, not all of them digits")
    if VirtualDER.select().where(VirtualDER.name == name).exists():
        raise Refused(409, f"there is a virtual DER {name!r} already")
    return name


def _checked_rule(rule: str) -> str:
    try:
        membershiprules.read(rule)
    except membershiprules.RuleError as error:
        raise Refused(400, str(error)) from None
    return rule


def _checked_primacy(primacy: int) -> int:
    if not 0 <= primacy <= 255:
        raise Refused(400, f"primacy {primacy}: 0 (strongest) to 255 are possible")
    return primacy


def _checked_limit(limit: float | None) -> float | None:
    if limit is None or limit == math.inf:
        return None
    if not 0 <= limit <= TERAWATT:
        raise Refused(400, f"limit {limit:g} W: a limit is a magnitude, 0 or more and less than a terawatt")
    return limit


def _check_parent(vder: VirtualDER, parent: VirtualDER | None) -> None:
    """Refuse (409) a parent that would close a circle or make the tree too deep."""
    if parent is None:
        return
    if parent.device_id is not None:
        raise Refused(409, f"{parent.name} is the virtual DER of one device")
    tree = Tree.read()
    path = list(tree.ancestors(parent.id))
    if vder.id in path:
        raise Refused(409, f"{vder.name} cannot stand under {parent.name}, which stands under it")
    if len(path) + (tree.height(vder.id) if vder.id in tree.vders else 1) > DEPTH:
        raise Refused(409, f"the tree would be more than {DEPTH} levels deep")


def _publish(vder: VirtualDER) -> None:
    vder.save()
    data = {"description": vder.name, "primacy": vder.primacy}
    known = store.get(vder.program) if vder.program else None
    if known is not None:
        store.put(known.href, {**known.submitted, **data})
        drprograms.publish(vder)
    else:
        vder.program = store.add("DERProgram", "/derp", data, audience=assignments.audience(vder))
        vder.save()


def _put_in(vder: VirtualDER, names: Iterable[str]) -> None:
    assignments.join((enrolment.find(name), vder) for name in names)


def _take_out(vder: VirtualDER, names: Iterable[str]) -> None:
    for name in names:
        device = enrolment.find(name)
        row = Membership.get_or_none((Membership.vder == vder) & (Membership.device == device))
        if row is None or not row.listed:
            raise Refused(
                409, f"{name} is not in {vder.name} by name" + (", but by a rule or a child" if row else "")
            )
        assignments.leave([device], vder)


@before("DELETE", "EndDevice")
def _leaving(change: Change) -> None:
    vder = VirtualDER.get_or_none(VirtualDER.device == Device.get(Device.lfdi == change.data["lFDI"]))
    if vder is not None:
        drprograms.remove(vder)
        store.remove(vder.program)
        vder.delete_instance()


@seed
def _default() -> None:
    """The virtual DER that newly enrolled devices join, if the settings name one."""
    if (
        settings.default_vder
        and not VirtualDER.select().where(VirtualDER.name == settings.default_vder).exists()
    ):
        create(settings.default_vder, purpose="default")
