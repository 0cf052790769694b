"""README.md of this directory is true: the tests that it names are there; a rule has one, or a reason."""
from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parent
PAGE = (HERE / "README.md").read_text()
# The procedures that concern a server: how many there are of each kind, without those that are not there.
NUMBERS = {"COMM": {2, 3, 4}, "CORE": {1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13, 14, 18, 19, 21, 22, 23},
           "BASIC": {*range(1, 30)}, "UTIL": {*range(1, 5)}, "AGG": {*range(1, 13)}, "MAINT": {*range(1, 7)},
           "ERR": {1, 2}}
IDS = {f"{kind}-{number:03}" for kind, numbers in NUMBERS.items() for number in numbers}
REASONS = ("none yet: ", "not here: ", "a client's: ", "open: ")


@lru_cache(maxsize=None)
def functions(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def sections() -> dict[str, list[list[str]]]:
    """The rows of the tables, as their cells, by the heading above."""
    found = {}
    for part in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        lines = [line for line in text.splitlines() if line.startswith("| ")]
        found[heading] = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]
    return found


def resolved(reference: str) -> Path:
    """The file of a reference: in this directory, or from `tests/`."""
    name = reference.partition("::")[0]
    return HERE / name if (HERE / name).is_file() else TESTS / name


@pytest.mark.parametrize("heading", sections())
def test_each_row_names_tests_that_are_there_or_says_why_not(heading: str) -> None:
    for row in sections()[heading]:
        references = re.findall(r"`([\w/]+\.py(?:::\w+)?)`", row[-1])
        assert references or row[-1].startswith(REASONS), row
        for reference in references:
            path, _, function = reference.partition("::")
            assert resolved(reference).is_file(), reference
            assert not function or function in functions(resolved(reference)), reference


def test_each_procedure_has_a_test_of_its_id() -> None:
    names = {path.name: functions(path) for path in (HERE / "csip").glob("test_*.py")}
    tested = {f"{match[1].upper()}-{match[2]}" for found in names.values() for name in found
              if (match := re.match(r"test_([a-z]+)_(\d{3})_", name))}
    assert tested == IDS


def test_the_page_names_each_procedure_and_where_it_is() -> None:
    named: dict[str, str] = {}
    for procedures, _, where in sections()["CSIP conformance test procedures"]:
        ids = re.findall(r"([A-Z]+)-(\d{3})", procedures)
        kind, first, last = ids[0][0], int(ids[0][1]), int(ids[-1][1])
        named |= {f"{kind}-{number:03}": where for number in range(first, last + 1)
                  if number in NUMBERS[kind]}
    assert named.keys() == IDS
    for identifier, where in named.items():
        start = f"test_{identifier.lower().replace('-', '_')}_"
        assert any(name.startswith(start) for name in functions(resolved(where.strip("`")))), identifier
