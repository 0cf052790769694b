"""The store: all or nothing, numbers, links and counts, audiences, removal."""
from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from server import clock
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.models import EVERYONE, NOBODY, Device
from server.resources import codec, documents, hooks, linkcounts, numbering, render, retrieve, sql, store
from server.resources.hooks import Change
from server.resources.variants import PLAIN
from tests import peers

PROGRAM = {"primacy": 1, "description": "p"}
LOG = {
    "createdDateTime": 1,
    "functionSet": 0,
    "logEventCode": 0,
    "logEventID": 0,
    "logEventPEN": 0,
    "profileID": 0,
}
pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Hooks that are registered for the length of a test."""
    for name in ("_before", "_after", "_after_all"):
        saved = {key: list(functions) for key, functions in getattr(hooks, name).items()}
        monkeypatch.setattr(hooks, name, defaultdict(list, saved))
    return hooks


def everything() -> list[Any]:
    return [sorted(map(repr, sql.rows(f"SELECT * FROM {name}"))) for name in ("document", "counter")]


def control(start: int, duration: int = 100, **more: Any) -> dict[str, Any]:
    return {
        "interval": {"start": start, "duration": duration},
        "DERControlBase": {"opModConnect": True},
        **more,
    }


# --- all or nothing -------------------------------------------------------------------------------

@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["POST", "PUT", "DELETE"])
def test_a_hook_that_refuses_leaves_nothing(hook: Any, when: str, what: str) -> None:
    href = store.add("DERProgram", "/derp", PROGRAM)
    store.add("DERControl", f"{href}/derc", control(1 << 31))
    was = everything()

    @getattr(hook, when)(what, "DERProgram")
    def refuse(change: Change) -> None:
        store.add("LogEvent", "/edev/1/lel", LOG)
        raise Refused(409, "no")

    does = {
        "POST": lambda: store.add("DERProgram", "/derp", PROGRAM),
        "PUT": lambda: store.put(href, {**PROGRAM, "mRID": "01"}),
        "DELETE": lambda: store.remove(href),
    }
    with pytest.raises(Refused, match="no"):
        does[what]()
    assert everything() == was


def test_a_transaction_that_fails_takes_back_all_within_it() -> None:
    was = everything()
    with pytest.raises(ZeroDivisionError):
        with store.transaction():
            href = store.add("DERProgram", "/derp", PROGRAM)
            store.add("DERControl", f"{href}/derc", control(1 << 31))
            raise ZeroDivisionError
    assert everything() == was
    assert store.add("DERProgram", "/derp", PROGRAM)


def test_a_hook_sees_and_alters_what_is_said(hook: Any) -> None:
    changes: list[Change] = []

    @hook.before("PUT", "DERProgram")
    def alter(change: Change) -> None:
        change.data["primacy"] = 7

    hook.after("PUT", "DERProgram")(changes.append)
    href = store.add("DERProgram", "/derp", {**PROGRAM, "mRID": "01"})
    store.put(href, {**PROGRAM, "mRID": "01"})
    document = store.get(href)
    assert document is not None and document.submitted["primacy"] == 7
    assert (changes[0].href, changes[0].kind, changes[0].old["primacy"], changes[0].caller) == (
        href,
        "DERProgram",
        1,
        None,
    )  # type: ignore[index]


def test_what_is_not_valid_is_refused_and_not_kept() -> None:
    was = everything()
    with pytest.raises(Refused, match="primacy"):
        store.add("DERProgram", "/derp", {"primacy": 1000})
    with pytest.raises(Refused, match="DERProgram has no element or attribute 'prmacy'"):
        store.add("DERProgram", "/derp", {"prmacy": 1})
    assert everything() == was


# --- numbers and names ----------------------------------------------------------------------------

def test_a_number_is_never_given_again() -> None:
    hrefs = [store.add("DERProgram", "/derp", PROGRAM) for _ in range(3)]
    for href in hrefs:
        store.remove(href)
    again = store.add("DERProgram", "/derp", PROGRAM)
    assert again not in hrefs and [*hrefs, again] == [f"/derp/{number}" for number in range(1, 5)]


def test_later_mrids_are_greater_and_end_with_our_number() -> None:
    given = [numbering.new_mrid() for _ in range(50)]
    assert given == sorted(set(given)) and {len(mrid) for mrid in given} == {32}
    assert {mrid[-8:] for mrid in given} == {"00000000"}


def test_what_the_operator_leaves_out_is_filled_in() -> None:
    href = store.add("DERProgram", "/derp", PROGRAM)
    document = store.get(store.add("DERControl", f"{href}/derc", control(1 << 31)))
    assert (
        document is not None
        and document.submitted["mRID"] == document.mrid
        and document.submitted["creationTime"]
    )
    assert store.find(document.mrid, "DERControl").href == document.href  # type: ignore[union-attr]
    assert store.find(document.mrid, "EndDeviceControl") is None


def test_put_makes_and_replaces_and_knows_the_table() -> None:
    href = store.add("DERProgram", "/derp", PROGRAM)
    base = {"mRID": "02", "DERControlBase": {"opModConnect": True}}
    assert store.put(f"{href}/dderc", base).old is None
    assert store.put(f"{href}/dderc", {**base, "setGradW": 5}).old is not None
    with pytest.raises(Refused) as refused:
        store.put("/nowhere/1", {})
    assert refused.value.status == 404


# --- links and counts -----------------------------------------------------------------------------

def links(href: str) -> dict[str, Any]:
    document = retrieve.single(href, None)
    assert document is not None
    return {
        key: value.get("all", True)
        for key, value in codec.decode(codec.wrap(document.kind, document.body))[1].items()
        if key.endswith("Link")
    }


def test_links_and_counts_follow_what_stands_below() -> None:
    href = store.add("DERProgram", "/derp", PROGRAM)
    assert links(href) == {"ActiveDERControlListLink": 0, "DERControlListLink": 0, "DERCurveListLink": 0}
    first = store.add("DERControl", f"{href}/derc", control(1 << 31))
    store.add("DERControl", f"{href}/derc", control(1 << 30, 1 << 30))
    store.put(f"{href}/dderc", {"mRID": "02", "DERControlBase": {}})
    assert links(href) == {"ActiveDERControlListLink": 1, "DERControlListLink": 2, "DERCurveListLink": 0,
                           "DefaultDERControlLink": True}
    store.remove(first)
    store.remove(f"{href}/dderc")
    assert links(href) == {"ActiveDERControlListLink": 1, "DERControlListLink": 1, "DERCurveListLink": 0}


@pytest.mark.parametrize("profile", ["2030.5-2018", "csip-aus", "2030.5-2023", "draft"])
def test_a_count_alone_is_written_as_if_all_were(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "profile", profile)
    hrefs = [store.add("DERProgram", "/derp", {**PROGRAM, "description": 'a <DERControlListLink all="7"'}),
             enrolment.href(enrolment.enrol(peers.lfdi(1)))]
    below = [store.add("DERControl", f"{hrefs[0]}/derc", control(clock.now() + start)) for start in (0, 200)]
    below.append(store.add("LogEvent", f"{hrefs[1]}/lel", LOG))
    bodies = [list(sql.rows("SELECT body FROM document WHERE href = ?", href)) for href in hrefs]
    for written in (lambda: None, lambda: [store.remove(href) for href in below]):
        written()
        with store.transaction():
            assert render.rerender(hrefs) == []
    assert bodies != [list(sql.rows("SELECT body FROM document WHERE href = ?", href)) for href in hrefs]


@pytest.mark.parametrize("body, links, expected", [
    (b'><DERControlListLink all="0" href="/c"/>', {"DERControlListLink": {"href": "/c", "all": 12}},
     b'><DERControlListLink all="12" href="/c"/>'),
    (b'><DERControlListLink href="/c"/>', {"DERControlListLink": {"href": "/c"}},
     b'><DERControlListLink href="/c"/>'),
    (b'><DERControlListLink all="0" href="/c"/>', {}, None),
    (b'>', {"DERControlListLink": {"href": "/c", "all": 1}}, None),
    (b'><DERControlListLink all="0"/><DERControlListLink xmlns="other" all="0"/>',
     {"DERControlListLink": {"href": "/c", "all": 1}}, None),
])
def test_a_body_is_counted_anew_where_it_has_the_same_links(
    body: bytes, links: dict[str, Any], expected: bytes | None
) -> None:
    assert linkcounts.counted_anew("DERProgram", body, links, PLAIN) == expected


def test_remove_takes_what_stands_below_and_no_more() -> None:
    hrefs = [store.add("DERProgram", "/derp", PROGRAM) for _ in range(12)]
    for href in hrefs:
        store.add("DERControl", f"{href}/derc", control(1 << 31))
    store.remove("/derp/1")
    left = {href for href, in sql.rows("SELECT href FROM document WHERE href LIKE ?", "/derp/%")}
    assert left == {href + tail for href in hrefs[1:] for tail in ("", "/derc/1")}
    with pytest.raises(Refused) as refused:
        store.remove("/derp/1")
    assert refused.value.status == 404


def test_place_makes_a_link_resolve_before_anything_is_said(device: peers.Peer) -> None:
    document = store.get("/edev/1/der/1/ders")
    assert document is not None and document.submitted is None
    reply = device.get("/edev/1/der/1/ders")
    assert (reply.status, reply.name) == (200, "DERStatus")


# --- audiences ------------------------------------------------------------------------------------

def test_an_audience_is_inherited_from_the_nearest_above() -> None:
    href = store.add("DERProgram", "/derp", PROGRAM, audience="vder:7")
    assert audience(store.add("DERControl", f"{href}/derc", control(1 << 31))) == "vder:7"
    assert audience(store.add("DERControl", f"{href}/derc", control(1 << 31), audience="vder:8")) == "vder:8"
    assert audience(store.add("DERProgram", "/derp", PROGRAM)) == EVERYONE
    store.put(href, {**PROGRAM, "mRID": "01"})
    assert audience(href) == "vder:7"


def audience(href: str) -> str:
    document = store.get(href)
    assert document is not None
    return document.audience


def test_readers_see_their_audiences_alone_while_they_are_enrolled() -> None:
    for number, lfdi in enumerate("ABD", 1):
        Device.create(id=number, lfdi=lfdi, sfdi=number, enrolled_at=0,
                      state=Device.SUSPENDED if lfdi == "D" else Device.ENROLLED)
    sql.execute("INSERT INTO audience (lfdi, audience) VALUES ('A', '*'), ('A', 'vder:1'), ('B', '*'), "
                "('D', '*')")
    for owner in ("vder:1", "vder:2", None, "vder:1"):
        store.add("DERProgram", "/derp", PROGRAM, audience=owner)
    whole = retrieve.Selection("/derp")

    def counts(who: str | None, start: int = 0, limit: int = 9) -> tuple[int, int]:
        page = retrieve.page(whole, who, start, None, limit)
        return page.all, len(page.items)
    assert (counts("A"), counts("B"), counts("C"), counts(None)) == ((3, 3), (1, 1), (0, 0), (4, 4))
    assert counts("D") == (0, 0) and retrieve.single("/derp/3", "B") and not retrieve.single("/derp/3", "D")
    assert (counts("A", 1, 1), counts("A", 3), counts("A", 0, 0)) == ((3, 1), (3, 0), (3, 0))
    assert (
        retrieve.single("/derp/1", "A")
        and not retrieve.single("/derp/1", "B")
        and not retrieve.single("/derp/9", None)
    )
    assert retrieve.counts(["/derp", "/mup"], "A") == {"/derp": 3}
    assert retrieve.page(retrieve.Selection("/derp", audiences=("vder:2",)), None, 0, None, 9).all == 1


def test_a_page_goes_by_time_too() -> None:
    href = store.add("DERProgram", "/derp", PROGRAM)
    for start in (3 << 30, 1 << 31, (1 << 31) + 1000):
        store.add("DERControl", f"{href}/derc", control(start))
    page = retrieve.page(retrieve.Selection(f"{href}/derc"), None, 0, 1 << 31, 9)
    assert page.all == 3 and len(page.items) == 2
    assert [document.at for document in store.items(f"{href}/derc")] == [1 << 31, (1 << 31) + 1000, 3 << 30]


def test_hooks_are_told_of_many_at_once(hook: Any) -> None:
    told: list[list[str]] = []
    hook.after_all("POST", "DERProgram")(lambda changes: told.append([change.href for change in changes]))
    store.add("DERProgram", "/derp", PROGRAM)
    store.add_all("DERProgram", [("/derp", PROGRAM)] * 2)
    assert told == [["/derp/1"], ["/derp/2", "/derp/3"]]


def test_pages_of_all_audiences_are_the_list() -> None:
    hrefs = [store.add("DERProgram", "/derp", {"primacy": primacy}, audience)
             for primacy, audience in ((5, "A" * 40), (1, "B" * 40), (5, NOBODY), (5, "A" * 40),
                                       (3, EVERYONE))]
    pages = list(documents.pages("/derp", 2))
    assert [len(page) for page in pages] == [2, 2, 1]
    listed = [document.href for page in pages for document in page]
    assert sorted(listed) == sorted(hrefs) and listed == [item.href for item in store.items("/derp")]
