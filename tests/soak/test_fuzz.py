"""The fuzzer with a fixed seed; and that it repeats itself, sees faults, and makes failures small."""
from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from server.resources import store
from tests import postgres
from tests.soak.fuzz import campaign, checks, minimise
from tests.soak.fuzz.cases import case
from tests.soak.fuzz.proof import tell
from tests.soak.fuzz.wire import Request, send
from tests.soak.fuzz.world import OWNER, World, world

SEED, CASES, BATCH = 20305, 2500, 1250


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "postgres":
        request.getfixturevalue("_postgres")
        assert postgres.URL
    with world(request.param) as made:
        with made.fresh(), checks.listening():
            made.expected = checks.expectations(made)
        yield made


def test_mutated_requests_do_no_harm(place: World) -> None:
    """`python -m tests.soak fuzz` sends more. What fails is told with what repeats it."""
    found = campaign.run(place, SEED, CASES, batch=BATCH, cpu_s=float("inf"))
    assert found.tried == CASES
    assert {201, 204, 400, 403, 404, 405, 413, 415} <= found.statuses.keys(), "the cases are too tame"
    assert found.statuses[201] + found.statuses[204] > CASES / 10
    assert tell(place, SEED, found) == []


def test_a_number_is_always_the_same_case(place: World) -> None:
    assert [case(place, 1, number) for number in range(50)] == [case(place, 1,
                                                                     number) for number in range(50)]
    assert case(place, 1, 0) != case(place, 2, 0)


def test_it_sees_faults(place: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **more: object) -> None:
        raise ZeroDivisionError("on purpose")
    request = Request(OWNER, "GET", "/edev/1", (("Host", "x"),))
    with place.fresh(), checks.listening() as records:
        assert checks.of_answer(place, request, send(place.application, request), records) == []
        monkeypatch.setattr("server.devices.methods.get", fail)
        faults = checks.of_answer(place, request, send(place.application, request), records)
        assert "ZeroDivisionError: on purpose" in faults[0] and faults[1] == "answered 500"
        monkeypatch.undo()
        witness = next(href for href, data in place.before.items() if data and href.endswith("/dercap"))
        store.put(witness, {**place.before[witness], "rtgMaxW": {"multiplier": 0, "value": 1}})
        monkeypatch.setattr("server.worker.refresh.due", fail)
        faults = checks.of_server(place, records, Random(1))
        assert f"data of a device that sent nothing were changed: {witness}" in faults[0]
        assert any("rendering failed" in fault for fault in faults)


def test_a_document_that_no_edition_accepts_is_a_fault() -> None:
    sep = 'xmlns="urn:ieee:std:2030.5:ns"'
    right, wrong = (f"<SupportedLocale {sep}>{item}</SupportedLocale>".encode()
                    for item in ("<locale>en</locale>", "<novelty/>"))
    assert checks.complaint("2018", right) == "" and "novelty" in checks.complaint("2018", wrong)
    assert "well-formed" in checks.complaint("2023", b"<SupportedLocale")


def test_a_failure_is_made_small() -> None:
    body = b'<a x="1" y="2"><b/><c><d>1</d><e z="3"/></c></a>'
    request = Request(OWNER, "PUT", "/edev/1", (("Host", "x"), ("Accept", "*/*")), body)
    least = minimise.shrink(request, lambda one: b"<d>" in (one.body or b"") and b"x=" in (one.body or b""))
    assert (least.headers, least.body) == ((), b'<a x="1"><c><d>1</d></c></a>')
    binary = minimise.shrink(request._replace(body=b"\xff" * 40 + b"X" + b"\0" * 30),
                             lambda one: b"X" in (one.body or b""))
    assert binary.body == b"X"
