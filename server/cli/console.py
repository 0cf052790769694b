"""`console`: the process of the operator interface."""
from __future__ import annotations

import os
import sys

import click

from server import clock
from server.cli import common
from server.config import settings


@click.command()
def console() -> None:
    """Run the operator interface (REST, gunicorn) until SIGTERM or Ctrl-C.

    It is a listener of its own, beside `serve`: settings console_host and console_port.
    """
    os.execvpe(sys.executable, gunicorn(), prepare())


def gunicorn() -> list[str]:
    """The command that runs the operator interface."""
    return [sys.executable, "-m", "gunicorn", "-c", "python:server.api.listen",
            "server.api.startup:application()"]


def prepare() -> dict[str, str]:
    """Look whether the database is there, and take the clock of its server; the environment of processes."""
    common.open_database()
    settings.clock = clock.spec()
    common.close()
    return settings.environment()


COMMANDS = (console,)
