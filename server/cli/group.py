"""The group of all commands, and what becomes of an exception that none of them handles: a sentence."""
from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from server import logs
from server.cli import jsonoutput
from server.config import BadSettings, settings
from server.config.checks import masked
from server.errors import Refused

log = logging.getLogger(__name__)
SERVICES = ("serve", "work", "console")  # run until they are stopped; somebody keeps their log
_OF_CLICK = (click.ClickException, click.exceptions.Exit, click.Abort)


class LazyCommands(dict[str, click.Command]):
    """Commands by name, each made when it is asked for."""

    def __init__(self, names: Iterable[str], load: Callable[[str], click.Command]):
        super().__init__(dict.fromkeys(names))  # type: ignore[arg-type]
        self.load = load

    def __getitem__(self, name: str) -> click.Command:
        if super().__getitem__(name) is None:
            self[name] = self.load(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default

    def items(self) -> Any:
        return [(name, self[name]) for name in self]

    def values(self) -> Any:
        return [self[name] for name in self]


class Commands(click.Group):
    """A group whose commands are made when they are called, and end in a sentence where they fail."""

    def __init__(self, *args: Any, summaries: Mapping[str, str], load: Callable[[str], click.Command],
                 **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.summaries = summaries
        self.commands = LazyCommands(summaries, load)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, standalone_mode: bool = True, **options: Any
    ) -> Any:
        """Run a command line; where it asks for JSON, what is refused is JSON as well."""
        words = sys.argv[1:] if args is None else list(args)
        if standalone_mode and jsonoutput.is_asked_for(words):
            jsonoutput.main(self, words, **options)
        return super().main(words, standalone_mode=standalone_mode, **options)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except _OF_CLICK:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise  # whoever reads the output has enough of it: click ends without a word
            raise click.ClickException(_sentence(error, ctx.invoked_subcommand or "counterpoise")) from None


def _unavailable(error: Exception) -> str:
    """What the database did instead of its work, and what to do about it."""
    from server.models.unavailable import LoginRefused, reason, verb
    remedy = "Correct" if isinstance(error, LoginRefused) else "Start it, or name another in"
    return (f"the database {masked(settings.database)} {verb(error)}: {reason(error).rstrip('.?')}. "
            f"{remedy} the setting database ({settings.place('database')}).")


def _sentence(error: Exception, command: str) -> str:
    if isinstance(error, Refused):
        return error.why
    if isinstance(error, BadSettings):
        return str(error)
    from server.models import unavailable
    from server.models.diskfull import is_disk_full
    if is_disk_full(error):
        place = getattr(error, "filename", None) or f"the database {masked(settings.database)}"
        reason = unavailable.reason(error)
        return f"there is no room for {place}: {reason}. Make room on that disk, and try again."
    if isinstance(error, unavailable.DATABASE_ERRORS):
        return _unavailable(error)
    return (logs.unexpected if command in SERVICES else logs.unexpected_to_file)(log, command)
