"""The tree of packages with the first line of each docstring, as docs/architecture.md prints it.

`python -m tests.packagetree` writes it there anew.
"""
from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
TOPS = ("server", "clients", "certs", "schemas")
BEGIN, END = "<!-- tree: written by python -m tests.packagetree -->\n```text\n", "```\n<!-- end of tree -->\n"
COLUMN = 22


def packages() -> list[Path]:
    """Every package that is installed, parents first."""
    return [file.parent for top in TOPS for file in sorted((ROOT / top).rglob("__init__.py"))]


def docstring(package: Path) -> str:
    """The docstring of a package."""
    return ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""


def summary(package: Path) -> str:
    """The first line of a package's docstring, without its full stop."""
    return docstring(package).partition("\n")[0].removesuffix(".")


def tree() -> str:
    """A line for each package, indented by its depth."""
    lines = []
    for package in packages():
        depth = len(package.relative_to(ROOT).parts) - 1
        lines.append(f"{'  ' * depth + package.name + '/':<{COLUMN}}{summary(package)}\n")
    return "".join(lines)


def printed() -> str:
    """The tree that the page has."""
    _, begin, remainder = PAGE.read_text().partition(BEGIN)
    text, end, _ = remainder.partition(END)
    assert begin and end, f"{PAGE.name} has no tree between its two marks"
    return text


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text().replace(BEGIN + printed() + END, BEGIN + tree() + END))
