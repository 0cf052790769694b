"""Dispatch: a wish, its trial, the order or its approval, what comes of it, and its end."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from lxml import etree
from werkzeug.datastructures import MultiDict

from server import clock
from server.console import actions, cells, charts, fieldvalues, forms, identity, running, tables
from server.console.charts import PageChart
from server.console.pagetable import BY_KEY
from server.errors import Refused
from server.operations.declaration import DRY_RUN
from server.operators.roles import Role

blueprint = Blueprint("dispatch", __name__)
ORDER = "dispatch order"
FIRST = ("vder", "delta_w", "target_w", "limit_percent", "duration_s", "start", "per_device", "reason")
MOST_SHOWN = 200  # devices of an order; the table of shares has all, page by page
MOST_AT_ONCE = 5000  # shares of an order whose progress is summed up while the page waits
MOST_DOCUMENTS = 5
SILENT = ("no answer", "waiting")  # what is looked at first


@blueprint.get("/dispatch")
def page() -> ResponseReturnValue:
    """Show the form of a wish, and the orders there are."""
    return _page(_form(request.args))


def _form(given: Mapping[str, Any]) -> forms.OperationForm:
    return forms.of_operation(running.find(ORDER), given)


def _page(form: forms.OperationForm, status: int = 200) -> ResponseReturnValue:
    orders = tables.of_operation(
        "dispatch list", caption="Orders", id="orders", rows=20, teaches=BY_KEY["dispatch"].teaches,
        columns=("id", "vder", "quantity", "value", "start", "duration_s", "planned_w", "status",
                 "requested_by"),
        links={"id": lambda row: url_for("console.dispatch.follow", order=row["id"])})
    return render_template(
        "console/dispatch.html", page=BY_KEY["dispatch"], form=form, first=FIRST, orders=orders,
        stops=tables.of_operation("stop list", caption="Stopped", id="stops", filters=False,
                                  teaches="Nothing is stopped."),
        waiting=_waiting()), status


def _waiting() -> list[Mapping[str, Any]]:
    found = running.attempt("approval list")
    return [] if isinstance(found, Refused) else found


@blueprint.post("/dispatch")
def ask() -> ResponseReturnValue:
    """Try the wish; or order it, where it was tried before."""
    form = _form(request.form)
    try:
        given = fieldvalues.read(running.find(ORDER), request.form)
        if request.form.get("tried"):
            return _order(given)
        return _trial(given)
    except Refused as refused:
        form.refuse(refused)
        return _page(form, refused.status)


def _order(given: Mapping[str, Any]) -> ResponseReturnValue:
    result = running.change(ORDER, given, str(given.get("reason", ""))).result
    if actions.is_waiting(result):
        return render_template("console/dispatch-waiting.html", page=BY_KEY["dispatch"], waiting=result)
    return redirect(url_for("console.dispatch.follow", order=result["id"]), 303)


def _trial(given: Mapping[str, Any]) -> ResponseReturnValue:
    """What an order would do."""
    result = running.run(ORDER, {**given, DRY_RUN: True})
    changes = [(share, share["planned_w"] - share["baseline_w"]) for share in result["shares"]]
    moved_wh = sum(change for _, change in changes) * result["duration_s"] / 3600
    return render_template(
        "console/dispatch-trial.html", page=BY_KEY["dispatch"], order=result, moved_wh=moved_wh,
        changes=sorted(changes, key=lambda pair: -abs(pair[1]))[:MOST_SHOWN], count=len(changes),
        idle=sum(1 for _, change in changes if not change),
        documents=[_indented(text) for text in result.get("xml", [])[:MOST_DOCUMENTS]],
        pairs=forms.hidden(_typed(), (identity.TOKEN_FIELD,)), needs=_needs_approval(result),
        change=_edit_href(), chart=_shares(result))


def _indented(document: str) -> str:
    """A document with an element in each line."""
    root = etree.fromstring(document.encode())
    etree.indent(root)
    return str(etree.tostring(root, encoding="unicode"))


def _typed() -> MultiDict[str, str]:
    return MultiDict((name, text) for name, text in request.form.items(multi=True)
                     if text.strip() and name != running.KEY_FIELD)


def _edit_href() -> str:
    """The form again, with what was typed."""
    typed = forms.hidden(_typed(), (identity.TOKEN_FIELD, "tried"))
    return f"{url_for('console.dispatch.page')}?{urlencode(typed)}"


def _needs_approval(created: Any) -> Mapping[str, float] | None:
    """The power and the limit above which somebody else has to approve it; None where nobody has to."""
    from server.grid.groups import powerlimits
    from server.operations import orderedpower
    with running.allowed("approval limits"):
        vder, power_w = orderedpower.of_created(created)
        limit_w = powerlimits.of(vder)
    return {"power_w": power_w, "limit_w": limit_w} if power_w > limit_w else None


def _shares(order: Mapping[str, Any]) -> PageChart:
    """The chart of what the group would do instead of what it does."""
    before, planned = order["baseline_w"], order["planned_w"]
    names, values = ["now", "with the order"], [before, planned or 0.0]
    figure = {"data": [{"type": "bar", "orientation": "h", "y": names, "x": values, "width": 0.5,
                        "hovertemplate": "%{x:.4s}W<extra></extra>"}],
              "layout": charts.layout(hovermode="closest", xaxis={"ticksuffix": "W", "exponentformat": "SI"},
                                      yaxis={"automargin": True, "autorange": "reversed"})}
    return charts.of_figure(
        "change", f"Injection of {order['vder']}", figure, columns=("When", "Injection"), height=140,
        summary=f"From {cells.power(before)} to {cells.power(planned or 0.0)}.",
        rows=[[name, cells.power(value)] for name, value in zip(names, values, strict=True)])


@blueprint.get("/dispatch/<int:order>")
def follow(order: int) -> ResponseReturnValue:
    """Show what came of an order so far."""
    with running.allowed("dispatch shares", {"order": order}) as shares:
        count = len(shares.run({"order": order}))
    table = tables.of_operation(
        "dispatch shares", {"order": order}, caption="Shares", id="shares", filters=False, rows=50,
        links={"name": lambda row: f"/console/devices/{row['lfdi']}",
               "control": lambda row: f"/console/do/control%20show?control={row['control']}"},
        columns=("name", "baseline_w", "planned_w", "control", "reason"))
    part = None if count > MOST_AT_ONCE else _progress(order)
    return render_template("console/dispatch-order.html", page=BY_KEY["dispatch"], number=order, part=part,
                           shares=table, extend=forms.of_operation(running.find("dispatch extend"), {
                               "order": str(order), **request.args.to_dict()}, leaving_out=("order",)),
                           may_act=identity.may(Role.OPERATOR))


@blueprint.get("/dispatch/<int:order>/progress")
def progress(order: int) -> ResponseReturnValue:
    """Show the part of the page that takes longer with many devices."""
    return render_template("console/dispatch-progress.html", part=_progress(order))


def _progress(number: int) -> dict[str, Any]:
    order = running.run("dispatch show", {"order": number})
    now, end = clock.now(), order["start"] + order["duration_s"]
    devices = sorted(order["devices"], key=lambda device: (device["answer"] not in SILENT,
                                                           -abs(device["planned_w"] or 0.0)))
    return {
        "order": order, "devices": devices[:MOST_SHOWN], "count": len(devices),
        "answers": sorted(order["answers"].items(), key=lambda pair: -pair[1]),
        "running": order["start"] <= now < end, "coming": now < order["start"], "end": end,
        "ended": order["status"] in ("cancelled", "superseded", "over"), "chart": _delivery(order)}


def _delivery(order: Mapping[str, Any]) -> PageChart | None:
    """The chart of what was delivered against what was asked; None before anything was read."""
    if order["expected_w"] is None and order["delivered_w"] is None:
        return None
    names, values = ["asked", "delivered"], [order["expected_w"] or 0.0, order["delivered_w"] or 0.0]
    figure = {"data": [{"type": "bar", "orientation": "h", "y": names, "x": values, "width": 0.5,
                        "hovertemplate": "%{x:.4s}W<extra></extra>"}],
              "layout": charts.layout(hovermode="closest", xaxis={"ticksuffix": "W", "exponentformat": "SI"},
                                      yaxis={"automargin": True, "autorange": "reversed"})}
    share = "" if order["performance"] is None else f", {order['performance']:.0%} of what was asked"
    return charts.of_figure(
        "delivery", "Delivered against asked", figure, columns=("What", "Power"), height=140,
        summary=f"{cells.power(values[1])} were delivered by {order['devices_read']} devices that were read"
                f"{share}.",
        rows=[[name, cells.power(value)] for name, value in zip(names, values, strict=True)])
