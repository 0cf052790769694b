"""Warnings about a rule that is right but probably not meant: labels, values and kinds that no device has."""
from __future__ import annotations

from collections.abc import Mapping, Set

from server.devices import names
from server.grid.groups import assignments, membershiprules
from server.resources import namehints

_MOST = 5  # warnings; a rule with more faults is read again anyway
_IDENTITIES = ("name", "lfdi", "sfdi", "manager")  # of these every device has another


class KnownValues:
    """The labels that any device has, and the values of those that a rule compares."""

    def __init__(self, rule: str) -> None:
        compared = {comparison.label for comparison in membershiprules.comparisons(rule)}
        self._labels: set[str] = set()
        self._values: dict[str, set[str]] = {label: set() for label in compared}

    def add(self, labels: Mapping[str, str]) -> None:
        """Add what a device has (see assignments.labels)."""
        self._labels.update(labels)
        for label, values in self._values.items():
            if label in labels:
                values.add(labels[label])

    def read(self) -> dict[str, set[str]]:
        """Return the values by label; those of a label that is not compared are left out."""
        return {label: self._values.get(label, set()) for label in self._labels}


def warnings(rule: str, members: int, known: KnownValues | None = None) -> list[str]:
    """Return what is probably wrong with a rule that gave a virtual DER so many members, by what is known of
    the devices (default: it is read)."""
    if not rule.strip():
        return []
    if known is None:
        known = KnownValues(rule)
        for _, _, labels in assignments.labels_of_all():
            known.add(labels)
    values = known.read()
    sentences = [sentence for comparison in membershiprules.comparisons(rule)
                 for sentence in comparison_warnings(comparison, values)]
    if not sentences and not members:
        sentences = ["no device is a member yet: none fits the rule"]
    return list(dict.fromkeys(sentences))[:_MOST]


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
