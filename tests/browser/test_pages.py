"""Every page opens in a browser, without a complaint and without asking anything of the outside; axe finds
nothing serious, in dark and in light. Each is photographed into var/screenshots."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from server.console.pagetable import PAGES
from server.operators.roles import Role
from tests.browser.conftest import SCREENSHOTS, Site, Tab
from tests.load.scale import population

axe = pytest.importorskip("axe_playwright_python.sync_playwright")
SIZES = (0, 10, 2000)
SERIOUS = ("serious", "critical")
THEMES = ("dark", "light")  # pages are opened in the second
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


@pytest.fixture(scope="module")
def tab(browser: Any, site: Site) -> Iterator[Tab]:
    opened = Tab(browser, site, site.sign_in("ada", Role.ADMINISTRATOR))
    yield opened
    opened.close()


@pytest.mark.parametrize("devices", SIZES)
def test_every_page_opens_without_a_complaint(tab: Tab, devices: int) -> None:
    """The sizes follow each other in one database; the pages of the second are looked at more closely."""
    fill(devices)
    findings = []
    for page in PAGES:
        tab.open(page.href)
        if devices == SIZES[1]:
            tab.page.screenshot(path=SCREENSHOTS / f"{page.key}.png", full_page=True)
            findings += [finding for theme in THEMES for finding in serious(tab, theme)]
    assert (tab.complaints, tab.outside, findings) == ([], [], [])


def fill(count: int) -> None:
    """Enrol devices: ten that report, of which the others are copies."""
    template, population.TEMPLATE = population.TEMPLATE, SIZES[1]
    try:
        if count == SIZES[1]:
            population.build(count)
        elif count:
            population._copy(count // SIZES[1], {})
    finally:
        population.TEMPLATE = template


def serious(tab: Tab, theme: str) -> Iterator[str]:
    """Yield what axe finds on the page in a theme that keeps somebody from using it."""
    tab.page.evaluate("theme => { document.documentElement.dataset.bsTheme = theme }", theme)
    found = axe.Axe().run(tab.page, options={"resultTypes": ["violations"], "runOnly": RULES})
    for violation in found.response["violations"]:
        if violation["impact"] in SERIOUS:
            for node in violation["nodes"]:
                yield f"{tab.page.url} ({theme}): {violation['id']}: {node['html'][:200]}"
