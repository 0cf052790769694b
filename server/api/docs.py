"""`/api/docs`: the OpenAPI document for people, by Swagger UI from an installed package; nothing comes from
elsewhere."""
from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from flask import Flask, Response

from server.api import openapi
from server.api.routes import ROOT
from server.errors import Refused

DOCS = "/api/docs"
PACKAGE = "flask_openapi_swagger"  # its files alone are used, and none of its code
_FILES: Mapping[str, tuple[str, str]] = {
    "swagger-ui.css": ("css", "text/css"),
    "swagger-ui-bundle.js": ("js", "text/javascript"),
}
_PAGE = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Counterpoise: REST interface</title>
<link rel="stylesheet" href="{DOCS}/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="{DOCS}/swagger-ui-bundle.js"></script>
<script src="{DOCS}/start.js"></script>
</body>
</html>
"""
_START = f"""SwaggerUIBundle({{
  url: "{ROOT}/openapi.json", dom_id: "#docs", deepLinking: true, docExpansion: "none", filter: true,
  validatorUrl: null, tryItOutEnabled: false
}});
"""
_POLICY = ("default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
           "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
_DAY_S = 86_400


def register(app: Flask) -> None:
    """Add the document and its page, which need no token: they say nothing of this installation."""
    app.add_url_rule(f"{ROOT}/openapi.json", "openapi", _document)
    app.add_url_rule(DOCS, "docs", _page)
    app.add_url_rule(f"{DOCS}/start.js", "docs start", _start)
    app.add_url_rule(f"{DOCS}/<name>", "docs file", _file)


def _document() -> Response:
    return Response(openapi.as_bytes(), content_type="application/json")


def _page() -> Response:
    _folder()
    return Response(_PAGE, content_type="text/html; charset=utf-8",
                    headers={"Content-Security-Policy": _POLICY})


def _start() -> Response:
    return Response(_START, content_type="text/javascript")


def _file(name: str) -> Response:
    if name not in _FILES:
        raise Refused(404, f"{DOCS} has no file {name!r}")
    folder, kind = _FILES[name]
    content = (_folder() / folder / name).read_bytes()
    return Response(content, content_type=kind, headers={"Cache-Control": f"max-age={_DAY_S}"})


def _folder() -> Path:
    """The folder of Swagger UI. Refused (501) where its package is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise Refused(501, f"this page needs a package that is not installed: pip install "
                           f"'counterpoise[api]'. The document itself is at {ROOT}/openapi.json")
    return Path(spec.submodule_search_locations[0]) / "templates" / "swagger"
