"""The table of resources as such: hrefs and rows."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.resources import table

NUMBERS = st.integers(0, 10 ** table.MAX_DIGITS - 1)


@given(st.sampled_from(sorted(table.rows)), st.data())
def test_an_href_leads_back_to_its_row(name: str, data: st.DataObject) -> None:
    row = table.rows[name]
    numbers = {parameter: data.draw(NUMBERS) for parameter in row.parameters}
    match = table.match(row.href(**numbers))
    assert match is not None and match.parameters == numbers
    assert match.row.path == row.path and match.row.allow == row.allow


@pytest.mark.parametrize(
    "href",
    [
        "",
        "/",
        "/dcap/",
        "dcap",
        "/edev/",
        "/edev/x",
        "/edev/1/",
        "//edev/1",
        "/edev/-1",
        "/edev/1.0",
        "/edev/1/der/1/nothing",
        "/dcap/1",
        "/edev/1x",
        "/edev/1 ",
    ],
)
def test_what_the_table_does_not_have_has_no_row(href: str) -> None:
    assert table.match(href) is None


def test_items_and_what_stands_below() -> None:
    assert table.item("DERControlList") is table.rows["DERControl"]
    assert table.item("ActiveDERControlList") is table.rows["DERControl"]
    assert table.item("DERControl") is None or not table.rows["DERControl"].is_list
    assert {row.name for row in table.children("EndDevice")} >= {"Registration", "DERList", "DeviceStatus"}
    assert table.rows["DERControl"] not in table.children("DERProgram")


@pytest.mark.parametrize(
    "href, above, number",
    [
        ("/edev/12", "/edev", 12),
        ("/edev/12/rg", "/edev/12", 0),
        ("/dcap", "", 0),
        ("/derp/1/derc/00", "/derp/1/derc", 0),
    ],
)
def test_parents_and_numbers(href: str, above: str, number: int) -> None:
    assert (table.parent(href), table.number(href)) == (above, number)


def test_methods_and_modes() -> None:
    row = table.rows["DERStatus"]
    assert (
        row.allow == "GET, HEAD, PUT"
        and row.allows("PUT")
        and not row.allows("DELETE")
        and row.mode("PATCH") == "E"
    )
    assert table.rows["DERControlList"].is_list and not row.is_list
