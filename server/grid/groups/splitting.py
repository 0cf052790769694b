"""A virtual DER is split by a label: its members get a child for each value of the label.

Members of one kind can be sent one control together, where those of several need one each: batteries and
inverters that both take a set point of power, for instance.
"""
from __future__ import annotations

from typing import Any

from server import audit
from server.errors import Refused
from server.grid.groups import assignments, membershiprules, virtualders
from server.grid.groups.results import SplitVder
from server.models import VirtualDER
from server.resources import namehints, store


def _state(result: SplitVder) -> dict[str, Any]:
    return {**result}


@audit.audited("vder split", "{vder} by {label}", answer=_state)
def split(vder: str | int | VirtualDER, label: str) -> SplitVder:
    """Create a child of a virtual DER, by a rule, for each value that its members have of a label.

    `label` is a label or kind, name, lfdi, sfdi, manager. Children that are there stay as they are, and so do
    members without the label. Refused (409) for a virtual DER without a rule, since the rules of its children
    are made from it, and where no member has the label.
    """
    with store.transaction():
        row = virtualders.find(vder)
        if not row.rule:
            raise Refused(409, f"{row.name} has no rule, of which those of its parts would be made: give it "
                               "one, such as a label that all of its members have")
        labels = [assignments.labels(device) for device in virtualders.members(row)]
        values = sorted({of_device[label] for of_device in labels if of_device.get(label)})
        if not values:
            known = sorted({name for of_device in labels for name in of_device})
            hint = namehints.meant(label, known)
            raise Refused(409, f"no member of {row.name} has a label {label!r}{hint}")
        children = [_child(row, label, value) for value in values]
    return {"vder": row.name, "label": label, "children": children}


def _child(parent: VirtualDER, label: str, value: str) -> str:
    name = f"{parent.name} {value}"
    if VirtualDER.select().where((VirtualDER.name == name) & (VirtualDER.parent == parent)).exists():
        return name
    within = "" if parent.rule == membershiprules.EVERY else f"({parent.rule}) and "
    try:
        rule = f"{within}{label} = {membershiprules.word(value)}"
    except membershiprules.RuleError as error:
        raise Refused(409, f"{parent.name}, {label}: {error}") from None
    virtualders.create(name, rule=rule, parent=parent.id)
    return name
