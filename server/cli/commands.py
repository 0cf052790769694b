"""Click commands made from the declarations of operations: arguments, help, the call, and what is printed."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

import click

from server import actors
from server.cli import common, parameters
from server.cli.group import LazyCommands
from server.cli.presentation import Presentation
from server.cli.tables import show
from server.errors import BadArgument, Refused
from server.operations.declaration import DRY_RUN, Argument, Group, Operation

# The modules with presentations of their own, by the first word of the operation.
_OWN = {"audit": "audit", "device": "personaldata"}


class DefaultGroup(click.Group):
    """A group that is a command too: `dispatch F12 --watts 5000` is `dispatch order F12 --watts 5000`."""
    default = ""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


def group(declared: Group) -> click.Command:
    """The command of a group of operations, or of its only operation where that has no name of its own."""
    if "" in declared.operations:
        return command(declared.operations[""], declared.name)
    click_group = (DefaultGroup if declared.default else click.Group)(declared.name, help=declared.help)
    if isinstance(click_group, DefaultGroup):
        click_group.default = declared.default
    click_group.commands = LazyCommands([*declared.operations, *declared.groups], partial(_below, declared))
    return click_group


def _below(declared: Group, name: str) -> click.Command:
    """The command of a name in a group, made when it is asked for."""
    if name in declared.operations:
        return command(declared.operations[name], name)
    return group(declared.groups[name])


def command(operation: Operation, name: str) -> click.Command:
    """The command of an operation. `--json` is added to its arguments, `--yes` where it asks first."""
    presentation = _presentation(operation)

    def callback(as_json: bool, yes: bool = False, whole: bool = False, **values: Any) -> None:
        own = {parameter.name: values[parameter.name] for parameter in presentation.parameters
               if parameter.name is not None}
        if presentation.has_tables:
            own["whole"] = whole
        common.ask(operation.question(values), yes)
        # instants are relative to the clock, which the database decides: it is opened first
        local = values.get(operation.without_database)
        is_remote = common.server() is not None and not local
        run(operation, lambda: (_remotely if is_remote else _locally)(operation, values),
            lambda result: presentation.print(result, as_json, **own),
            database=not local and not is_remote)
        if values.get(DRY_RUN) and not as_json:
            click.secho("Dry run: nothing was changed.", err=True)

    click_command = click.Command(
        name,
        callback=callback,
        params=[*(_parameter(argument, operation) for argument in operation.arguments),
                *presentation.parameters, *_options(operation)],
        help=parameters.in_options(operation.help, operation.arguments),
        epilog=" ".join(note for unit, note in parameters.NOTES.items()
                        if any(argument.unit == unit for argument in operation.arguments)) or None,
    )
    if any(argument.positional and (argument.kind is float or argument.unit == "quantity")
           for argument in operation.arguments):
        click_command.context_settings["ignore_unknown_options"] = True  # -5 is a number here
    return click_command


def _locally(operation: Operation, values: dict[str, Any]) -> Any:
    return operation.run(_arguments(operation, values))


def _remotely(operation: Operation, values: dict[str, Any]) -> Any:
    """Do an operation on the server of this call."""
    from server.cli import remote
    server = common.server()
    assert server is not None
    if any(callable(value) for value in values.values()):
        click.get_current_context().meta[common.NOW] = remote.now(server)
    return remote.call(server, operation, _arguments(operation, values), common.actor()[1])


def _presentation(operation: Operation) -> Presentation:
    if operation.name.partition(" ")[0] in _OWN:
        module = import_module(f"server.cli.{_OWN[operation.name.partition(' ')[0]]}")
        presentations: Mapping[str, Presentation] = module.PRESENTATIONS
        if operation.name in presentations:
            return presentations[operation.name]
    return Presentation(partial(show, declared=operation.result), has_tables=True)


def run(operation: Operation, function: Callable[[], Any], print_result: Callable[[Any], None],
        database: bool = True) -> None:
    """Open the `database`, call the function in the operator's name and print what it returns.

    What is refused is an error in words, which calls arguments as the command line does.
    """
    try:
        if database:
            common.open_database(reads=not operation.changes)
            _check_local(operation)
        with actors.acting(*common.actor()), common.progress_bar():
            result = function()
        print_result(result)
    except BadArgument as error:
        argument = parameters.in_options(f"`{error.argument}`", operation.arguments)
        reason = parameters.in_options(error.reason, operation.arguments)
        raise click.BadParameter(reason, param_hint=f"'{argument}'") from None
    except Refused as refused:
        raise click.ClickException(parameters.in_options(refused.why, operation.arguments)) from None
    except ImportError as missing:
        if common.EXTRA not in str(missing):
            raise
        raise click.ClickException(str(missing)) from None


def _check_local(operation: Operation) -> None:
    """Refuse what the local command line may not do; once there are users, mark its name as one that was only
    said."""
    from server.operators import local
    local.check(operation.name, operation.role)
    name, reason = common.actor()
    common.act_as(local.actor(name), reason)


def _arguments(operation: Operation, values: dict[str, Any]) -> dict[str, Any]:
    """The operation's arguments from parsed values; what was not typed keeps its default."""
    taken: dict[str, Any] = {}
    for argument in operation.arguments:
        value = values[argument.name]
        if argument.arg.secret:
            taken[argument.name] = common.secret(argument.name, from_input=bool(value))
        elif value is not None:
            taken[argument.name] = parameters.taken(argument, value)
    return taken


def _parameter(argument: Argument, operation: Operation) -> click.Parameter:
    kind = parameters.parameter_type(argument)
    if argument.positional:
        return click.Argument(
            [argument.name], type=kind, nargs=-1 if argument.many else 1, required=argument.required,
            metavar=argument.arg.metavar or None,
        )
    flag = argument.kind is bool and not argument.optional or argument.arg.secret
    return click.Option(
        [argument.name, *parameters.option_names(argument)],
        type=None if flag else kind,
        is_flag=flag,
        multiple=argument.many,
        required=argument.required and not flag,
        default=None if argument.required or argument.many or flag else argument.default,
        metavar=argument.arg.metavar or (None if flag or argument.choices else kind.name.upper()
                                         if kind is not parameters.YES_NO else "yes|no"),
        help=parameters.in_options(_help(argument), operation.arguments),
    )


def _help(argument: Argument) -> str:
    """The help of an option, with its range and default."""
    facts = [parameters.shown_range(argument)]
    if default := parameters.shown_default(argument):
        facts.append(f"default: {default}")
    shown = "; ".join(filter(None, facts))
    return argument.arg.help + (f"  [{shown}]" if shown else "")


def _options(operation: Operation) -> list[click.Option]:
    """What the command line adds to the arguments of an operation."""
    json = click.Option(["--json", "as_json"], is_flag=True, help="Print JSON.")
    yes = click.Option(["--yes"], is_flag=True, help="Do it without asking.")
    whole = click.Option(["--whole"], is_flag=True, help="Print tables whole, however long.")
    tables = _presentation(operation).has_tables
    return [*([yes] if operation.confirm else []), *([whole] if tables else []), json]
