"""Alarms: what is wrong now, what to do about it, and who takes care of it."""
from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, render_template, request

from server.alarmkinds import KINDS, SEVERITIES
from server.console import running, tables
from server.console.pagetable import BY_KEY

PAGE = BY_KEY["alarms"]
MOST = 200  # alarms that are shown at once
blueprint = Blueprint("alarms", __name__)


@blueprint.get(PAGE.path)
def page() -> str:
    """Show the alarms that stand, or those that are over too."""
    everything = request.args.get("all") == "true"
    kind = request.args.get("kind", "")
    given: dict[str, Any] = {"limit": MOST, "cleared": everything}
    if kind in KINDS:
        given["kind"] = kind
    rows, refusal = running.listed("alarm list", given)
    standing = [row for row in rows if row["cleared_at"] is None]
    severities = Counter(row["severity"] for row in standing)
    return render_template(
        "console/alarms.html", page=PAGE, alarms=rows, everything=everything, kinds=sorted(KINDS), kind=kind,
        counts=[(severity, severities[severity]) for severity in reversed(SEVERITIES)],
        unseen=sum(row["acknowledged_at"] is None for row in standing), more=len(rows) == MOST,
        refusal=refusal, conditions=tables.of_operation(
            "alarm conditions", caption="What is watched", filters=False, rows=100))
