"""If-Match: of two people who change a thing, the second sees what the first has done."""
from __future__ import annotations

import json
from typing import Any

import pytest

from server import audit
from server.api import etags
from server.api.routes import routes
from server.devices import enrolment
from server.models import Device, VirtualDER
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.server.api.conftest import Program


@pytest.fixture
def street(program: Program) -> Program:
    enrolment.enrol(peers.lfdi(1), name="one")
    program.call("POST", "/virtual-ders", {"name": "street"})
    return program


def etag(program: Program, path: str) -> str:
    return str(program.send("GET", path).headers["ETag"])


# The thing, what is asked of it (that changes it each time), with which values.
CHANGES: list[tuple[str, str, str, Any]] = [
    ("/virtual-ders/street", "PATCH", "/virtual-ders/street", {"primacy": 7}),
    ("/virtual-ders/street", "POST", "/virtual-ders/street/members", {"devices": ["one"]}),
    ("/virtual-ders/street", "DELETE", "/virtual-ders/street?yes=true", None),
    ("/devices/one", "PATCH", "/devices/one", {"labels": {"feeder": "F2"}}),
    ("/devices/one", "POST", "/devices/one/suspend", None),
    ("/devices/one/contract", "PATCH", "/devices/one/contract", {"events": "3"}),
]


@pytest.mark.parametrize("thing, method, path, body", CHANGES)
def test_a_thing_is_changed_only_as_it_was_seen(
    street: Program, thing: str, method: str, path: str, body: Any
) -> None:
    seen = etag(street, thing)
    before = len(audit.entries())
    answer = street.send(method, path, body, headers={"If-Match": '"another"'})
    assert answer.status_code == 412 and answer.headers["ETag"] == seen and len(audit.entries()) == before
    assert street.send(method, path, body, headers={"If-Match": f'"x", {seen}'}).status_code == 200
    assert len(audit.entries()) == before + 1
    assert street.send(method, path, body, headers={"If-Match": seen}).status_code in (404, 412)


@on_sqlite
@pytest.mark.parametrize("if_match, status", [
    ("*", 200), ('W/{seen}', 412), ("{seen}x", 412), ("", 412), ('"a,b", {seen}', 200),
    (" " * 9000 + "{seen}", 412)])
def test_the_forms_of_if_match(street: Program, if_match: str, status: int) -> None:
    headers = {"If-Match": if_match.format(seen=etag(street, "/devices/one"))}
    assert street.send("POST", "/devices/one/suspend", headers=headers).status_code == status


@on_sqlite
def test_what_a_device_reports_changes_no_etag(street: Program, peer: Any) -> None:
    seen = etag(street, "/devices/one")
    peer(1).put("/edev/1/der/1/dercap", "DERCapability", {
        "modesSupported": "00100084", "rtgMaxW": {"multiplier": 0, "value": 5000}, "type": 4})
    Device.update(last_contact_at=NOON).execute()
    assert street.call("GET", "/devices/one")["DERCapability"]
    assert etag(street, "/devices/one") == seen


@on_sqlite
def test_with_a_key_it_is_looked_at_once(street: Program) -> None:
    headers = {"If-Match": etag(street, "/virtual-ders/street"), "Idempotency-Key": "a"}
    answers = [street.send("PATCH", "/virtual-ders/street", {"primacy": 7}, headers=headers)
               for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    headers["Idempotency-Key"] = "b"
    assert street.send("PATCH", "/virtual-ders/street", {"primacy": 8}, headers=headers).status_code == 412
    assert VirtualDER.get(VirtualDER.name == "street").primacy == 7


@on_sqlite
def test_a_trial_says_so_too_and_changes_nothing(street: Program) -> None:
    body = {"primacy": 7, "dry_run": True}
    seen = etag(street, "/virtual-ders/street")
    for if_match, status in ((seen, 200), ('"x"', 412)):
        headers = {"If-Match": if_match}
        assert street.send("PATCH", "/virtual-ders/street", body, headers=headers).status_code == status
    assert etag(street, "/virtual-ders/street") == seen


@on_sqlite
def test_where_nothing_has_an_etag_none_matches(street: Program) -> None:
    answer = street.send("POST", "/virtual-ders", {"name": "a"}, headers={"If-Match": "*"})
    assert answer.status_code == 412 and "Leave it out" in json.loads(answer.data)["detail"]
    assert "ETag" not in street.send("GET", "/virtual-ders").headers


def test_most_of_what_is_changed_has_a_thing() -> None:
    changing = [route for route in routes().values() if route.operation.changes and "{" in route.path]
    assert sum(etags.thing(route) is not None for route in changing) > 0.7 * len(changing)
    assert etags.thing(routes()["device suspend"]) is routes()["device show"]
