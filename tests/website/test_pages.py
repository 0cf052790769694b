"""The site without its build: pages have their places, links lead somewhere, what is made is whole."""
from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from server.alarmkinds import KINDS
from server.api.routes import ROOT as REST
from server.api.routes import routes
from server.monitoring.measures import MEASURES
from server.resources import table
from website import __main__ as written
from website import alarms, links, metrics, navigation, packages, pages, resources, rest


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that a generator is given."""
    folder = tmp_path_factory.mktemp("site")
    written.main(folder)
    yield folder


def test_the_navigation_has_every_page_once(site: Path) -> None:
    nav = [*navigation.paths(yaml.safe_load((site / "mkdocs.yml").read_text().partition("\nnav:")[2]))]
    there = {str(path.relative_to(site / "docs")) for path in (site / "docs").rglob("*.md")}
    assert sorted(nav) == sorted(there)


def test_a_folder_has_the_order_of_its_first_page() -> None:
    uris = ["how-to/a.md", "how-to/dispatch.md", "how-to/enrol-devices.md", "how-to/README.md",
            "how-to/b.png", "x.md"]
    found = navigation.expand(["x.md", {"How": ["how-to/*"]}], uris)
    assert found == ["x.md", {"How": ["how-to/README.md", "how-to/enrol-devices.md", "how-to/dispatch.md",
                                      "how-to/a.md"]}]


def test_links_lead_to_pages_of_the_site(site: Path) -> None:
    broken = []
    for page in (site / "docs").rglob("*.md"):
        for target, anchor in links._LINK.findall(page.read_text()):
            other = Path(os.path.normpath(page.parent / target))
            if "://" not in target and (not other.is_file() or "packages/" in target and anchor and (
                    f"::: {anchor[1:]}\n" not in other.read_text())):
                broken.append((str(page.relative_to(site)), target + anchor))
    assert broken == []


@pytest.mark.parametrize(("link", "place"), [
    ("[a](how-to/users.md#x)", "[a](how-to/users.md#x)"),
    ("[a](../server/worker.py)", "[a](reference/packages/server.md#server.worker)"),
    ("[a](../server/api/__init__.py)", "[a](reference/packages/server.api.md)"),
    ("[a](../deploy/nginx.conf)", "[a](deploy/nginx.conf)"),
    ("[a](../README.md)", "[a](README.md)"),
    ("[a](https://semver.org/)", "[a](https://semver.org/)"),
])
def test_a_link_of_a_page_is_rewritten(link: str, place: str) -> None:
    assert links.rewrite(link, "api.md") == place


def test_what_is_made_of_the_code_has_everything() -> None:
    first_cells = re.compile(r"^\| `?([^`|]+?)`? \|", re.MULTILINE)
    assert {*first_cells.findall(resources.page())} - {"resource", "---"} == table.rows.keys()
    assert {*first_cells.findall(alarms.page())} - {"kind", "---"} == KINDS.keys()
    assert first_cells.findall(metrics.page())[2:] == [f"counterpoise_{measure.name}" for measure in MEASURES]
    text = rest.page()
    assert [route.path for route in routes().values()
            if f"### {route.method} {REST}{route.path}\n" not in text] == []


def test_every_module_is_in_the_reference_of_packages() -> None:
    text = "\n".join(packages.pages().values())
    modules = {packages.module(path) for top in ("server", "clients", "certs")
               for path in (links.ROOT / top).rglob("*.py") if not path.name.startswith("__")}
    described = {*re.findall(r"^::: (.*)$", text, re.MULTILINE)}
    assert {name for name in modules - described if not str(name).startswith(packages.UNREAD)} == set()


def test_nothing_is_asked_of_elsewhere_by_the_configuration() -> None:
    configuration = pages.CONFIGURATION.read_text()
    assert "font: false" in configuration and "http" not in configuration
