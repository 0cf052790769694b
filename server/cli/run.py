"""`serve` and `work`: the processes of the server."""
from __future__ import annotations

import os
import sys

import click

from server import clock
from server.cli import common
from server.config import settings
from server.config.checks import masked
from server.errors import Refused


@click.command()
def serve() -> None:
    """Run the device interface (gunicorn) until SIGTERM or Ctrl-C. Run `work` beside it."""
    environment = prepare()
    os.execvpe(sys.executable, gunicorn(), environment)


def gunicorn() -> list[str]:
    """The command that runs the device interface."""
    return [sys.executable, "-m", "gunicorn", "-c", "python:server.protocol.listen", "server:create_app()"]


def prepare() -> dict[str, str]:
    """Make the database ready and set the clock's pace for every process; their environment."""
    from server.devices import enddevices
    from server.grid.groups import assignments
    from server.resources import outbox, pollrates, store
    common.open_database(create=True)
    if settings.clock:
        clock.follow(settings.clock)
        settings.clock = clock.spec()
    _save("clock", settings.clock)
    if _save("rates", pollrates.general()):
        with store.transaction():
            store.apply_rates()
            outbox.rates_changed()
    if _save("profile", settings.profile):
        store.reindex()
        enddevices.add_connection_points()
    if _save("assignments", settings.assignments):
        assignments.reassign()
    common.close()
    return settings.environment()


def _save(name: str, value: str) -> bool:
    """Save a value under a name in the database; whether it is another than before."""
    from server.models import KeyValue
    if KeyValue.select().where((KeyValue.name == name) & (KeyValue.value == value)).exists():
        return False
    KeyValue.insert(name=name, value=value).on_conflict(
        conflict_target=[KeyValue.name], update={KeyValue.value: value}).execute()
    return True


@click.command("init")
@click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
def init(dry_run: bool) -> None:
    """Make the database, or upgrade it.

    `serve` does so too; other commands refuse a database that is not there.
    """
    if dry_run:
        click.echo(_preview())
        return
    common.open_database(create=True)
    click.echo(f"The database {masked(settings.database)} is ready.")


def _preview() -> str:
    """What `init` would do."""
    from server import models
    database = masked(settings.database)
    try:
        missing = models.connect(create=False, upgrade=False)
    except Refused:
        return f"The database {database} would be made."
    if missing:
        return f"The database {database} would be upgraded by {', '.join(missing)}."
    return f"The database {database} is up to date."


@click.command()
@click.option("--once", is_flag=True, help="Do what is due and stop.")
def work(once: bool) -> None:
    """Do what happens without anyone asking: events begin and end, orders are followed, old readings go.

    `serve` answers correctly without it; with it, what changes by time is ready before anyone asks. It waits
    for a database that does not answer.
    """
    from server import worker
    if once:
        worker.run_once(common.open_database)
        return
    click.echo(f"The worker works on the database {masked(settings.database)}.")
    worker.run(common.open_database)


COMMANDS = (serve, work, init)
