"""Plans and signals: what the grid requires, what is expected, plans, the automatic balance, approvals."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server import clock
from server.console import areaviews, cells, charts, forms, identity, running, tables
from server.console.charts import PageChart
from server.console.pagetable import BY_KEY
from server.errors import Refused
from server.operators.roles import Role

blueprint = Blueprint("plans", __name__)
MOST_AREAS, MOST_WAITING = 20, 50
SIGNAL_FIRST = ("area", "kind", "csv_file", "flat", "start", "length_s")
KINDS: Mapping[str, str] = {"load": "Load", "pv": "Solar", "thermal": "Heat", "ev": "Cars"}


@blueprint.get("/plans")
def page() -> str:
    """Show the page."""
    back = BY_KEY["plans"].href
    return render_template(
        "console/plans.html", page=BY_KEY["plans"], back=back, area=request.args.get("area", ""),
        areas=areaviews.settings_of_all()[:MOST_AREAS], waiting=_waiting(),
        put=_form("signal put"), run=_form("plan run"), automatic=_form("plan auto"), first=SIGNAL_FIRST,
        me=identity.principal().name,
        may_act=identity.may(Role.OPERATOR), may_approve=identity.may(Role.APPROVER),
        signals=tables.of_operation(
            "signal show", caption="Signals", id="signals", rows=20, teaches=BY_KEY["plans"].teaches,
            columns=("vder", "kind", "current", "start", "end", "source", "issued_at", "problem"),
            links={"vder": lambda row: url_for("console.plans.page", area=row["vder"], _anchor="expected")}),
        plans=tables.of_operation(
            "plan list", caption="Plans", id="plans", rows=20,
            teaches="No plan yet: put a signal for an area, and run one.",
            columns=("id", "vder", "state", "start", "end", "rms_before_w", "rms_after_w", "rms_cut",
                     "requested_by", "approved_by"),
            links={"id": lambda row: url_for("console.plans.show", number=row["id"])}))


def _form(name: str) -> forms.OperationForm:
    return forms.of_operation(running.find(name), {"area": request.args.get("area", "")})


def _waiting() -> Sequence[Mapping[str, Any]]:
    found = running.attempt("approval list", {"limit": MOST_WAITING})
    return [] if isinstance(found, Refused) else found


@blueprint.get("/plans/expected")
def expected() -> ResponseReturnValue:
    """Show what is expected of a virtual DER, with the bands in which it is likely to be."""
    found = running.attempt("forecast show", {"vder": request.args.get("area", "")})
    if isinstance(found, Refused):
        return render_template("console/plans-expected.html", plots=[], why=found.why, forecasts=None)
    plots = [chart for kind, name in KINDS.items() if (chart := _bands(found["intervals"], kind, name))]
    return render_template("console/plans-expected.html", plots=plots, why="", forecasts=found)


def _bands(rows: Sequence[Mapping[str, Any]], kind: str, name: str) -> PageChart | None:
    """The chart of a kind's quantiles; None where nothing is known, or nothing is there."""
    series = {part: [row.get(f"{kind}_{part}_w") for row in rows] for part in ("p10", "p50", "p90")}
    if not any(series["p50"]):
        return None
    step_s = rows[1]["start"] - rows[0]["start"] if len(rows) > 1 else charts.QUARTER_S
    low, high = {"line": {"width": 0}, "showlegend": False}, {
        "line": {"width": 0}, "fill": "tonexty", "fillcolor": "rgba(31,119,180,.25)"}
    return charts.of_series(
        f"expected-{kind}", f"{name}, expected", rows[0]["start"], step_s, {
            "1 of 10 is below": series["p10"], "8 of 10 are within": series["p90"],
            "expected": series["p50"]},
        summary="Injection; what is drawn is below zero.", height=260, now=clock.now(),
        styles={"1 of 10 is below": low, "8 of 10 are within": high,
                "expected": {"line": {"color": "var(--series-1)"}}})


@blueprint.get("/plans/<int:number>")
def show(number: int) -> ResponseReturnValue:
    """Show a plan, and what can be done with it."""
    plan = running.run("plan show", {"number": number})
    others = running.attempt("plan list", {"area": plan["vder"]})
    in_force = next((row for row in ([] if isinstance(others, Refused) else others)
                     if row["state"] == "published" and row["id"] != number), None)
    area = next((row for row in areaviews.settings_of_all() if row["vder"] == plan["vder"]), None)
    return render_template(
        "console/plan.html", page=BY_KEY["plans"], plan=plan, in_force=in_force, plots=_of_plan(plan),
        back=url_for("console.plans.show", number=number), me=identity.principal().name,
        needs_approval=bool(area and area["approval"]), details=cells.node(
            {key: value for key, value in plan.items() if key not in ("steps", "warnings", "calls")},
            running.find("plan list").result.__args__[0]))


def _of_plan(plan: Mapping[str, Any]) -> list[PageChart]:
    """The charts of a plan: the imbalance it leaves, and what each group is to inject."""
    steps, start, step_s = plan["steps"], plan["start"], plan["step_s"]
    if not steps:
        return []
    names = list(dict.fromkeys(name for step in steps for name in step["injection_w"]))
    return [
        charts.of_series(
            "left", "Imbalance", start, step_s, {
                "without the plan": [step["before_w"] for step in steps],
                "with it": [step["after_w"] for step in steps]},
            summary=f"The RMS is {cells.power(plan['rms_before_w'])} without the plan, and "
                    f"{cells.power(plan['rms_after_w'])} with it; too much drawn is above zero.",
            now=clock.now(), styles={"without the plan": {"line": {"color": "var(--series-2)"}},
                                     "with it": {"line": {"color": "var(--series-1)", "width": 3}}}),
        charts.of_series(
            "injected", "What is to be injected beside the baseline", start, step_s,
            {name: [step["injection_w"].get(name) for step in steps] for name in names},
            summary=f"By {len(names)} groups of devices; what is to be drawn is below zero.",
            now=clock.now())]


@blueprint.get("/plans/<int:first>/differences/<int:second>")
def differences(first: int, second: int) -> ResponseReturnValue:
    """Show where two plans differ."""
    found = running.run("plan diff", {"first": first, "second": second})
    return render_template(
        "console/plan-differences.html", page=BY_KEY["plans"], first=first, second=second,
        chart=_differences(found, first, second) if found else None,
        result=cells.node(found, running.find("plan diff").result, "Steps that differ"))


def _differences(rows: Sequence[Mapping[str, Any]], first: int, second: int) -> PageChart:
    starts = [row["start"] for row in rows]
    step_s = min((after - before for before, after in zip(starts, starts[1:], strict=False)),
                 default=charts.QUARTER_S)
    by_start = {row["start"]: row for row in rows}
    every = range(starts[0], starts[-1] + 1, step_s)
    return charts.of_series(
        "differences", "Imbalance that each plan leaves", starts[0], step_s, {
            f"plan {number}": [by_start[start][f"after_{place}_w"] if start in by_start else None
                               for start in every]
            for place, number in ((1, first), (2, second))},
        summary=f"They differ in {len(rows)} steps.", now=clock.now())
