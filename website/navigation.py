"""Which page of the site is where: the navigation of mkdocs.yml, whose `folder/*` stand for folders."""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"
STAR = "/*"


def expand(nav: Any, uris: Iterable[str]) -> Any:
    """Return the navigation with each `folder/*` replaced by the pages of that folder, of these `uris`.

    The folder's README.md comes first, then the pages that it links, in that order, then the others by name.
    A page that the navigation names itself is not there a second time.
    """
    named = {*paths(nav)}
    pages = [uri for uri in uris if uri.endswith(".md") and uri not in named]
    return _expanded(nav, pages)


def paths(nav: Any) -> Iterator[str]:
    """Every path that a navigation has."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, Mapping):
        for below in nav.values():
            yield from paths(below)
    else:
        for entry in nav:
            yield from paths(entry)


def _expanded(nav: Any, pages: list[str]) -> Any:
    if isinstance(nav, Mapping):
        return {title: _expanded(below, pages) for title, below in nav.items()}
    if isinstance(nav, str):
        return nav
    entries: list[Any] = []
    for entry in nav:
        if isinstance(entry, str) and entry.endswith(STAR):
            entries += _in_folder(entry.removesuffix(STAR), pages)
        else:
            entries.append(_expanded(entry, pages))
    return entries


def _in_folder(folder: str, pages: list[str]) -> list[str]:
    inside = sorted(page for page in pages if page.rpartition("/")[0] == folder)
    readme = DOCS / folder / "README.md"
    linked = re.findall(r"\]\(([\w.-]+\.md)\)", readme.read_text()) if readme.exists() else []
    order = {f"{folder}/{name}": place for place, name in enumerate(["README.md", *linked])}
    return sorted(inside, key=lambda page: (order.get(page, len(order)), page))
