"""`audit …` as the command line shows it: entries in words, the newest as they come, lines for programs."""
from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any

import click

from server import audit, auditarchive
from server.cli import common
from server.cli.presentation import Presentation
from server.cli.tables import iso, printable, show

PAUSE_S = 1.0  # between looks for what is new
LISTED = 2  # items of a list, in a change
_COLUMNS = ("at", "who", "operation", "subject", "change", "reason")


def _tail(entries: list[audit.AuditRow], as_json: bool, follow: bool) -> None:
    """Print entries; with `follow` go on with what comes."""
    if not follow:
        show(entries if as_json else [_row(entry) for entry in entries], as_json)
        return
    if common.server() is not None:
        raise click.UsageError("--follow reads the database: leave it out with --server.")
    values = click.get_current_context().params
    filters = {"who": values["who"], "operation": values["operation"], "subject": values["subject"]}
    since = values["since"] and values["since"]()
    newest = audit.head()["entries"]
    while True:
        for entry in entries:
            words = "  ".join(filter(None, _row(entry).values()))
            click.echo(auditarchive.line(entry) if as_json else printable(words))
            newest = max(newest, entry["id"])
        time.sleep(PAUSE_S)
        entries = audit.entries(beyond=newest, since=since, **filters)


def _row(entry: audit.AuditRow) -> dict[str, Any]:
    return {key: {**entry, "at": iso(entry["at"]), "change": _change(entry)}[key] for key in _COLUMNS}


def _change(entry: audit.AuditRow) -> str:
    """What has changed: `primacy 99 -> 50`, a value alone where it was added or removed."""
    before, after = entry["before"] or {}, entry["after"] or {}
    changes = []
    for key in sorted(before.keys() | after.keys()):
        values = [side.get(key) for side in (before, after) if side.get(key) not in (None, "", [], {})]
        if values:
            changes.append(f"{key} " + " -> ".join(map(_in_brief, values)))
    return ", ".join(changes)


def _in_brief(value: Any) -> str:
    """Return a value as JSON; of a list of many its first items and how many more there are."""
    if isinstance(value, list) and len(value) > LISTED:
        listed = ", ".join(json.dumps(item, ensure_ascii=False) for item in value[:LISTED])
        return f"[{listed} and {len(value) - LISTED} more]"
    return json.dumps(value, ensure_ascii=False)


def _verify(result: dict[str, Any], as_json: bool) -> None:
    """Print the verification; the exit status is 1 where something is wrong."""
    if result["complete"]:
        show(result, as_json)
        return
    show(result if as_json else [{"fault": fault} for fault in result["faults"]], as_json)
    raise click.exceptions.Exit(1)


def _export(entries: Iterable[dict[str, Any]], as_json: bool, file: Any) -> None:
    """Write entries to a file, an object a line."""
    for entry in entries:
        file.write(auditarchive.line(entry) + "\n")


PRESENTATIONS = {
    "audit tail": Presentation(_tail, (click.Option(
        ["--follow"], is_flag=True,
        help="Go on with what comes, until Ctrl-C; with --json an entry a line."),)),
    "audit verify": Presentation(_verify),
    "audit export": Presentation(_export, (click.Argument(
        ["file"], type=click.File("w", lazy=True), default="-"),)),
}
