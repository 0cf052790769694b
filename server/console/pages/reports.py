"""Reports: results of events, days and months, settlement, and who does not respond; to print and to keep."""
from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, request

from server.api.routes import routes
from server.console import cells, fieldvalues, forms, running
from server.console.pagetable import BY_KEY
from server.errors import Refused

PAGE = BY_KEY["reports"]
WORDS: Mapping[str, tuple[str, str]] = {
    "event": ("An event", "What an order or a load control event was asked to deliver, and did."),
    "day": ("A day", "What a virtual DER did in a day, event by event."),
    "month": ("A month", "The same day by day, with the settlement."),
    "calls": ("Settlement of calls", "What businesses were called for, delivered, and are paid."),
    "bill": ("The bill of an area", "What its exchange with a price cost, and what was saved."),
    "nonresponders": ("Who does not respond", "Devices that did not respond or deliver; the worst first."),
    "unmet": ("What could not be kept", "Limits, energy of cars, comfort and contracts, and why."),
}
"""What each report is called, and what it tells."""
blueprint = Blueprint("reports", __name__)


@blueprint.get(PAGE.path)
def page() -> str:
    """Show which reports there are, with a form for each."""
    made = [(name, *words, _form(name, {})) for name, words in WORDS.items()]
    orders = running.attempt("dispatch list", {"limit": 10})
    return render_template("console/reports.html", page=PAGE, reports=made,
                           orders=[] if isinstance(orders, Refused) else orders)


@blueprint.get(f"{PAGE.path}/<segment:name>")
def report(name: str) -> tuple[str, int]:
    """Make a report, and show it."""
    operation = running.find(f"report {name}")
    form = _form(name, request.args)
    title, tells = WORDS[name]
    shown: dict[str, Any] = {"page": PAGE, "name": name, "form": form, "title": title, "tells": tells,
                             "query": request.query_string.decode(), "result": None, "files": {}}
    status = 200
    try:
        given = fieldvalues.read(operation, request.args)
        with tempfile.TemporaryDirectory() as folder, running.allowed(operation.name, given):
            result = operation.run({**given, **_files(name, folder)})
            if isinstance(result, dict):
                result = {key: value for key, value in result.items() if key not in ("html", "key_figures")}
            shown["result"] = cells.node(result, operation.result)
            shown["files"] = {kind.partition("/")[2]: kind for kind in routes()[operation.name].written}
    except Refused as refused:
        form.refuse(refused)
        status = refused.status
    return render_template("console/report.html", **shown), status


@blueprint.get(f"{PAGE.path}/<segment:name>/file.<kind>")
def file(name: str, kind: str) -> Response:
    """Send the file of a report: a page that needs nothing else, or a table."""
    operation = running.find(f"report {name}")
    media = f"text/{kind}"
    if media not in routes()[operation.name].written:
        raise Refused(404, f"there is no file of this kind of {operation.name}")
    given = fieldvalues.read(operation, request.args)
    with tempfile.TemporaryDirectory() as folder, running.allowed(operation.name, given):
        files = _files(name, folder)
        result = operation.run({**given, **files})
        if not isinstance(result, dict):
            list(result)
        content = next(iter(files.values())).read_bytes()
    return Response(content, content_type=f"{media}; charset=utf-8", headers={
        "Content-Disposition": f'attachment; filename="report-{name}.{kind}"'})


def _form(name: str, given: Any) -> forms.OperationForm:
    if name not in WORDS:
        raise Refused(404, f"there is no report {name!r}")
    return forms.of_operation(running.find(f"report {name}"), given)


def _files(name: str, folder: str) -> dict[str, Path]:
    """Where the operation is to write the files that it can write."""
    written = routes()[f"report {name}"].written
    return {argument: Path(folder) / argument for argument in written.values()}
