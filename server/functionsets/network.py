"""NetworkStatus: interfaces of devices, addresses, links, neighbours and routes (IEEE 2030.5-2018, 9.5).

A device that starts anew POSTs again what it has posted before: that updates the item of the same key.
"""
from __future__ import annotations

from collections import defaultdict
from ipaddress import IPv6Address
from typing import Any, NotRequired, TypedDict

from server.models import Document
from server.resources import documents, hexbinary, sql
from server.resources.codes.devices import InterfaceState, LinkLayer
from server.resources.hooks import Change, before
from server.units import Href, Instant

Data = dict[str, Any]
# By which elements an item of a list is the same as one that was posted before.
_KEYS = {"IPInterface": ("ifIndex",), "IPAddr": ("address",), "LLInterface": ("EUI64",),
         "RPLInstance": ("DODAGid", "RPLInstanceID"), "RPLSourceRoutes": ("SourceRoute", "DestAddress"),
         "Neighbor": ("shortAddress",)}
_FAULTS = ("ifInErrors", "ifInDiscards", "ifOutErrors", "ifOutDiscards")


class RouteDetail(TypedDict):
    """A source route of a mesh."""
    destination: str
    via: str


class MeshDetail(TypedDict):
    """A tree of a mesh (RPL) that an address belongs to."""
    instance: int
    tree: int
    root: bool
    rank: int
    version: int
    routes: list[RouteDetail]


class AddressDetail(TypedDict):
    """An IP address of an interface; `meshes` are the RPL instances of it."""
    address: str
    meshes: NotRequired[list[MeshDetail]]


class NeighborDetail(TypedDict):
    """A neighbour on a link of IEEE 802.15.4; the greater the quality (0 to 255), the better."""
    short_address: str
    quality: int
    child: bool


class LinkDetail(TypedDict):
    """A link layer of an interface: frames received and sent, repeated, and damaged."""
    eui64: str
    layer: str
    received: int | None
    sent: int | None
    retries: int | None
    damaged: int
    neighbors: NotRequired[list[NeighborDetail]]


class InterfaceDetail(TypedDict):
    """A network interface of a device, by its own counters: octets received and sent, and packets that were
    damaged or dropped. `updated_at` is when it read them."""
    interface: Href
    index: int | None
    name: str
    state: str
    mtu: int | None
    received_octets: int | None
    sent_octets: int | None
    faults: int
    updated_at: Instant | None
    addresses: list[AddressDetail]
    links: list[LinkDetail]


@before("POST", *_KEYS)
def _recognise(change: Change) -> None:
    """Take what a device posts again for an update of what it has posted."""
    keys = _KEYS[change.kind]
    if change.caller is None or not all(key in change.data for key in keys):
        return
    wanted = _key(change.kind, change.data)
    for document in documents.own(change.list_href, change.audience or ""):
        if _key(change.kind, document.submitted or {}) == wanted:
            change.href, change.old = document.href, document.submitted
            return


def _key(kind: str, data: Data) -> list[Any]:
    comparable = hexbinary.comparable(data)
    return [comparable.get(key) for key in _KEYS[kind]]


def interfaces(device: Href) -> list[InterfaceDetail]:
    """Return the interfaces of a device (the href of its EndDevice), as it has reported them."""
    root = f"{device}/ns"
    below: dict[Href, list[Document]] = defaultdict(list)
    for document in documents.select(f"{sql.below('href')} ORDER BY parent, sort", *sql.bounds(root)):
        if document.submitted is not None:
            below[document.parent].append(document)
    return [_interface(document, below) for document in below[root]]


def _interface(document: Document, below: dict[Href, list[Document]]) -> InterfaceDetail:
    data = document.submitted
    return {
        "interface": document.href,
        "index": data.get("ifIndex"),
        "name": data.get("ifName") or data.get("ifDescr", ""),
        "state": _word(InterfaceState, data.get("ifOperStatus")),
        "mtu": data.get("ifMtu"),
        "received_octets": data.get("ifInOctets"),
        "sent_octets": data.get("ifOutOctets"),
        "faults": sum(data.get(key, 0) for key in _FAULTS),
        "updated_at": data.get("lastUpdatedTime"),
        "addresses": [_address(item, below) for item in below[f"{document.href}/addr"]],
        "links": [_link(item, below) for item in below[f"{document.href}/ll"]],
    }


def _address(document: Document, below: dict[Href, list[Document]]) -> AddressDetail:
    address: AddressDetail = {"address": _ip(document.submitted["address"])}
    meshes = [_mesh(item, below) for item in below[f"{document.href}/rpl"]]
    return {**address, "meshes": meshes} if meshes else address


def _mesh(document: Document, below: dict[Href, list[Document]]) -> MeshDetail:
    data = document.submitted
    routes: list[RouteDetail] = [
        {"destination": _ip(item.submitted["DestAddress"]), "via": _ip(item.submitted["SourceRoute"])}
        for item in below[f"{document.href}/srt"]]
    return {"instance": data["RPLInstanceID"], "tree": data["DODAGid"], "root": data["DODAGroot"],
            "rank": data["rank"], "version": data["versionNumber"], "routes": routes}


def _link(document: Document, below: dict[Href, list[Document]]) -> LinkDetail:
    data = document.submitted
    link: LinkDetail = {
        "eui64": f"{int(data['EUI64'], 16):016X}", "layer": _word(LinkLayer, data["linkLayerType"]),
        "received": data.get("LLFramesRx"), "sent": data.get("LLFramesTx"),
        "retries": data.get("LLRetryCount"), "damaged": data["CRCerrors"]}
    neighbors: list[NeighborDetail] = [
        {"short_address": f"{item.submitted['shortAddress']:04X}", "quality": item.submitted["linkQuality"],
         "child": item.submitted["isChild"]}
        for item in below[f"{document.href}/nbh"]]
    return {**link, "neighbors": neighbors} if neighbors else link


def _ip(text: str) -> str:
    """Return 128 bits as an address; that of IPv4 where it is one in IPv6."""
    address = IPv6Address(int(text, 16))
    return str(address.ipv4_mapped or address)


def _word(codes: Any, number: int | None) -> str:
    """Return the name of a code; its number where the standard has none, "" for none."""
    if number is None:
        return ""
    return codes(number).name.lower().replace("_", " ") if number in [*codes] else str(number)
