"""`certs …`: certificates for development and small deployments."""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import click

from certs import authority, dev
from server.cli import common
from server.cli.tables import show as print_result

_FOLDER = click.option("--path", type=click.Path(file_okay=False, path_type=Path), default=Path("certs/dev"),
                       show_default=True, help="The folder of the tree.")


def _verb(function: Callable[..., Any]) -> Callable[..., Any]:
    """A verb that needs no database; what is wrong with files is an error in words."""
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @wraps(function)
    def wrapped(as_json: bool, **arguments: Any) -> None:
        try:
            print_result(function(**arguments), as_json)
        except (OSError, ValueError) as error:
            raise click.ClickException(str(error)) from None
    return wrapped


def _change(question: str = "", asks: Callable[..., bool] = lambda **_: True) -> Callable[..., Any]:
    """A verb that changes the tree at `path`. A dry run changes a copy of it.

    With a `question`, and where `asks` says so of the arguments, it asks first.
    """
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @click.option("--dry-run", is_flag=True, help="Show what would be done; change nothing.")
        @wraps(function)
        def wrapped(dry_run: bool, path: Path, yes: bool = False, **arguments: Any) -> Any:
            if not dry_run:
                common.ask(question if asks(path=path, **arguments) else "", yes)
                return function(path=path, **arguments)
            with TemporaryDirectory() as folder:
                copy = Path(folder) / path.name
                if path.exists():
                    copytree(path, copy)
                result = function(path=copy, **arguments)
            click.secho("Dry run: nothing was changed.", err=True)
            return _renamed(result, str(copy), str(path))
        yes_option = click.option("--yes", is_flag=True, help="Do it without asking.")
        return yes_option(wrapped) if question else wrapped
    return decorate


def _renamed(result: Any, copy: str, path: str) -> Any:
    """The result with the paths in the copy as those in the tree."""
    if isinstance(result, list):
        return [_renamed(item, copy, path) for item in result]
    return {key: value.replace(copy, path) if isinstance(value, str) else value
            for key, value in result.items()}


@click.group()
def certs() -> None:
    """Make, show and check certificates."""


@certs.command("dev")
@_FOLDER
@click.option("--devices", default=8, show_default=True, help="How many devices the tree is to have at "
                                                              "least.")
@click.option("--name", "names", multiple=True, default=dev.LOCAL_NAMES, show_default=True,
              help="Host name or address of the server.")
@click.option("--force", is_flag=True, help="Make everything anew, also where all is in order.")
@_verb
@_change("Replace every certificate and key of the tree?",
         asks=lambda path, force, **_: force and path.exists())
def make_dev(path: Path, devices: int, names: tuple[str, ...], force: bool) -> Any:
    """Make a whole tree: authorities, server, devices, an aggregator, an operator. What is in order stays."""
    return [_brief(entry) for entry in dev.make_dev(path, devices, names, force)]


@certs.command()
@click.argument("name")
@_FOLDER
@click.option("--kind", type=click.Choice(sorted(authority.POLICIES)), default="generic", show_default=True,
              help="The device kind that its certificate policy names.")
@_verb
@_change()
def device(name: str, path: Path, kind: str) -> Any:
    """Issue one more device certificate of the tree: NAME.pem, NAME.key, and NAME.json for `enrol --from`."""
    return _brief(dev.issue_device(path, name, kind))


@certs.command()
@click.argument("name")
@_FOLDER
@click.option("--days", type=click.IntRange(1, 3650), default=397, show_default=True,
              help="How long it lets in.")
@_verb
@_change()
def operator(name: str, path: Path, days: int) -> Any:
    """Issue a certificate by which the user NAME comes to the operator interface: NAME.pem, NAME.key.

    The setting console_operator_ca of that names the file operators.pem of the tree.
    """
    return dev.issue_operator(path, name, datetime.now(UTC) + timedelta(days=days))


@certs.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_verb
def show(file: Path) -> Any:
    """What a certificate (PEM) says: LFDI, SFDI, extensions, validity."""
    return dev.describe(file.read_bytes())


@certs.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path("certs/dev/ca.pem"),
    show_default=True,
    help="The authorities to trust (PEM).",
)
@_verb
def verify(file: Path, ca: Path) -> Any:
    """Whether the device interface would accept this certificate, and if not, why."""
    why = dev.verify(file.read_bytes(), ca.read_bytes())
    if why:
        raise ValueError(f"{file} is refused: {why}")
    return {"file": str(file), "accepted": True}


@certs.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_FOLDER
@_verb
@_change("Revoke the certificate? That cannot be undone.")
def revoke(file: Path, path: Path) -> Any:
    """Revoke a certificate of the tree, in the list crl/issuer.pem; that of an operator in crl-operators.pem.

    A device interface with the setting `crl` (this folder crl) reads the list within a second: it refuses the
    certificate and ends its connections.
    """
    return dev.revoke(path, file.read_bytes(), datetime.now(UTC))


def _brief(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "pin": f"{entry['pin']:06d}"} if isinstance(entry.get("pin"), int) else entry


COMMANDS = (certs,)
