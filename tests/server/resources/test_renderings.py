"""Documents in other variants are made once, and anew when the document is another."""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.resources import render, renderings, retrieve, store
from server.resources.variants import EDITION_2023, EXTENDED, PLAIN
from tests.conftest import NOON

PROGRAM = {"primacy": 1, "mRID": "01"}
CONTROL = {"interval": {"start": NOON, "duration": 600}, "DERControlBase": {
    "opModConnect": True, "csipaus:opModImpLimW": {"multiplier": 0, "value": 7},
    "opModMaxLimWInject": {"multiplier": 0, "value": 5}}}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hrefs of documents that are rendered in another variant."""
    hrefs: list[str] = []
    in_variant = render.in_variant

    def counted(document: Any, *rest: Any) -> Any:
        hrefs.append(document.href)
        return in_variant(document, *rest)

    monkeypatch.setattr(render, "in_variant", counted)
    monkeypatch.setattr(renderings, "_kept", {})
    monkeypatch.setattr(renderings, "_bytes", 0)
    return hrefs


def body(href: str, variant: Any) -> bytes:
    found = retrieve.single(href, None, variant)
    assert found is not None
    return found.body


def test_one_is_made_at_first_need_and_dropped_at_the_write(server: None, made: list[str]) -> None:
    href = store.add("DERControl", f"{store.add('DERProgram', '/derp', PROGRAM)}/derc", CONTROL)
    stored = store.get(href)
    assert stored is not None and bytes(stored.body) == body(href, PLAIN) and made == []
    assert b"opModImpLimW" in body(href, EXTENDED) and b"opModImpLimW" not in body(href, PLAIN)
    assert b"opModMaxLimWInject" in body(href, EDITION_2023) and made == [href, href]
    page = retrieve.page(retrieve.Selection("/derp/1/derc"), None, 0, None, 9, EDITION_2023)
    assert page.items == [("DERControl", body(href, EDITION_2023))] and made == [href, href]
    # what only the 2023 edition shows is another now: the body of 2018 stays as it was
    base = {**CONTROL["DERControlBase"], "opModMaxLimWInject": {"multiplier": 0, "value": 6}}
    store.put(href, {**stored.submitted, "DERControlBase": base})
    assert body(href, PLAIN) == bytes(stored.body)
    assert b"<value>6</value>" in body(href, EDITION_2023) and made == [href] * 3


def test_time_drops_a_status_of_2023(server: None, made: list[str]) -> None:
    program = store.add("DERProgram", "/derp", PROGRAM)
    older = store.add("DERControl", f"{program}/derc", {
        **CONTROL, "interval": {"start": NOON + 50, "duration": 100}})
    clock.turn_to(NOON + 1)
    store.add("DERControl", f"{program}/derc", {**CONTROL, "interval": {"start": NOON + 1, "duration": 100}})
    statuses = []
    for second in (2, 3, 50, 51, 150, 151):
        clock.turn_to(NOON + second)
        store.reevaluate({f"{program}/derc": [(NOON, NOON + 200)]})
        old, new = body(older, PLAIN), body(older, EDITION_2023)
        assert b"<potentiallySuperseded>true</potentiallySuperseded></EventStatus>" in new
        statuses.append(tuple(text.partition(b"<currentStatus>")[2][:1].decode() for text in (old, new)))
    assert statuses == [("4", "0"), ("4", "0"), ("4", "1"), ("4", "1"), ("4", "5"), ("4", "5")]
    assert 3 <= len(made) <= 4


def test_no_more_is_kept_than_there_is_room_for(
    server: None, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hrefs = [store.add("DERProgram", "/derp", {"primacy": primacy}) for primacy in range(4)]
    size = len(body(hrefs[0], EDITION_2023))
    monkeypatch.setattr(renderings, "MOST_BYTES", 3 * size)
    for href in hrefs:
        body(href, EDITION_2023)
    assert [href for href, _ in renderings._kept] == hrefs[1:]
    assert renderings._bytes == sum(len(kept.body) for kept in renderings._kept.values())
