"""Audit: who changed what and why, and whether the log of it is complete."""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, render_template, request

from server.console import fieldvalues, forms, running
from server.console.pagetable import BY_KEY
from server.errors import Refused

PAGE = BY_KEY["audit"]
blueprint = Blueprint("audit", __name__)
ENTRIES = 100
MOST_LETTERS = 400  # of a value that is shown


@blueprint.get(PAGE.path)
def page() -> str:
    """Show the newest entries that fit what is asked for."""
    operation = running.find("audit tail")
    asked = {**request.args.to_dict(), "limit": request.args.get("limit") or str(ENTRIES)}
    form = forms.of_operation(operation, asked)
    rows: list[Any] = []
    try:
        given = fieldvalues.read(operation, request.args)
        rows = running.run("audit tail", {"limit": ENTRIES, **given})[::-1]
    except Refused as refused:
        form.refuse(refused)
    return render_template("console/audit.html", page=PAGE, form=form, rows=rows, changes=changes,
                           filtered=any(request.args.values()))


@blueprint.get(f"{PAGE.path}/verify")
def verify() -> str:
    """Verify the log, and say what is wrong with it."""
    return render_template("console/auditverified.html", page=PAGE, found=running.run("audit verify"))


def changes(row: Any) -> Iterator[tuple[str, str, str]]:
    """Yield what an entry changed: a name, with what was before and after."""
    before, after = row["before"], row["after"]
    if not isinstance(before, dict) and not isinstance(after, dict):
        yield "", _text(before), _text(after)
        return
    old, new = before or {}, after or {}
    for key in dict.fromkeys([*old, *new]):
        yield key, _text(old.get(key)), _text(new.get(key))


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"
