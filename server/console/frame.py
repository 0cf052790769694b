"""What all pages have: the blueprint of the console, with navigation, headers and refusals."""
from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from flask import Blueprint, Flask, Response, current_app, redirect, request
from flask.typing import ResponseReturnValue

from server import clock
from server.api import openidsignin
from server.config import settings
from server.console import actions, assets, cells, forms, generated, identity, refusals, running, signin
from server.console.pagetable import PAGES, ROOT, ConsolePage
from server.errors import Refused
from server.models import check_schema, first_statement

_OPEN = ("console.signin", "console.assets")  # blueprints that need nobody to have signed in
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: "
          "blob:; font-src 'self'; connect-src 'self'; worker-src blob:; form-action 'self'; "
          "frame-ancestors 'none'; base-uri 'none'")
_HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"}
STREAM = "/api/v1/stream"  # of what has changed, after which pages fetch their live parts anew
MOST_NAMES = 200  # of virtual DERs that fields suggest


def register(app: Flask) -> None:
    """Add the console to the application of the operator interface."""
    console = Blueprint("console", __name__, url_prefix=ROOT, template_folder="templates")
    for blueprint in (signin.blueprint, assets.blueprint, actions.blueprint, *map(_blueprint, PAGES)):
        console.register_blueprint(blueprint)
    console.add_url_rule("/", "start", lambda: redirect(f"{ROOT}/now"))
    console.add_url_rule("/<path:rest>", "nothing", _nothing, methods=["GET", "POST"])
    console.before_request(_before)
    console.after_request(_with_headers)
    console.register_error_handler(Exception, refusals.answer)
    console.context_processor(_context)
    app.register_blueprint(console)
    app.add_url_rule("/", "console start", lambda: redirect(f"{ROOT}/now"))
    app.add_url_rule(ROOT, "console root", lambda: redirect(f"{ROOT}/now"))
    for name in openidsignin.ENDPOINTS:
        app.view_functions[name] = refusals.as_page(app.view_functions[name])
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def _blueprint(page: ConsolePage) -> Blueprint:
    """The blueprint of a page: that of its module, or a generated one where it has none."""
    name = f"server.console.pages.{page.key}"
    if find_spec(name) is None:
        return generated.blueprint(page)
    found: Blueprint = import_module(name).blueprint
    return found


def _nothing(rest: str) -> ResponseReturnValue:
    raise Refused(404, f"there is nothing at {ROOT}/{rest}")


def _before() -> ResponseReturnValue | None:
    """Let nobody in who has not signed in, and take no form of elsewhere."""
    first_statement(check_schema)
    if (request.blueprint or "").startswith(_OPEN):
        return None
    identity.principal()
    if request.method == "POST":
        identity.require_own_form()
    return None


def _with_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _context() -> dict[str, Any]:
    """What templates have at hand."""
    return {
        "pages": [page for page in PAGES if identity.may(page.role)], "asset": assets.href,
        "who": identity.known, "is_guest": identity.is_guest, "form_token": identity.form_token,
        "once_key": running.once_key,
        "timezone": settings.timezone, "now": cells.instant(clock.now()), "instant": cells.instant,
        "shown": cells.shown, "power": cells.power, "title_of": forms.title, "form_of": forms.of_operation,
        "find_operation": running.find, "has_role": identity.may, "vder_names": vder_names, "done": _done,
        "stream": STREAM if "stream" in current_app.view_functions and identity.known() else ""}


def _done() -> str:
    """What was just done, as the address of the page says."""
    name = request.args.get(actions.DONE, "")
    try:
        return forms.title(running.find(name)) if name else ""
    except Refused:
        return ""


def vder_names() -> list[str]:
    """Return names of virtual DERs that fields suggest."""
    try:
        rows = running.page("vder list", limit=MOST_NAMES).rows
    except Refused:
        return []
    return [str(row["name"]) for row in rows if row.get("name")]
