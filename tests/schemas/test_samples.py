"""tests/samples: one plausible document per resource, valid under ours and under 2018."""
from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree

from server.resources import table
from tests.schemas.editions import CSIPAUS, valid

SAMPLES = {file.stem: file for file in sorted((Path(__file__).parents[1] / "samples").glob("*.xml"))}


def test_one_for_each_resource() -> None:
    assert set(SAMPLES) == set(table.rows)


@pytest.mark.parametrize("name", SAMPLES)
def test_sample(name: str) -> None:
    sample = etree.parse(SAMPLES[name]).getroot()
    row = table.rows[name]
    assert etree.QName(sample).localname == row.element
    assert valid("ours", sample)
    edition = str(row.edition or 2018)
    assert (
        valid("CSIP-AUS" if sample.tag.startswith("{" + CSIPAUS) else edition, sample)
        or "doeModes" in row.element
    )
    assert re.fullmatch(re.sub(r"<int:\w+>", r"\\d+", row.path), sample.get("href")), "its own href"


@pytest.mark.parametrize("name", SAMPLES)
def test_links_lead_to_resources(name: str) -> None:
    for link in etree.parse(SAMPLES[name]).getroot().iter("{*}*"):
        if etree.QName(link).localname.endswith("Link"):
            element = table.match(link.get("href"))
            assert element, link.get("href")
            assert (
                element.row.element
                == etree.QName(link).localname.removesuffix("Link").replace("Active", "", 1)
                or (element.row.name == etree.QName(link).localname.removesuffix("Link"))
                or element.row.of
            )


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.endswith("List")])
def test_lists_count_their_items(name: str) -> None:
    sample = etree.parse(SAMPLES[name]).getroot()
    assert len(sample) == int(sample.get("results")) <= int(sample.get("all"))
    assert all(element.get("href") for element in sample)
