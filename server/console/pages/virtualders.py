"""Virtual DERs: the tree with members and limits, what each can do over the next day, and who would be in."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from flask import Blueprint, render_template, request

from server import clock
from server.console import cells, charts, running, tables
from server.console.charts import PageChart
from server.console.pagetable import BY_KEY
from server.errors import Refused
from server.operations import resulttypes

PAGE = BY_KEY["virtualders"]
MOST_AT_ONCE = 2000  # members up to which what they can do is computed without being asked for
COLUMNS = ("name", "members", "export_limit_w", "import_limit_w", "primacy", "purpose", "rule", "program")
ROWS = 200  # of the tree
INDENT = "\u2003"
blueprint = Blueprint("virtualders", __name__)


@blueprint.get(PAGE.path)
def page() -> str:
    """Show the tree, and who would be in by a rule."""
    tree = tables.of_operation("vder list", caption="The tree of virtual DERs", columns=COLUMNS, rows=ROWS,
                               links={"name": lambda row: href_of(row["name"])}, teaches=PAGE.teaches)
    if not tree.sorted_by:
        for raw, row in zip(tree.raw, tree.rows, strict=True):
            row[0] = cells.Cell(text=INDENT * raw["depth"] + row[0].text, href=row[0].href)
    rule = request.args.get("rule", "")
    return render_template("console/virtualders.html", page=PAGE, tree=tree, rule=rule,
                           match=matching(rule) if rule.strip() else None)


@blueprint.get(f"{PAGE.path}/<segment:name>")
def vder(name: str) -> str:
    """Show a virtual DER: what it is, who is in it, what it can do."""
    row = _row(name)
    computed = row["members"] <= MOST_AT_ONCE or request.args.get("compute") == "true"
    found = running.run("vder show", {"vder": name}) if computed else None
    declared = running.find("vder show").result
    kinds = resulttypes.fields(declared, found) if found else {}
    return render_template(
        "console/virtualder.html", page=PAGE, vder=row, found=found, computed=computed,
        capability=capability_chart(name) if computed and row["members"] else None,
        now_table=cells.node(found["capability"], kinds["capability"]) if found else None,
        members=tables.of_operation(
            "vder members list", {"vder": name}, caption="Members", rows=25,
            columns=("name", "kind", "lfdi", "added_by"),
            links={"name": lambda row: f"/console/devices/{row['id']}",
                   "lfdi": lambda row: f"/console/devices/{row['id']}"},
            teaches="No member yet: give it a rule, or put devices in by name."),
        children=[other for other in running.run("vder list") if other["parent"] == row["name"]])


def href_of(name: str) -> str:
    """Return the address of the page of a virtual DER."""
    return f"{PAGE.href}/{quote(name, safe='')}"


def _row(name: str) -> Any:
    """The row of a virtual DER in the list. Refused (404) where there is none of this name or number."""
    rows = running.run("vder list", {"single": True})
    for row in rows:
        if name in (row["name"], str(row["id"])):
            return row
    raise Refused(404, f"no virtual DER is called {name!r}")


def matching(rule: str) -> Any:
    """Return who would be in by a rule, or the Refused."""
    return running.attempt("vder match", {"rule": rule})


def capability_chart(name: str) -> PageChart | Refused:
    """Return the chart of what a virtual DER can do over the next day, or the Refused."""
    found: dict[str, Any] = {}
    for quantile in ("0.5", "0.9"):
        answer = running.attempt("vder capability", {"vder": name, "quantile": quantile})
        if isinstance(answer, Refused):
            return answer
        found[quantile] = answer["steps"]
    return charted(found)


def charted(found: Mapping[str, Any]) -> PageChart:
    """Return the chart of the steps of both quantiles: up is above zero, down below."""
    steps = found["0.5"]
    series = {}
    for quantile, words in (("0.5", "expected"), ("0.9", "nine times of ten")):
        series[f"up, {words}"] = [step["up_w"] for step in found[quantile]]
        series[f"down, {words}"] = [-abs(step["down_w"]) for step in found[quantile]]
    styles = {name: {"line": {"color": "#2a7f3b" if name.startswith("up") else "#b85c00",
                              "dash": "solid" if name.endswith("expected") else "dot"}} for name in series}
    start = steps[0]["start"] if steps else clock.now()
    step_s = steps[1]["start"] - start if len(steps) > 1 else 900
    best = max((step["up_w"] for step in steps), default=0.0)
    return charts.of_series(
        "capability", "What it can do over the next day", start, step_s, series, styles=styles,
        summary=f"Injection above (up) and below (down) the baseline; up to {cells.power(best)} up. Solid "
                "lines can be expected (P50), dotted ones counted on nine times of ten (P90).")
