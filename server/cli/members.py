"""`vder members …`: who is in a virtual DER by name, one by one or from a file; through which each is
dispatched."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from server.cli.common import verb
from server.grid.groups import memberfiles


@click.group()
def members() -> None:
    """Who is in a virtual DER. DEVICE is an LFDI, SFDI, number or name."""


@members.command("list")
@click.argument("vder")
@verb
def list_members(vder: str) -> Any:
    """The members, and whether they are in by name or by a rule or child."""
    return memberfiles.list_members(vder)


@members.command()
@click.argument("vder")
@click.argument("devices", metavar="DEVICE...", nargs=-1, required=True)
@verb
def add(vder: str, devices: tuple[str, ...]) -> Any:
    """Put devices in by name."""
    return memberfiles.add(vder, devices)


@members.command()
@click.argument("vder")
@click.argument("devices", metavar="DEVICE...", nargs=-1, required=True)
@verb
def remove(vder: str, devices: tuple[str, ...]) -> Any:
    """Take devices out that were put in by name."""
    return memberfiles.remove(vder, devices)


@members.command("import")
@click.argument("vder")
@click.argument("file", metavar="CSV", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would come of it; change nothing.")
@verb
def load(vder: str, file: Path, dry_run: bool) -> Any:
    """Put the devices of a CSV file in by name: all of them or, if a line is wrong, none.

    Its columns are device and, where wanted, name, kind and labels ("feeder=F12 phase=a"), which are said of
    it too.
    """
    return memberfiles.load(vder, file, dry_run)


@members.command()
@click.argument("area", required=False)
@verb
def validate(area: str | None) -> Any:
    """The devices of an area (or of all) that would be dispatched through more than one virtual DER of it.

    Each is dispatched through the deepest that it is in. An area where that is not one for every device
    cannot be balanced automatically.
    """
    return memberfiles.validate(area)
