"""What follows from what was said: order, times, links, rates."""
from __future__ import annotations

from functools import cmp_to_key
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.resources import links, ordering, schema, table, visibility

Order = tuple[tuple[str, bool, str], ...]
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(1 << 63), (1 << 63) - 1), "bool": st.booleans(), "str": st.text(max_size=4),
    "hex": st.binary(max_size=3).map(lambda value: value.hex().upper())}


def compare(order: Order, first: dict[str, Any], other: dict[str, Any]) -> int:
    """As the standard words it: each key in turn, what has none first (last where descending), then the older
    href."""
    for path, descending, _ in order:
        left, right = first.get(path), other.get(path)
        if left != right:
            less = right is not None and (left is None or left < right)
            return 1 if less == descending else -1
    return first["number"] - other["number"]


@st.composite
def lists(draw: st.DrawFn) -> tuple[Order, list[dict[str, Any]]]:
    order = tuple((f"key{index}", draw(st.booleans()), draw(st.sampled_from(sorted(VALUES))))
                  for index in range(draw(st.integers(1, 3))))
    few = {path: draw(st.lists(VALUES[kind], min_size=1, max_size=3)) for path, _, kind in order}
    items = draw(
        st.lists(
            st.fixed_dictionaries(
                {"number": st.integers(1, 1 << 40)},
                optional={path: st.sampled_from(values) for path, values in few.items()},
            ),
            max_size=8,
            unique_by=lambda item: item["number"],
        )
    )
    return order, items


@given(lists())
def test_the_order_of_sort_keys_is_the_order_of_the_list(case: tuple[Order, list[dict[str, Any]]]) -> None:
    order, items = case
    by_key = sorted(items, key=lambda item: ordering.sort_key(order, f"/x/{item['number']}", item))
    assert by_key == sorted(items, key=cmp_to_key(lambda first, other: compare(order, first, other)))


@pytest.mark.parametrize(
    "name", [name for name, row in table.rows.items() if row.is_list and table.item(name)]
)
def test_every_list_can_be_ordered_as_its_row_says(name: str) -> None:
    item = table.item(name)
    assert item is not None
    order, _ = ordering._order(item.name)
    own = table.parent(item.path) == table.rows[name].path
    stored = table.rows[name] if own else table.source(table.rows[name])
    wanted = [step for step in stored.order if step.lstrip("-") != "href" and table.item(stored.name) is item]
    assert [("-" if descending else "") + path for path, descending, _ in order] == wanted


def test_controls_stand_by_start_then_newest_first() -> None:
    def control(number: int, start: int, created: int, mrid: str) -> tuple[bytes, int]:
        data = {"mRID": mrid, "creationTime": created, "interval": {"start": start, "duration": 1}}
        return ordering.list_position("DERControl", f"/derp/1/derc/{number}", data).sort, number

    assert [
        number
        for _, number in sorted(
            [
                control(1, 20, 1, "AA"),
                control(2, 10, 1, "AA"),
                control(3, 10, 2, "AA"),
                control(4, 10, 2, "AB"),
            ]
        )
    ] == [4, 3, 2, 1]


@pytest.mark.parametrize("kind, data, at, until", [
    ("DERControl", {"mRID": "01", "creationTime": 1, "interval": {"start": 50, "duration": 10}}, 50, 60),
    ("LogEvent", {"createdDateTime": 7}, 7, None),
    ("BillingPeriod", {"interval": {"start": 50, "duration": 10}}, 50, 60),
    ("DERStatus", {"readingTime": 5}, None, None)])
def test_a_place_in_time(kind: str, data: dict[str, Any], at: int | None, until: int | None) -> None:
    position = ordering.list_position(kind, table.rows[kind]._format.replace("{", "").replace("}", ""), data)
    assert (position.at, position.until) == (at, until)


def test_links_lead_to_lists_always_and_to_what_is_there() -> None:
    specs = links.links_in(2018, "EndDevice")
    rendered = links.links(specs, "/edev/7", {"/edev/7/der": 1}, {"/edev/7/rg"})
    assert rendered["DERListLink"] == {"href": "/edev/7/der", "all": 1}
    assert rendered["LogEventListLink"] == {"href": "/edev/7/lel", "all": 0}
    assert rendered["RegistrationLink"] == {"href": "/edev/7/rg"} and "DeviceStatusLink" not in rendered


def test_a_list_that_each_sees_otherwise_is_not_counted() -> None:
    assert links.links(links.link_rows("ResponseSet"), "/rsps/1", {"/rsps/1/rsp": None}, set()) == {
        "ResponseListLink": {"href": "/rsps/1/rsp"}}


def test_a_link_of_one_edition_is_not_in_the_other() -> None:
    keys = {edition: {link.key for link in links.links_in(edition, "DER")} for edition in (2018, 2023)}
    assert keys[2023] - keys[2018] == {"CurrentDERControlsLink", "DERComponentListLink"}
    assert keys[2018] - keys[2023] == {"CurrentDERProgramLink"}
    rendered = links.links(links.links_in(2023, "DER"), "/edev/7/der/1", {}, set())
    assert rendered["CurrentDERControlsLink"] == {"href": "/edev/7/der/1/cdc"}, "there before it is submitted"


def test_every_derived_link_is_one_that_its_type_has() -> None:
    link_rows = {kind: links.link_rows(kind) for kind in table.rows}
    assert sum(map(len, link_rows.values())) > 50
    for kind, rows in link_rows.items():
        assert {link.key for link in rows} <= schema.type_spec(table.rows[kind].element).by_key.keys()


def test_what_is_said_wins_over_what_follows_but_not_over_what_rules() -> None:
    data = links.complete("MirrorUsagePoint", "/mup/1", {"postRate": 5, "href": "/other", "mRID": "01"},
                           {"postRate": 300, "pollRate": 900}, {})
    assert data == {"postRate": 5, "href": "/mup/1", "mRID": "01"}
    assert (
        links.complete("MirrorUsagePoint", "/mup/1", {"postRate": 5}, {"postRate": 300}, {"postRate": 60})[
            "postRate"
        ]
        == 60
    )


@pytest.mark.parametrize("event, required, reply", [
    ({}, "03", "/rsps/8/rsp"), ({"responseRequired": "00"}, "00", None), ({"replyTo": "/x"}, "03", "/x")])
def test_an_event_asks_for_responses_and_says_where(
    event: dict[str, Any], required: str, reply: str | None
) -> None:
    data = links.complete("DERControl", "/derp/1/derc/1", event, {}, {})
    assert (data["responseRequired"], data.get("replyTo")) == (required, reply)


@pytest.mark.parametrize("now, state, until", [(9, 0, 10), (10, 1, 20), (19, 1, 20), (20, 0, None)])
def test_an_interval_is_active_while_it_lasts(now: int, state: int, until: int | None) -> None:
    assert visibility.interval_state(10, 20, now) == (state, until, None)
