"""Aggregations: an EndDevice that stands for several devices, its members (IEEE 2030.5-2023).

Who writes the EndDevice lists the members, and says by `distribution` how they share a control. With a
distribution by priority, and only then, there is an AggregationPriority. It begins as the order in which the
members came, and follows them. An aggregation without members has itself as the only one.
"""
from __future__ import annotations

from collections.abc import Iterable

from server import clock
from server.devices import enddevices, identity
from server.errors import Refused
from server.models import Document
from server.resources import numbering, store, table
from server.resources.hooks import Change, after, before
from server.units import Href, Lfdi

BY_PRIORITY = 3  # AbstractDevice/distribution
_MEMBER, _PRIORITY = "AggregatedDevice", "AggregationPriority"


@before("POST", _MEMBER)
@before("PUT", _MEMBER)
def _check_member(change: Change) -> None:
    """Refuse what is no identity (400), or another one than before (403); a POST of a member that is there
    changes that one."""
    data, lfdi = change.data, change.data["lFDI"]
    enddevices.check_lfdi(lfdi, _MEMBER)
    if data["sFDI"] != identity.sfdi(lfdi):
        raise Refused(400, f"{_MEMBER}/sFDI: {data['sFDI']} is not the SFDI of {lfdi}")
    if change.old is not None and change.old["lFDI"] != lfdi:
        raise Refused(403, f"{_MEMBER}/lFDI: a member keeps its identity; POST another one")
    known = _members(table.parent(change.list_href)).get(lfdi) if change.method == "POST" else None
    if known is not None:
        change.href, change.old = known.href, known.submitted
    data["changedTime"] = clock.now()


@after("POST", _MEMBER)
@after("DELETE", _MEMBER)
def _follow_members(change: Change) -> None:
    """Put a new member last, and take one away that is gone."""
    device = table.parent(table.parent(change.href))
    document = store.get(_priority_of(device))
    if document is None:
        return
    members = _members(device)
    kept = [item["lFDI"] for item in document.submitted["PriorityData"] if item["lFDI"] in members]
    _write(device, kept + [lfdi for lfdi in members if lfdi not in kept], document.submitted)


@after("POST", "EndDevice")
@after("PUT", "EndDevice")
def _follow_distribution(change: Change) -> None:
    """Let there be an AggregationPriority exactly as long as the distribution is by priority."""
    now, before_ = (data.get("distribution") for data in (change.data, change.old or {}))
    if now == before_:
        return
    if now == BY_PRIORITY:
        _write(change.href, _members(change.href), {"mRID": numbering.new_mrid()})
    elif before_ == BY_PRIORITY and store.get(_priority_of(change.href)) is not None:
        store.remove(_priority_of(change.href))


@before("PUT", _PRIORITY)
def _check_priority(change: Change) -> None:
    device = table.parent(change.href)
    document = store.get(device)
    if document is None or document.submitted.get("distribution") != BY_PRIORITY:
        raise Refused(409, f"{_PRIORITY}: it is there while EndDevice/distribution is {BY_PRIORITY} (by "
                           f"priority); PUT {device} with that first")
    named = [item["lFDI"] for item in change.data["PriorityData"]]
    possible = {*_members(device), document.submitted["lFDI"]}
    for lfdi in named:
        if lfdi not in possible:
            raise Refused(400, f"{_PRIORITY}/PriorityData/lFDI: {lfdi} is not a member; POST it to "
                               f"{device}/agg first")
        if named.count(lfdi) > 1:
            raise Refused(400, f"{_PRIORITY}/PriorityData/lFDI: {lfdi} is there twice")


def _members(device: Href) -> dict[Lfdi, Document]:
    """Return the members of an EndDevice by their LFDIs, in the order in which they came."""
    items = sorted(store.items(f"{device}/agg"), key=lambda item: table.number(item.href))
    return {item.submitted["lFDI"]: item for item in items}


def _priority_of(device: Href) -> Href:
    return f"{device}/aggp"


def _write(device: Href, order: Iterable[Lfdi], data: dict[str, object]) -> None:
    """Write the AggregationPriority of an EndDevice, with its members in this order."""
    document = store.get(device)
    assert document is not None, device
    lfdis = [*order] or [document.submitted["lFDI"]]
    store.put(_priority_of(device), {**data, "PriorityData": [{"lFDI": lfdi} for lfdi in lfdis]})
