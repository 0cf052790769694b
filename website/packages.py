"""The reference of the Python packages: a page for each, with the docstrings of its modules."""
from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOPS = ("server", "clients", "certs")
FOLDER = "reference/packages"
UNREAD = ("server.migrations", "server.resources.codes")
"""Packages whose modules are lists: frozen copies of tables, and enumerations."""


def module(path: Path) -> str | None:
    """The name of the module in a file of ours; None where it is no module of a package."""
    if path.suffix != ".py" or not path.is_relative_to(ROOT) or path.relative_to(ROOT).parts[0] not in TOPS:
        return None
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def place(name: str) -> tuple[str, str]:
    """The page on which a module or package is described, and its anchor there."""
    file = ROOT.joinpath(*name.split("."))
    package = name if file.is_dir() else name.rpartition(".")[0]
    return f"{FOLDER}/{package}.md", "" if package == name or package in UNREAD else f"#{name}"


def pages() -> dict[str, str]:
    """The text of each page by its path in the site."""
    inits = [file for top in TOPS for file in sorted((ROOT / top).rglob("__init__.py"))]
    return {place(str(module(file)))[0]: _page(file) for file in inits}


def _page(file: Path) -> str:
    package = str(module(file))
    docstring = ast.get_docstring(ast.parse(file.read_text())) or ""
    parts = [f"# {package}\n\n{docstring}\n"]
    if package not in UNREAD:
        parts += [f"::: {module(path)}\n" for path in sorted(file.parent.glob("*.py"))
                  if not path.name.startswith("__")]
    return "\n".join(parts)
