"""What becomes of a page's link to a file outside docs/: pages write links as they hold in the repository.

A module leads to its place in the reference of packages; any other file is in the site under its path in the
repository.
"""
from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from website import packages

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
OUTSIDE = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "schemas/README.md", "certs/README.md",
           "tests/standard/README.md")
"""The pages outside docs/ that are pages of the site."""
_LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")


def source(uri: str) -> Path:
    """The file of a page of the site."""
    return ROOT / uri if uri in OUTSIDE else DOCS / uri


def rewrite(text: str, uri: str) -> str:
    """Return the text of a page with its links as they hold in the site."""
    def replaced(match: re.Match[str]) -> str:
        target, fragment = match[1], match[2] or ""
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        there, anchor = _place(source(uri).parent, target)
        return os.path.relpath(there, os.path.dirname(uri) or ".") + (fragment or anchor)
    return _LINK.sub(replaced, text)


def files() -> dict[str, Path]:
    """The files outside docs/ that the site has, by their paths in it: pages, and what pages link."""
    found = {uri: ROOT / uri for uri in OUTSIDE}
    for page in (*DOCS.rglob("*.md"), *found.values()):
        for path in _linked(page):
            if not path.is_relative_to(DOCS) and packages.module(path) is None and path.is_file():
                found[_uri(path)] = path
    found.pop("README.md", None)
    return found


def _linked(page: Path) -> Iterator[Path]:
    for target, _ in _LINK.findall(page.read_text()):
        if "://" not in target:
            yield (page.parent / target).resolve()


def _place(folder: Path, target: str) -> tuple[str, str]:
    path = (folder / target).resolve()
    module = packages.module(path)
    if module is not None:
        return packages.place(module)
    return _uri(path), ""


def _uri(path: Path) -> str:
    """Where a file of the repository is in the site; its front page is that of docs/."""
    if path.is_relative_to(DOCS):
        return str(path.relative_to(DOCS))
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
