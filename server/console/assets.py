"""Files that pages load: Bootstrap and plotly from their installed packages, and the console's own.

Their addresses have a digest of their content, so that browsers keep them for ever; they are sent compressed.
"""
from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from flask import Blueprint, Response, request

from server.console.pagetable import ROOT
from server.errors import Refused

blueprint = Blueprint("assets", __name__)
_FILES: Mapping[str, tuple[str, str, str]] = {
    "bootstrap.css": ("flask_bootstrap", "static/bootstrap5/css/bootstrap.min.css", "text/css"),
    "bootstrap.js": ("flask_bootstrap", "static/bootstrap5/js/bootstrap.min.js", "text/javascript"),
    "popper.js": ("flask_bootstrap", "static/bootstrap5/umd/popper.min.js", "text/javascript"),
    "plotly.js": ("plotly", "package_data/plotly.min.js", "text/javascript"),
    "console.css": ("server.console", "static/console.css", "text/css"),
    "console.js": ("server.console", "static/console.js", "text/javascript"),
    "icon.svg": ("server.console", "static/icon.svg", "image/svg+xml"),
}
_FOR_EVER = "public, max-age=31536000, immutable"


class Asset(NamedTuple):
    """A file as it is sent."""
    content: bytes
    compressed: bytes
    kind: str
    digest: str


@lru_cache(maxsize=None)
def load(name: str) -> Asset:
    """Return a file. Refused (404) where there is none of the name."""
    if name not in _FILES:
        raise Refused(404, f"the console has no file {name!r}")
    package, path, kind = _FILES[name]
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise Refused(501, f"the console needs {package}: pip install 'counterpoise[console]'")
    content = (Path(spec.submodule_search_locations[0]) / path).read_bytes()
    content = content.partition(b"\n//# sourceMappingURL")[0].partition(b"/*# sourceMappingURL")[0]
    return Asset(content, gzip.compress(content, 6, mtime=0), kind, hashlib.sha256(content).hexdigest()[:16])


def href(name: str) -> str:
    """Return the address of a file."""
    return f"{ROOT}/assets/{load(name).digest}/{name}"


@blueprint.get("/assets/<digest>/<name>")
def file(digest: str, name: str) -> Response:
    """Send a file; browsers keep it for ever if the digest is that of its content."""
    asset = load(name)
    headers = {"Vary": "Accept-Encoding"}
    if digest == asset.digest:
        headers["Cache-Control"] = _FOR_EVER
    if request.accept_encodings["gzip"] <= 0:
        return Response(asset.content, content_type=asset.kind, headers=headers)
    return Response(asset.compressed, content_type=asset.kind,
                    headers={**headers, "Content-Encoding": "gzip"})
