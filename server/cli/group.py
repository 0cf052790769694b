"""The group of all commands, and what becomes of an exception that none of them handles: a sentence."""
from __future__ import annotations

import errno
import logging
from typing import Any

import click
import peewee

from server import logs
from server.config import BadSettings, settings
from server.config.checks import masked
from server.errors import Refused

log = logging.getLogger(__name__)
SERVICES = ("serve", "work")  # commands that run until they are stopped, and whose log somebody keeps
_OF_CLICK = (click.ClickException, click.exceptions.Exit, click.Abort)


class Commands(click.Group):
    """A group whose commands end in a sentence where they fail."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except _OF_CLICK:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # whoever reads the output has enough of it: click ends without a word
            raise click.ClickException(_sentence(error, ctx.invoked_subcommand or "counterpoise")) from None


def _sentence(error: Exception, command: str) -> str:
    if isinstance(error, Refused):
        return error.why
    if isinstance(error, BadSettings):
        return str(error)
    if isinstance(error, (peewee.OperationalError, peewee.InterfaceError)):
        database, reason = masked(settings.database), str(error).strip()
        return f"the database {database} did not answer: {reason}. Start it, or name another (database)."
    return (logs.unexpected if command in SERVICES else logs.unexpected_to_file)(log, command)
