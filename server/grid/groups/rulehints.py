"""Warnings about a rule that is right but probably not meant: labels, values and kinds that no device has."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Set

from server.devices import names
from server.grid.groups import assignments, membershiprules
from server.models import Device
from server.resources import namehints

_MOST = 5  # warnings; a rule with more faults is read again anyway
_IDENTITIES = ("name", "lfdi", "sfdi", "manager")  # of these every device has another


def warnings(rule: str, members: int) -> list[str]:
    """Return what is probably wrong with a rule that gave a virtual DER so many members."""
    if not rule.strip():
        return []
    values = _values()
    sentences = [sentence for comparison in membershiprules.comparisons(rule)
                 for sentence in comparison_warnings(comparison, values)]
    if not sentences and not members:
        sentences = ["no device is a member yet: none fits the rule"]
    return list(dict.fromkeys(sentences))[:_MOST]


def _values() -> dict[str, set[str]]:
    """Return the values of each label that any device has; kind, name and so on are among them."""
    values: dict[str, set[str]] = defaultdict(set)
    columns = (getattr(Device, name) for name in ("labels", "kind", *_IDENTITIES))
    for device in Device.select(*columns):
        for label, value in assignments.labels(device).items():
            values[label].add(value)
    return values


def comparison_warnings(
    comparison: membershiprules.Comparison, values: Mapping[str, Set[str]]
) -> list[str]:
    """Return what is unknown in a comparison, given the values of each label. Pure."""
    label = comparison.label
    known = {*values, "kind", *_IDENTITIES}
    if label not in known:
        return [f"no device has a label {label!r}{namehints.meant(label, sorted(known))}"]
    possible = {*values.get(label, ()), *(names.KINDS if label == "kind" else ())} - {""}
    return [_unknown_value(label, value, possible) for value in sorted(comparison.values - possible)]


def _unknown_value(label: str, value: str, possible: Set[str]) -> str:
    what = f"the kind {value!r}" if label == "kind" else f"{label} = {value!r}"
    return f"no device has {what}{namehints.meant(value, sorted(possible))}"
