"""`serve` and `work`: the processes of the server."""
from __future__ import annotations

import os
import sys
from collections.abc import Callable

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
    from server.grid.groups import assignments
    from server.resources import pollrates
    common.open_database(create=True)
    if settings.clock:
        clock.follow(settings.clock)
        settings.clock = clock.spec()
    _follow("clock", settings.clock, lambda: None)
    _follow("rates", pollrates.general(), _apply_rates)
    _follow("profile", settings.profile, _apply_profile)
    _follow("assignments", settings.assignments, assignments.reassign)
    common.close()
    return settings.environment()


def _follow(name: str, value: str, task: Callable[[], object]) -> None:
    """Do a task where a value is another than the one that the database has under a name, and then save it:
    what is interrupted is done, or goes on, at the next start."""
    from server.models import KeyValue
    if not KeyValue.select().where((KeyValue.name == name) & (KeyValue.value == value)).exists():
        task()
        KeyValue.insert(name=name, value=value).on_conflict(
            conflict_target=[KeyValue.name], update={KeyValue.value: value}).execute()


def _apply_rates() -> None:
    from server.resources import outbox, store
    with store.transaction():
        store.apply_rates()
        outbox.rates_changed()


def _apply_profile() -> None:
    from server.devices import enddevices
    from server.resources import store
    store.render_all(settings.profile)
    enddevices.add_connection_points()


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
