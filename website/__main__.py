"""`python -m website`: write the pages of the site and its configuration to build/, for a generator.

Pages of docs/ are copied with their links as they hold in the site; the others are made from the code.
"""
from __future__ import annotations

import shutil
from pathlib import Path

from website import links, pages

BUILD = links.ROOT / "build"


def main(build: Path = BUILD) -> None:
    """Write everything anew, so that nothing is left of pages that are gone."""
    folder = build / "docs"
    shutil.rmtree(folder, ignore_errors=True)
    for uri, path in pages.files().items():
        target = folder / uri
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            target.write_text(links.rewrite(path.read_text(), uri))
        else:
            shutil.copyfile(path, target)
    for uri, text in pages.generated().items():
        target = folder / uri
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    (build / "mkdocs.yml").write_text(pages.configuration())


if __name__ == "__main__":
    main()
