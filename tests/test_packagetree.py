"""Packages say what they are for, in which order to read them, and the architecture prints just that."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import packagetree

BY_NAME = {"server/functionsets", "server/migrations", "server/cli", "server/console/pages", "schemas"}
"""Packages whose modules are all of one kind, named after what they do."""
MODULES = {path.stem for top in packagetree.TOPS for path in (packagetree.ROOT / top).rglob("*.py")} | {
    path.name for path in packagetree.packages()}
OTHER_WORDS = {"counterpoise", "load"}
"""What package docstrings name in backticks besides modules: the command, and `functionsets.load`."""


def name(package: Path) -> str:
    return str(package.relative_to(packagetree.ROOT))


def test_the_tree_printed_is_the_tree() -> None:
    assert packagetree.printed() == packagetree.tree(), "run python -m tests.packagetree"


@pytest.mark.parametrize("package", packagetree.packages(), ids=name)
def test_a_package_says_what_it_is_for_in_one_short_sentence(package: Path) -> None:
    text = packagetree.docstring(package)
    first, _, remainder = text.partition("\n")
    assert (
        0 < len(first) <= 95
        and first.endswith(".")
        and not remainder.startswith(tuple("abcdefghijklmnopqrstuvwxyz"))
    )


@pytest.mark.parametrize("package", packagetree.packages(), ids=name)
def test_a_package_names_its_modules_and_no_others(package: Path) -> None:
    named = {*re.findall(r"`([a-z]\w*)`", packagetree.docstring(package))}
    assert named - MODULES - OTHER_WORDS == set(), "these do not exist"
    if name(package) not in BY_NAME:
        own = {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")} | {
            path.parent.name for path in package.glob("*/__init__.py")}
        assert own - named - {"migrations"} == set(), "say in the package's docstring when to read these"


def test_the_picture_shows_packages() -> None:
    picture = (packagetree.ROOT / "docs" / "architecture.svg").read_text()
    named = {
        word for text in re.findall(r'font-weight="bold">([a-z][^<]*)<', picture) for word in text.split(", ")
    }
    assert {"grid", "resources", "protocol"} <= named
    assert named - MODULES == set()
