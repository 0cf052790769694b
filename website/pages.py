"""All pages of the site: what is in docs/, what pages of docs/ link, and what is made from the code."""
from __future__ import annotations

from pathlib import Path

import yaml

from website import alarms, links, metrics, navigation, packages, resources, rest

CONFIGURATION = links.ROOT / "mkdocs.yml"


def files() -> dict[str, Path]:
    """The file of each page, picture and so on by its path in the site."""
    own = {str(path.relative_to(links.DOCS)): path for path in links.DOCS.rglob("*") if path.is_file()}
    return own | links.files()


def generated() -> dict[str, str]:
    """The text of every page that is made from the code, by its path in the site."""
    return {module.PATH: module.page() for module in (rest, resources, alarms, metrics)} | packages.pages()


def configuration() -> str:
    """mkdocs.yml with the whole navigation, and paths as seen from build/."""
    before, nav, after = CONFIGURATION.read_text().partition("\nnav:\n")
    assert nav, f"{CONFIGURATION.name} has no navigation at its end"
    spread = navigation.expand(yaml.safe_load(after), [*files(), *generated()])
    return f"{before}\n{yaml.safe_dump({'nav': spread}, sort_keys=False)}"
