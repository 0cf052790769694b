"""The group of all commands, and what becomes of an error that none of them handles: a sentence."""
from __future__ import annotations

from typing import Any

import click
import peewee

from server.config import BadSettings, settings
from server.config.checks import masked
from server.errors import Refused


class Commands(click.Group):
    """A group whose commands end in a sentence where they fail."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refused as refused:
            raise click.ClickException(refused.why) from None
        except BadSettings as refused:
            raise click.ClickException(str(refused)) from None
        except (peewee.OperationalError, peewee.InterfaceError) as error:
            raise click.ClickException(_unanswered(error)) from None


def _unanswered(error: Exception) -> str:
    database, reason = masked(settings.database), str(error).strip()
    return f"the database {database} did not answer: {reason}. Start it, or name another (database)."
