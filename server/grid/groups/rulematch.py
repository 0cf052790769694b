"""Who would be in a virtual DER by a rule, before there is one."""
from __future__ import annotations

from typing import TypedDict

from server.errors import BadArgument
from server.grid.groups import assignments, membershiprules, rulehints
from server.grid.groups.membershiprules import RuleError
from server.grid.groups.results import DeviceSummary
from server.grid.groups.rulehints import KnownValues


class RuleMatch(TypedDict):
    """Devices that a rule matches: how many of how many `devices`, and the `first` of them. `warnings` tell
    what is probably not meant."""
    rule: str
    devices: int
    matched: int
    first: list[DeviceSummary]
    warnings: list[str]


def match(rule: str, limit: int) -> RuleMatch:
    """Return the devices that a rule matches. BadArgument, which names the character, for what is no rule."""
    try:
        fits = membershiprules.read(rule)
    except RuleError as error:
        raise BadArgument("rule", str(error)) from None
    devices = matched = 0
    first: list[DeviceSummary] = []
    known = KnownValues(rule)
    for number, kind, labels in assignments.labels_of_all():
        devices += 1
        known.add(labels)
        if fits(labels):
            matched += 1
            if len(first) < limit:
                first.append({"id": number, "name": labels["name"], "kind": kind, "lfdi": labels["lfdi"]})
    return {"rule": rule, "devices": devices, "matched": matched, "first": first,
            "warnings": rulehints.warnings(rule, matched, known) if devices else []}
