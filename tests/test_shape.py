"""The shape of the code, beyond what the linter checks."""
from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from server.resources import codes, links, schema, table

ROOT = Path(__file__).parents[1]
PACKAGES = ("server", "clients", "certs")
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
LONGEST = 300
MISLEADING = {"xml", "time", "operator", "resource", "types", "logging", "select", "signal", "socket", "ssl"}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_what_it_is_for_and_is_one_idea(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST
    assert ast.get_docstring(ast.parse(text)), "it has no docstring"
    assert path.stem not in MISLEADING


def test_tests_stand_where_what_they_test_stands() -> None:
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")}
    assert [str(folder) for folder in folders
            if folder.parts and folder.parts[0] in PACKAGES and not (ROOT / folder).is_dir()] == []


def test_a_module_has_a_test_file_of_its_name_or_an_entry_that_says_what_tests_it() -> None:
    """The entries are in tests/data/testedby.toml; one that is not needed is refused too."""
    listing = tomllib.loads((ROOT / "tests/data/testedby.toml").read_text())
    without = {
        name(path)
        for package in listing["packages"]
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
        and not (ROOT / "tests" / path.relative_to(ROOT)).with_name(f"test_{path.name}").exists()
    }
    assert without == listing["tested_by"].keys()
    assert [test for test in listing["tested_by"].values() if not (ROOT / test).is_file()] == []


def test_no_two_classes_of_the_server_have_one_name() -> None:
    """Migrations repeat those of models, and each table of the database has its own Meta."""
    files: dict[str, list[str]] = {}
    for path in MODULES:
        if path.is_relative_to(ROOT / "server") and path.parent.name != "migrations":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef) and node.name != "Meta":
                    files.setdefault(node.name, []).append(name(path))
    assert {word: places for word, places in files.items() if len(places) > 1} == {}


def test_a_test_file_outside_packages_has_a_name_of_its_own() -> None:
    """Pytest takes the second of a name for the first."""
    loose = Counter(
        path.name
        for path in (ROOT / "tests").rglob("test_*.py")
        if not (path.parent / "__init__.py").exists()
    )
    assert [name for name, count in loose.items() if count > 1] == []


@pytest.mark.parametrize("row", table.rows.values(), ids=lambda row: row.name)
def test_a_row_has_its_element_and_its_item(row: table.Row) -> None:
    assert schema.is_element(row.element)
    if row.is_list:
        item = table.item(row.name)
        assert item is not None and item.element in schema.type_spec(row.element).by_key
    for posted in row.posted:
        assert schema.is_element(posted)


def test_every_resource_of_the_standard_has_a_row_and_a_sample() -> None:
    lines = (ROOT / "tests/data/resources.csv").read_text().splitlines()[1:]
    names = {line.split(",")[0] for line in lines}
    assert len(names) == 126 and names <= table.rows.keys()
    samples = {path.stem for path in (ROOT / "tests/samples").glob("*.xml")}
    assert {row for row in names if row not in samples and table.rows[row].element not in samples} == set()


def test_no_row_stands_in_the_way_of_another() -> None:
    paths = [row.path for row in table.rows.values()]
    shapes = {table._PARAMETER.sub("#", path) for path in paths}
    matches = [table.match(shape.replace("#", "1")) for shape in shapes]
    assert len(shapes) == len({match.row.path for match in matches if match is not None})


def test_a_link_that_the_table_can_derive_leads_to_a_row() -> None:
    for kind in table.rows:
        for link in links.link_rows(kind):
            assert link.row.name in table.rows and link.row.path.rpartition("/")[2] == link.step


def test_the_statuses_that_the_tables_name_are_those_of_the_standard() -> None:
    named = {status for row in table.rows.values() for status in row.statuses}
    assert named == set(codes.ResponseStatus)
    assert all(bool(row.response) == bool(row.statuses) for row in table.rows.values())


def test_the_device_interface_loads_no_mathematics() -> None:
    """numpy and HiGHS would cost each of its worker processes 40 MB and a second at the start."""
    code = ("import sys; from server import grid, functionsets; from server.protocol import app, worker; "
            "functionsets.load(); grid.load(); "
            "print({'numpy', 'highspy', 'matplotlib'} & sys.modules.keys())")
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "set()"
