"""Settings: what is in force and where it comes from; the clock; what else is kept for devices."""
from __future__ import annotations

from itertools import groupby

from flask import Blueprint, render_template, request

from server.console import generated, running
from server.console.pagetable import BY_KEY
from server.operators.roles import Role

PAGE = BY_KEY["settings"]
blueprint = Blueprint("settings", __name__)


@blueprint.get(PAGE.path)
def page() -> str:
    """Show the settings by group; only those that are set, or that have a text, if asked."""
    changed, text = request.args.get("changed") == "true", request.args.get("text", "").strip()
    words = text.casefold().split()
    found, refusal = running.listed("setting list", {"changed": changed})
    rows = [row for row in found if all(
        word in f"{row['name']} {row['help']} {row['value']}".casefold() for word in words)]
    return render_template(
        "console/settings.html", page=PAGE, refusal=refusal, changed=changed, text=text, count=len(rows),
        groups=[(group, list(members)) for group, members in groupby(rows, key=lambda row: row["group"])],
        time=running.attempt("clock show"), acts=list(generated.actions(PAGE)),
        looks=[found for found in PAGE.operations()
               if found.role is Role.VIEWER and found.name not in ("setting list", "clock show")])
