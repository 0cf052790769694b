"""What all commands share: settings, the log, the database, who is acting, progress bars."""
from __future__ import annotations

import logging
import os
import pwd
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from server import clock, logs
from server.config import Source, settings
from server.config.sources import ENVIRONMENT, OPTION, TOKEN

if TYPE_CHECKING:
    from server.cli.remote import RemoteServer

log = logging.getLogger(__name__)
ACTOR = "counterpoise.actor"  # name and reason, in the context of a call
SERVER = "counterpoise.server"  # the remote server, in the context of a call that has one
NOW = "counterpoise.now"  # the time of its clock
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


def act_as(name: str, reason: str) -> None:
    """Take who is acting, and why, from the command line; for this call."""
    click.get_current_context().meta[ACTOR] = name, reason


def actor() -> tuple[str, str]:
    """The name of who is acting, and the reason, as the command line has them."""
    name, reason = click.get_current_context().meta[ACTOR]
    return name, reason


def token(file: str | None) -> str:
    """Return the token in a file, else that of the environment, which others do not see either."""
    if file is None:
        return os.environ.get(TOKEN, "").strip()
    try:
        return Path(file).read_text().strip()
    except (OSError, ValueError) as error:
        raise click.BadParameter(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or error}. Name the file that has the "
            f"token, or set {TOKEN}: others see what a command line says.", param_hint="'--token'") from None


def server() -> RemoteServer | None:
    """The remote server of this call; None where it works on the database."""
    found: RemoteServer | None = click.get_current_context().meta.get(SERVER)
    return found


def now() -> int:
    """The present time, which is that of the clock of the server."""
    context = click.get_current_context(silent=True)
    found: int | None = context.meta.get(NOW) if context else None
    return clock.now() if found is None else found


def secret(name: str, from_input: bool) -> str:
    """Read a secret: the first line of standard input, or what is typed unseen, twice; "" without either."""
    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    if not is_terminal():
        return ""
    typed: str = click.prompt(f"{name.capitalize()} (empty for none)", default="", hide_input=True,
                              show_default=False, confirmation_prompt=True, err=True)
    return typed


def is_terminal() -> bool:
    """Whether somebody can answer a question."""
    return sys.stdin.isatty()


def ask(question: str, yes: bool = False) -> None:
    """Ask before something is destroyed. Without a terminal, where nobody can answer, it is refused.

    `yes` is the answer where it came with the command line, as --yes.
    """
    if yes or not question:
        return
    if not is_terminal():
        raise click.UsageError(
            f"{question} There is no terminal to ask this on. Add --yes to do it, or --dry-run to try.")
    click.confirm(question, abort=True, err=True)


def open_database(create: bool | None = None, reads: bool = False) -> None:
    """Connect to the database; the clock follows the server's.

    The hooks of every package are loaded, and what always exists is made, unless the command only `reads`.

    One that is not there is made if `create` or, where that is None, if the environment names it; else it is
    refused: who works in another folder than before shall not get an empty database there.
    """
    from server import models
    from server.resources import hooks

    hooks.load_when_needed(_load_hooks)
    if create is None:
        create = settings.source("database").kind == ENVIRONMENT
    upgraded = models.connect(create=create)
    follow_clock()
    if upgraded or not reads:
        hooks.run_seeds()


def _load_hooks() -> None:
    from server import functionsets, grid
    functionsets.load()
    grid.load()


def follow_clock() -> None:
    """Take the clock that the server of the open database has."""
    from server import models, timekeeping
    timekeeping.start(save=False)
    if settings.clock:
        clock.follow(settings.clock)
    else:
        pace = models.KeyValue.get_or_none(models.KeyValue.name == "clock")
        clock.follow(pace.value if pace else "")


def close() -> None:
    """Let go of the database, if it was opened."""
    models = sys.modules.get("server.models")
    if models is not None and models.db.obj is not None and not models.db.is_closed():
        models.db.close()


@contextmanager
def progress_bar() -> Iterator[None]:
    """Show people how far work inside is, where that takes longer than a moment and somebody is there."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from server.operations import progress
    with Progress(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def update(description: str, done: int, total: int) -> None:
            if description not in tasks:
                tasks[description] = bar.add_task(description)
            bar.update(tasks[description], completed=done, total=total)

        with progress.reporting(update):
            yield
