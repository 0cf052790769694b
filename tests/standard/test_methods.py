"""What each of the 126 resources takes and answers: methods by mode, media types, the shape of every answer.

IEEE 2030.5-2018, 4.3 and the interface description; CSIP CORE-001, CORE-002.
Who may use which method is in test_matrix.py.
"""
from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from server.config import settings
from server.models import db
from server.protocol import app
from server.resources import codec, schema, store, table
from server.resources.table import METHODS
from tests.peers import Peer, Reply
from tests.standard import every_resource
from tests.wsgi import Client


@pytest.fixture
def hrefs(server: None) -> dict[str, str]:
    return every_resource.fill()


@pytest.fixture
def owner(hrefs: dict[str, str], application: Any) -> Peer:
    """The device that owns every resource."""
    return Peer(Client(application), every_resource.LFDI)


def test_every_resource_answers_as_its_own_kind(hrefs: dict[str, str], owner: Peer) -> None:
    for name, href in hrefs.items():
        reply = owner.get(href)
        assert (reply.status, reply.name) == (200, table.rows[name].element), name
        assert reply.data["href" if "href" in schema.type_spec(reply.name).by_key else "status"], name


@pytest.mark.parametrize("href", [
    "/edev?l=5", "/edev/1", "/edev/1/der/1/ders", "/derp?l=5", "/derp/1/dderc", "/dcap"])
def test_a_document_and_whether_its_reader_is_enrolled_are_one_statement(
        owner: Peer, href: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store.remove("/file/1")  # with Files, DeviceCapability counts those that are for its reader's product
    assert owner.get(href).status == 200  # and nothing is due
    executed: list[str] = []
    execute = type(db.obj).execute_sql

    def record(database: Any, statement: str, *more: Any, **options: Any) -> Any:
        executed.append(statement)
        return execute(database, statement, *more, **options)
    monkeypatch.setattr(type(db.obj), "execute_sql", record)
    monkeypatch.setattr(app, "_check_at", float("inf"))
    assert owner.get(href).status == 200
    assert len(executed) == 1, executed


def test_href_is_the_path_that_was_asked(hrefs: dict[str, str], owner: Peer) -> None:
    for name, href in hrefs.items():
        if "href" in schema.type_spec(table.rows[name].element).by_key:
            assert owner.get(href).data["href"] == href, name


def test_an_answer_has_its_length_type_and_tag(hrefs: dict[str, str], owner: Peer) -> None:
    for name, href in hrefs.items():
        reply = owner.get(href)
        assert reply.headers["Content-Length"] == str(len(reply.body)), name
        assert "Transfer-Encoding" not in reply.headers, name
        assert reply.headers["Content-Type"] == "application/sep+xml", name
        assert reply.etag.startswith('"'), name


def test_head_is_get_without_the_body(hrefs: dict[str, str], owner: Peer) -> None:
    for name, href in hrefs.items():
        get, head = owner.get(href), owner.request("HEAD", href)
        assert head.body == b"", name
        assert (head.status, dict(head.headers)) == (get.status, dict(get.headers)), name


def test_what_the_client_has_already_is_not_sent_again(hrefs: dict[str, str], owner: Peer) -> None:
    for name, href in hrefs.items():
        tag = owner.get(href).etag
        again = owner.get(href, If_None_Match=f'"other", {tag}')
        assert (again.status, again.body, again.etag) == (304, b"", tag), name
        assert owner.get(href, If_None_Match='"other"').status == 200, name


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "TRACE", "BREW"])
def test_a_method_that_the_standard_does_not_know_is_501(device: Peer, method: str) -> None:
    """5.5.2; CSIP CORE-001, CORE-002: what no resource can do is not implemented, and 405 is for what this
    resource does not do."""
    for href in ("/tm", "/edev", "/teapot"):
        reply = device.request(method, href)
        assert (reply.status, reply.name, "Allow" in reply.headers) == (501, "Error", False), href


def test_no_method_anywhere_fails(hrefs: dict[str, str], owner: Peer) -> None:
    """Every method on every resource, leaves first, with a document that fits: no answer is a server's
    failure."""
    for name, href in sorted(hrefs.items(), key=lambda pair: -pair[1].count("/")):
        for method in METHODS:
            reply = owner.request(
                method, href, every_resource.document(name, method) if method in ("PUT", "POST") else None
            )
            assert reply.status < 500, (name, method, reply.body)
            assert reply.body or reply.status in (201, 204) or method == "HEAD", (name, method)
            assert_well_formed(reply)


def assert_well_formed(reply: Reply) -> None:
    if reply.status == 201:
        assert reply.location.startswith("/") and reply.headers["Content-Length"] == "0"
    if reply.status == 204:
        assert "Content-Length" not in reply.headers and "Content-Type" not in reply.headers
    if reply.status >= 400:
        assert reply.headers["Content-Type"] == "application/sep+xml"


