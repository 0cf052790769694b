"""`operations`: every operation with its arguments, units, ranges and role, and the reference in
docs/operations.md."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from server import operations
from server.cli import parameters
from server.cli.tables import show
from server.operations.declaration import Argument, Operation

_PREFACE = """# Operations

Made from `server/operations` by `counterpoise operations --markdown`; a test holds the two equal.

Every operation is declared once, with its arguments, their units and ranges, the role that it needs and
whether it has a dry run. The commands are made from the declarations. On the local command line everybody may
do everything, since whoever holds the database does; once there are users, all but approve. Who signs in may
do what their role includes and, where their rights end at a virtual DER, only what says so.

Every operation that changes something has a dry run: it is done, shown, and rolled back. One that destroys
what no other brings back asks first; where nobody can answer, `--yes` has to.
"""
_HEADING = "| argument | type | accepted | default | what it is for |\n| --- | --- | --- | --- | --- |\n"


@click.command("operations")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the reference.")
def show_operations(as_json: bool, as_markdown: bool) -> None:
    """List every operation: the role it needs, whether it has a dry run, what it does."""
    if as_markdown:
        click.echo(markdown(), nl=False)
    elif as_json:
        show([_record(operation) for operation in declared()], as_json=True)
    else:
        show([{"name": operation.name, "role": str(operation.role), "dry_run": operation.has_dry_run,
               "asks": bool(operation.confirm), "help": _summary(operation)}
              for operation in declared()], as_json=False, whole=True)


def declared() -> Iterator[Operation]:
    """Every operation, in the order of the commands."""
    for name in operations.MODULES:
        yield from operations.load(name).walk()


def markdown() -> str:
    """The reference of all operations, as docs/operations.md has it."""
    parts = [_PREFACE]
    for operation in declared():
        help = operation.help.replace("\n\n", "\0").replace("\n", " ").replace("\0", "\n\n")
        help = parameters.in_options(help, operation.arguments, "`{}`")
        parts.append(f"\n## {operation.name}\n\n{help}\n\nRole: {operation.role}.{_manner(operation)}\n")
        if operation.arguments:
            parts.append(f"\n{_HEADING}")
            parts += [_line(argument, operation) for argument in operation.arguments]
    return "".join(parts)


def _manner(operation: Operation) -> str:
    return ((" Also within a part of the tree." if operation.in_subtree else "")
            + (" It has a dry run." if operation.has_dry_run else "")
            + (" It asks first; `--yes` answers." if operation.confirm else ""))


def _line(argument: Argument, operation: Operation) -> str:
    help = parameters.in_options(argument.arg.help, operation.arguments, "`{}`")
    cells = (f"`{parameters.option(argument)}`", _type(argument), _accepted(argument).replace("|", "\\|"),
             "required" if argument.required else parameters.shown_default(argument),
             help.replace("|", "\\|"))
    return f"| {' | '.join(cells)} |\n"


def _type(argument: Argument) -> str:
    kind = argument.unit or {"str": "text", "int": "integer", "float": "number", "bool": "yes or no",
                             "dict": "NAME=VALUE", "UploadedFile": "file", "Path": "file"}.get(
        argument.kind.__name__, argument.kind.__name__)
    if argument.arg.secret:
        kind = "secret, typed or read"
    return f"{kind}, several" if argument.many else kind


def _accepted(argument: Argument) -> str:
    return ", ".join(argument.choices) or parameters.shown_range(argument)


def _summary(operation: Operation) -> str:
    summary = operation.help.partition("\n\n")[0].replace("\n", " ")
    return parameters.in_options(summary, operation.arguments)


def _record(operation: Operation) -> dict[str, Any]:
    return {
        "name": operation.name,
        "role": operation.role,
        "dry_run": operation.has_dry_run,
        "asks": bool(operation.confirm),
        "help": operation.help,
        "arguments": [
            {"name": argument.name, "option": argument.option, "type": argument.kind.__name__,
             "unit": argument.unit, "required": argument.required, "many": argument.many,
             "choices": list(argument.choices), "accepted": _accepted(argument), "help": argument.arg.help}
            for argument in operation.arguments
        ],
    }


COMMANDS = (show_operations,)
