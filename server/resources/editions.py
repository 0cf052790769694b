"""What the editions say in other words: a document of one that is served to clients of the other. Pure.

Elements that only one edition has are left out for the other by `codec`. Here is what takes their place.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from server.resources import hexbinary, links
from server.resources.codes import ConnectStatus, ConnectStatus2

Data = dict[str, Any]
_OF_2018 = ("genConnectStatus", "storConnectStatus")
_OF_STORAGE = ("stateOfChargeStatus", "storageModeStatus")


def _der_status_2023(served: Data) -> Data:
    """Return a DERStatus with connectStatus, in place of which 2018 has a state of the generator and one of
    the storage: connected if either is, energized if either operates, since the later of both."""
    states = [served[key] for key in _OF_2018 if key in served]
    if "connectStatus" in served or not states:
        return served
    bits = 0
    for state in states:
        bits |= hexbinary.bits(state["value"])
    value = ConnectStatus2.CONNECTED if bits & ConnectStatus.CONNECTED else ConnectStatus2(0)
    if bits & ConnectStatus.OPERATING:
        value |= ConnectStatus2.ENERGIZED
    since = max(state["dateTime"] for state in states)
    return {**served, "connectStatus": {"dateTime": since, "value": f"{value:02X}"}}


def _der_status_2018(served: Data) -> Data:
    """Return a DERStatus with the states of 2018 in place of connectStatus: that of the generator, and where
    the report tells of a storage that of the storage, too. What is energized is available and operates."""
    state = served.get("connectStatus")
    if state is None or any(key in served for key in _OF_2018):
        return served
    bits = hexbinary.bits(state["value"])
    value = ConnectStatus.CONNECTED if bits & ConnectStatus2.CONNECTED else ConnectStatus(0)
    if bits & ConnectStatus2.ENERGIZED:
        value |= ConnectStatus.AVAILABLE | ConnectStatus.OPERATING
    same = {"dateTime": state["dateTime"], "value": f"{value:02X}"}
    storage = any(key in served for key in _OF_STORAGE)
    return {**served, "genConnectStatus": same, **({"storConnectStatus": same} if storage else {})}


def _bounded_lists(served: Data) -> Data:
    """Return an EndDevice whose links count no more items than the 2023 edition allows (DERList: one)."""
    bounded = {
        link.key: {**served[link.key], "all": min(served[link.key]["all"], link.row.most_2023)}
        for link in links.links_in(2023, "EndDevice")
        if link.row.most_2023 and "all" in served.get(link.key, {})}
    return {**served, **bounded}


REWORDED: Mapping[tuple[str, int], Callable[[Data], Data]] = {
    ("DERStatus", 2018): _der_status_2018,
    ("DERStatus", 2023): _der_status_2023,
    ("EndDevice", 2023): _bounded_lists,
}
"""By kind and edition, what is served of a document in the edition, from what is served in any."""
