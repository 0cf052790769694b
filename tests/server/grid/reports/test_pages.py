"""Pages with their charts stand alone, and names in them are text."""
import re
from xml.etree import ElementTree

import pytest

from server.grid.groups import virtualders
from server.grid.reports import charts, pages, reports
from tests.conftest import on_sqlite
from tests.server.grid.reports.conftest import MARKUP


@on_sqlite
@pytest.mark.parametrize("which", ["event", "day", "month"])
def test_a_page_stands_alone_and_is_well_formed(day, evening, tmp_path, which):
    ask = {
        "event": lambda: reports.event(evening.id),
        "day": lambda: reports.day("street"),
        "month": lambda: reports.month("street"),
    }
    report = ask[which]()
    drawn = charts.report_charts(report)
    path = pages.write(report, drawn, tmp_path / "deep" / "page.html")
    text = path.read_text()
    tree = ElementTree.fromstring(text.partition("\n")[2])
    assert not re.search(r"https?://|<script|<link|<img|@import|url\((?!#)", text)
    names = re.findall(r'\bid="([^"]*)"', text)
    assert len(names) == len(set(names))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]*)', text)) <= set(names)
    drawings = tree.findall(".//svg")
    assert len(drawings) == len(drawn) == {"event": 6, "day": 5, "month": 6}[which]
    assert all(
        drawing.get("role") == "img" and drawing.find("title").text and drawing.find("desc").text
        for drawing in drawings
    )
    assert all(value in text for _, value in pages.figures(report["key_figures"]))
    assert ("81.7 %" if which == "event" else "50.0 %") in text and "UTC" in text
    assert pages.html(ask[which](), charts.report_charts(ask[which]())) == text


def test_names_are_text(street, evening):
    text = pages.html(report := reports.event(evening.id), charts.report_charts(report))
    assert MARKUP not in text and "&lt;script&gt;" in text


def test_a_virtual_der_with_markup_in_its_name_is_drawn_as_it_is(street, evening):
    virtualders.update("street", name="<b>$x_1$ & co</b>")
    text = pages.html(report := reports.day("<b>$x_1$ & co</b>"), charts.report_charts(report))
    assert "<b>" not in text and text.count("&lt;b&gt;$x_1$ &amp; co") >= 3
    ElementTree.fromstring(text.partition("\n")[2])


def test_without_anything_there_is_still_a_page(street):
    report = reports.day("street")
    assert charts.report_charts(report) == [] and "RMS" not in pages.html(report, [])
