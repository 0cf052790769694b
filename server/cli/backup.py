"""`backup`, `restore` and `move`: copies of the whole database."""
from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

import click

from server import actors, audit
from server.backups import restoration, snapshot
from server.backups.manifest import Manifest
from server.cli import common
from server.cli.parameters import ParamType
from server.cli.tables import show
from server.config import checks, settings
from server.config.checks import masked
from server.units import Instant

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_DRY_RUN = click.option("--dry-run", is_flag=True, help="Check everything, but change nothing.")
_REPLACES = "restore replaces everything in the database {}. Go on?"


class TableCount(TypedDict):
    """A table, its number of rows, and their hash."""
    table: str
    rows: int
    sha256: str


class CopyRow(TypedDict):
    """A copy of a database: where from, where to, of what instant, version and schema, and how many rows."""
    source: str
    target: str
    made_at: Instant
    version: str
    schema: str
    rows: int
    tables: list[TableCount]


class _Url(ParamType):
    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if fault := checks.DATABASE.fault(value):
            self.fail(f"{masked(value)!r} {fault}. Specify {checks.DATABASE.allowed}", param, ctx)
        return str(value)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Replace the file if it exists.")
@_JSON
def backup(file: Path, replace: bool, as_json: bool) -> None:
    """Write the database, as it is at one instant, into FILE, and verify it.

    The server and the worker go on meanwhile. FILE is complete or not there, and only you can read it: it has
    PINs and personal data, but no keys. It is the same from SQLite and PostgreSQL.
    """
    made = snapshot.write(settings.database, file, replace=replace)
    _print(made, masked(settings.database), str(file), as_json)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Replace a database that is in use, with devices and so on.")
@click.option("--yes", is_flag=True, help="Do not ask before it is replaced.")
@_DRY_RUN
@_JSON
def restore(file: Path, replace: bool, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Put the backup FILE into the database, and verify it.

    The database is made if it is not there. Stop the server and the worker first. A backup of an earlier
    version is upgraded. It is restored as a whole or not at all.
    """
    database = masked(settings.database)
    if replace and not dry_run:
        common.ask(_REPLACES.format(database), yes)
    made = restoration.restore(file, settings.database, replace=replace, dry_run=dry_run)
    if not dry_run:
        _record("restore", made, f"from a backup of {made.engine}")
    _print(made, str(file), database, as_json)


@click.command()
@click.argument("source", type=_Url())
@click.argument("target", type=_Url())
@_DRY_RUN
@_JSON
def move(source: str, target: str, dry_run: bool, as_json: bool) -> None:
    """Copy the database at the URL SOURCE into an empty one at the URL TARGET, and verify it.

    From SQLite to PostgreSQL or the other way. Stop the server and the worker first. SOURCE is left as it is;
    name TARGET in the setting database then.
    """
    made = restoration.move(source, target, dry_run=dry_run)
    if not dry_run:
        settings.database = target
        _record("move", made, f"from {made.engine}")
    _print(made, masked(source), masked(target), as_json)


def _record(operation: str, made: Manifest, subject: str) -> None:
    """Add an entry to the audit log of the database that was written."""
    common.open_database(create=False)
    after = {"made_at": made.created_at, "schema": made.schema, "rows": made.rows}
    audit.add(actors.Actor(*common.actor()), operation, subject, None, after)


def _print(made: Manifest, source: str, target: str, as_json: bool) -> None:
    row = CopyRow(
        source=source, target=target, made_at=made.created_at, version=made.product_version,
        schema=made.schema, rows=made.rows,
        tables=[TableCount(table=name, rows=table["rows"], sha256=table["sha256"])
                for name, table in made.tables.items()])
    show(row, as_json, CopyRow)


COMMANDS = (backup, restore, move)