WRITES = [("PUT", "/edev/1/der/1/ders", "DERStatus", {"readingTime": 1}, 204),
          ("PUT", "/edev/1/cp", "ConnectionPoint", {"csipaus:connectionPointId": "4001234567"}, 201),
          ("POST", "/edev/1/lel", "LogEvent", {"createdDateTime": 1, "functionSet": 11, "logEventCode": 0,
                                               "logEventID": 1, "logEventPEN": 40732, "profileID": 2}, 201)]


@pytest.mark.parametrize("method, href, name, data, status", WRITES)
def test_what_is_written_is_read_back(
    device: Peer, method: str, href: str, name: str, data: Any, status: int
) -> None:
    reply = device.request(method, href, codec.encode(name, data))
    assert reply.status == status
    assert_well_formed(reply)
    read = device.get(reply.headers.get("Location", href))
    assert (read.status, read.name) == (200, name)
    assert data.items() <= read.data.items()


TYPES = {
    "application/sep+xml": 204,
    "application/sep+xml; level=-S1": 204,
    "application/sep+xml;level=-S2": 204,
    "APPLICATION/SEP+XML": 204,
    "application/xml; charset=utf-8": 204,
    "text/xml": 204,
    "application/sep-exi": 415,
    "application/json": 415,
    "application/x-www-form-urlencoded": 415,
    "": 415,
}


def test_content_type(device: Peer) -> None:
    body = codec.encode("DERStatus", {"readingTime": 1})
    for header, status in TYPES.items():
        assert device.request("PUT", "/edev/1/der/1/ders", body, Content_Type=header).status == status, header


ACCEPTS = {
    "application/sep+xml": 200,
    "application/sep+xml; level=-S1": 200,
    "*/*": 200,
    "application/*;q=0.5": 200,
    "application/sep-exi, application/sep+xml;q=0.9": 200,
    "text/html, */*;q=0.1": 200,
    "application/sep-exi": 406,
    "text/html": 406,
    "application/json": 406,
}


def test_accept(device: Peer) -> None:
    for header, status in ACCEPTS.items():
        reply = device.get("/dcap", Accept=header)
        assert reply.status == status, header
        assert reply.name == ("DeviceCapability" if reply.status == 200 else "Error"), header


def test_accept_of_no_xml_may_be_ignored(device: Peer) -> None:
    """RFC 9110, 12.5.1: a server may answer as if there were no Accept; some libraries always send one. A
    client of EXI alone could not read the answer."""
    settings.ignore_accept = True
    for header in ACCEPTS:
        reply = device.get("/dcap", Accept=header)
        assert reply.status == (406 if header == "application/sep-exi" else 200), header


PATHS = ["/", "/dcap/", "/DCAP", "/edev/01x", "/edev/-1", "/edev/1/", "/edev/1/der/1/unheard", "/favicon.ico",
         "/../dcap", "/edev/\u0661", "/d\u00e9cap", "/dcap/-->"]


def test_an_unknown_path_is_404(device: Peer) -> None:
    for href, method in product(PATHS, METHODS):
        reply = device.request(method, href, codec.encode("DERStatus", {"readingTime": 1}))
        assert (reply.status, reply.name) == (404, "Error" if method != "HEAD" else ""), (method, href)


def test_an_unknown_number_is_404(device: Peer) -> None:
    names = ("EndDevice", "DER", "DERProgram", "MirrorUsagePoint", "UsagePoint", "Response", "TariffProfile")
    for name, number in product(names, ("0", "7", "01", "99999999999999999999999999")):
        href = table.rows[name].path.replace("<int:set>", "1").replace("<int:device>", "1")
        href = href.rpartition("/")[0] + f"/{number}"
        for method in ("GET", "HEAD", "DELETE"):
            if table.rows[name].mode(method) in "MO":
                assert device.request(method, href).status == 404, (method, href)
        if table.rows[name].mode("PUT") in "MO":
            assert device.request("PUT", href, every_resource.document(name, "PUT")).status == 404, href


def test_a_write_to_a_list_of_the_wrong_kind_is_refused(device: Peer) -> None:
    for href, name in (("/edev/1/lel", "DERStatus"), ("/edev", "SelfDevice"), ("/mup", "UsagePoint"),
                       ("/rsps/1/rsp", "LogEvent"), ("/mup/1", "MirrorUsagePoint")):
        reply = device.request("POST", href, codec.encode(name, every_resource.sample(name)))
        assert reply.status == 400, href
        assert name.encode() in reply.body
    body = codec.encode("DERAvailability", {"readingTime": 1})
    assert device.request("PUT", "/edev/1/der/1/ders", body).status == 400
