"""`audit …`: who changed what, and why; and whether the trail of that is whole."""
from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from server import audit as trail
from server.cli.common import INSTANT, Whole, verb
from server.cli.tables import iso, show
from server.errors import Refused

Moment = Callable[[], int] | None
PAUSE = 1.0  # seconds between looks for what is new
_WHOLE = {"id", "previous", "hash", *trail.FIELDS}
_BRIEF = ("at", "who", "what", "subject", "change", "reason")


@click.group()
def audit() -> None:
    """Every change of state by an operator: who, what, before, after, reason, chained by hashes."""


@audit.command()
@click.option("-n", "--lines", "limit", type=Whole(0), default=20, show_default=True,
              help="The newest so many.")
@click.option("--who", default="", help="Only by this operator.")
@click.option("--what", default="", help="Only of this kind: vder, or more exactly, vder update.")
@click.option("--subject", default="", help="Only where this stands in the subject.")
@click.option("--since", type=INSTANT, help="Only from this instant on.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C; with --json an entry a "
                                             "line.")
@verb
def tail(limit: int, since: Moment, follow: bool, **only: Any) -> Any:
    """The newest entries, oldest first."""
    as_json = click.get_current_context().params["as_json"]
    found = trail.entries(limit, since=since() if since else None, **only)
    if not follow:
        return found if as_json else [_brief(entry) for entry in found]
    last = trail.head()["entries"]
    while True:
        for entry in found:
            click.echo(_line(entry) if as_json else _words(entry))
            last = max(last, entry["id"])
        time.sleep(PAUSE)
        found = trail.entries(beyond=last, since=since() if since else None, **only)


def _brief(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: {**entry, "at": iso(entry["at"]), "change": _change(entry)}[key] for key in _BRIEF}


def _words(entry: dict[str, Any]) -> str:
    return "  ".join(filter(None, _brief(entry).values()))


def _change(entry: dict[str, Any]) -> str:
    """What became of what: `primacy 99 -> 50`, a value alone where it came or went."""
    before, after = entry["before"] or {}, entry["after"] or {}
    return ", ".join(
        f"{key} "
        + " -> ".join(
            json.dumps(side.get(key), ensure_ascii=False)
            for side in (before, after)
            if side.get(key) not in (None, "", [], {})
        )
        for key in sorted(before.keys() | after.keys())
        if any(side.get(key) not in (None, "", [], {}) for side in (before, after))
    )


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False, sort_keys=True)


@audit.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--known", default="", metavar="HASH", help="An entry of this hash has to be in it.")
@verb
def verify(file: Path | None, known: str) -> Any:
    """Whether the trail (or a FILE that `audit export` wrote) is whole: nothing altered, missing or
    reordered.

    Prints how many entries there are and the newest hash. Keep that somewhere else: with --known it shows
    even if somebody has made the whole trail anew.
    """
    if file is None:
        faults, end = trail.verify(known), trail.head()
    else:
        entries = _read(file)
        faults = trail.faults(entries, known=known)
        end = {"entries": len(entries), "hash": entries[-1]["hash"] if entries else trail.BEGIN}
    if faults:
        as_json = click.get_current_context().params["as_json"]
        show(
            {**end, "whole": False, "faults": faults} if as_json else [{"fault": fault} for fault in faults],
            as_json,
        )
        raise click.exceptions.Exit(1)
    return {**end, "whole": True}


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        found = [json.loads(line) for line in file.read_text().splitlines()]
        if not all(set(entry) == _WHOLE and type(entry["id"]) is int for entry in found):
            raise ValueError("an entry has other fields")
    except (ValueError, TypeError, RecursionError) as error:
        raise Refused(400, f"{file}: this is no audit trail, an entry a line ({error})") from None
    return found


@audit.command()
@click.argument("file", type=click.File("w", lazy=True), default="-")
@click.option("--since", type=INSTANT, help="Only from this instant on.")
@click.option("--until", type=INSTANT, help="Only before this instant.")
@verb
def export(file: Any, since: Moment, until: Moment) -> None:
    """Write entries with their hashes to FILE (default: standard output), one JSON object a line."""
    for entry in trail.entries(since=since() if since else None, until=until() if until else None):
        file.write(_line(entry) + "\n")


COMMANDS = (audit,)
