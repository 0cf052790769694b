"""What all commands share: settings, the log, the database, who is acting, progress bars."""
from __future__ import annotations

import logging
import os
import pwd
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import Progress, TaskID

from server import clock, logs
from server.config import Source, settings
from server.config.sources import ENVIRONMENT, OPTION
from server.operations import progress

log = logging.getLogger(__name__)
EXTRA = "pip install"  # part of the message of an import error where an extra is missing


def configure(pairs: Iterable[str], command: str) -> None:
    """Take settings from the command line (`NAME=VALUE`), refuse what is wrong with any of them wherever it
    comes from, and set up the log for this command (the first word of it)."""
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--set")
        try:
            settings.set(name, value, Source(OPTION, f"--set {name}", name))
        except ValueError as error:
            raise click.ClickException(str(error)) from None
    if command != "check":  # which says them together with whatever else is wrong
        settings.require()
    logs.configure(command)
    for sentence in settings.outdated():
        log.warning(sentence)


def login() -> str:
    """The operator's name as the settings have it, else that of the user of the operating system."""
    if settings.operator:
        return str(settings.operator)
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def open_database(create: bool | None = None) -> None:
    """Connect to the database and register the hooks of every package; the clock follows the server's.

    One that is not there is made if `create` or, where that is None, if the environment names it; else it is
    refused: who works in another folder than before shall not get an empty database there.
    """
    from server import functionsets, grid, models
    from server.resources import hooks

    assert grid
    functionsets.load()
    if create is None:
        create = settings.source("database").kind == ENVIRONMENT
    models.connect(create=create)
    follow_clock()
    hooks.run_seeds()


def follow_clock() -> None:
    """Take the clock that the server of the open database has."""
    from server import models, timekeeping
    timekeeping.start(save=False)
    if settings.clock:
        clock.follow(settings.clock)
    else:
        pace = models.KeyValue.get_or_none(models.KeyValue.name == "clock")
        clock.follow(pace.value if pace else "")


def ask(question: str) -> None:
    """Ask a person for confirmation; end the command without it, or where nobody is there to give it."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} There is no terminal to ask this on. Add --yes to do it.")
    click.confirm(question, abort=True)


def close() -> None:
    """Let go of the database, if it was opened."""
    from server.models import db
    if db.obj is not None and not db.is_closed():
        db.close()


@contextmanager
def progress_bar() -> Iterator[None]:
    """Show people how far work inside is, where that takes longer than a moment and somebody is there."""
    if not sys.stderr.isatty():
        yield
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def update(description: str, done: int, total: int) -> None:
            if description not in tasks:
                tasks[description] = bar.add_task(description)
            bar.update(tasks[description], completed=done, total=total)

        with progress.reporting(update):
            yield
