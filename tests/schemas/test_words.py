"""Our documentation: everything has some, short, and none of it is the standard's."""
from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from tests.schemas.editions import EDITIONS, path

XS = "{http://www.w3.org/2001/XMLSchema}"
FILES = sorted(Path(path("ours")).parent.glob("*.xsd"))
LONGEST_RUN = 7


def documentation(root: etree._Element) -> Iterator[str]:
    for element in root.iter(f"{XS}documentation"):
        yield "".join(element.itertext())


def runs(text: str, length: int) -> Iterator[tuple[str, ...]]:
    """Every run of so many words; numbers end a run, for code lists are facts."""
    for stretch in re.split(r"[^\w\s'%/-]*\b\d+\b[^\w\s'%/-]*", text):
        words = re.findall(r"[\w'%/-]+", stretch.lower())
        yield from (tuple(words[at:at + length]) for at in range(len(words) - length + 1))


@pytest.fixture(scope="module")
def official() -> set[tuple[str, ...]]:
    files = [path(edition) for edition in EDITIONS] + [path("CSIP-AUS").replace("-core", "-ext")]
    return {run for file in files for text in documentation(etree.parse(file).getroot())
            for run in runs(text, LONGEST_RUN + 1)}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_words_of_the_standard(file: Path, official: set[tuple[str, ...]]) -> None:
    for text in documentation(etree.parse(file).getroot()):
        copied = [run for run in runs(text, LONGEST_RUN + 1) if run in official]
        assert not copied, " ".join(copied[0])


def test_the_official_words_are_found(official: set[tuple[str, ...]]) -> None:
    assert len(official) > 10_000


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_everything_is_documented(file: Path) -> None:
    """By its own words, or by those of its type where it is a link, a root, or named like its type."""
    if file.name in ("sep.xsd", "roots2018.xsd"):
        return
    root = etree.parse(file).getroot()
    for element in root.iter(f"{XS}element", f"{XS}attribute", f"{XS}complexType", f"{XS}simpleType"):
        name = element.get("name")
        spoken_for = name is None or name.endswith("_r2_3") or name.endswith("Link") or (
            element.get("type") in (name, f"{name}Type"))
        assert spoken_for or element.findtext(f"{XS}annotation/{XS}documentation"), f"{element.tag} {name}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_words_are_one_line(file: Path) -> None:
    assert all(
        "\n" not in text and text == text.strip() for text in documentation(etree.parse(file).getroot())
    )
