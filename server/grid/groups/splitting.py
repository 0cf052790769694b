"""A virtual DER is split by a label: its members get a child for each value of the label.

Members of one kind can be sent one control together, where those of several need one each: batteries and
inverters that both take a set point of power, for instance.
"""
from __future__ import annotations

from typing import Any

from server import audit
from server.devices import identity
from server.errors import Refused
from server.grid.groups import assignments, membershiprules, membershipwork, virtualders
from server.grid.groups.membershipwork import Progress
from server.grid.groups.results import SplitVder
from server.models import Device, VirtualDER
from server.resources import namehints, store


def _state(result: SplitVder) -> dict[str, Any]:
    return {**result}


def split(vder: str | int | VirtualDER, label: str, progress: Progress | None = None) -> SplitVder:
    """Create a child of a virtual DER, by a rule, for each value that its members have of a label.

    `label` is a label or kind, name, lfdi, sfdi, manager. Children that are there stay as they are, and so do
    members without the label. Refused (409) for a virtual DER without a rule, since the rules of its children
    are made from it, and where no member has the label. Members join their children in further transactions
    (see membershipwork); `progress(done, total)` is called after each.
    """
    row = virtualders.find(vder)
    membershipwork.check(_new_children(row, label))
    result = _record(row, label)
    for child in VirtualDER.select().where(VirtualDER.parent == row):
        membershipwork.finish(child.id, progress)
    return result


@audit.audited("vder split", "{vder} by {label}", answer=_state)
def _record(row: VirtualDER, label: str) -> SplitVder:
    with store.transaction():
        for child in _new_children(row, label):
            virtualders.record_new(child)
        children = [_name(row, label, value) for value in _values(row, label)]
    return {"vder": row.name, "label": label, "children": children}


def _values(vder: VirtualDER, label: str) -> list[str]:
    """Return the values that members have of a label. Refused (409) for a virtual DER that has no rule or no
    such members."""
    if not vder.rule:
        raise Refused(409, f"{vder.name} has no rule, of which those of its parts would be made: give it "
                           "one, such as a label that all of its members have")
    labels = [assignments.labels(device) for device in virtualders.members(vder)]
    values = sorted({of_device[label] for of_device in labels if of_device.get(label)})
    if not values:
        known = sorted({name for of_device in labels for name in of_device})
        hint = namehints.meant(label, known)
        raise Refused(409, f"no member of {vder.name} has a label {label!r}{hint}")
    return values


def _new_children(vder: VirtualDER, label: str) -> list[VirtualDER]:
    """Return the children that are still to be created, not saved, with the numbers -1, -2, …"""
    existing = {child.name for child in vder.children}
    names = {value: _name(vder, label, value) for value in _values(vder, label)}
    missing = [value for value, name in names.items() if name not in existing]
    return [virtualders.new(names[value], _rule(vder, label, value), vder.id, number=-number)
            for number, value in enumerate(missing, 1)]


def _name(vder: VirtualDER, label: str, value: str) -> str:
    """Return the name of a child. One by aggregator has that one's name; of an LFDI, the beginning says
    enough."""
    rule = _rule(vder, label, value)
    there = next((child.name for child in vder.children if child.rule == rule), None)
    if there is not None:
        return str(there)
    if label == "manager":
        aggregator = Device.get_or_none(Device.lfdi == value)
        value = aggregator.name if aggregator is not None and aggregator.name else value
    return f"{vder.name} {value[:8] if identity.is_lfdi(value) else value}"


def _rule(vder: VirtualDER, label: str, value: str) -> str:
    within = "" if vder.rule == membershiprules.EVERY else f"({vder.rule}) and "
    try:
        return f"{within}{label} = {membershiprules.word(value)}"
    except membershiprules.RuleError as error:
        raise Refused(409, f"{vder.name}, {label}: {error}") from None
