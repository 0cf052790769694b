"""How an operation is declared: once, as a function with annotated arguments.

    devices = Group("device", "Look at and change enrolled devices.")

    @devices.operation("suspend", role=Role.ADMINISTRATOR)
    def suspend(device: DeviceName) -> DeviceRow:
        '''Refuse a device everything until it is restored.'''

The signature says the rest. What stands before `*` is positional, what stands after it is an option. A
parameter without a default is required. The annotation gives the type (`Watts`, `Instant`, `bool`, a
`Literal`, `Sequence[str]`, `Mapping[str, str]`, `UploadedFile`, …), `None` where it may be left out, and an
`Arg` with help and range. The return type is the type of the result.

Every operation that changes something, by its role, can be tried: with `dry_run` it is run in a transaction
that is rolled back. One that acts on more than the database, or has more to say of a trial, declares
`dry_run: DryRun = False` and does it itself. One that destroys what no other operation brings back declares
the question that is asked first: `confirm="Remove {device}?"`.

Somebody whose rights end at a virtual DER may do only what declares `in_subtree=True`: all that it finds,
lists and counts goes through `server.scopes`.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, get_type_hints

from server.errors import BadArgument
from server.operations.arguments import INT32, UINT32, YEAR_2200, Arg, Argument, UploadedFile, argument_of
from server.operators.roles import Role

if TYPE_CHECKING:
    from server.models import VirtualDER
    from server.operators.approvals import WaitingApproval

__all__ = ["DRY_RUN", "INT32", "NO_PAIRS", "UINT32", "YEAR_2200", "Arg", "Argument", "DeviceName", "DryRun",
           "Group", "Operation", "Reason", "Role", "UploadedFile", "VderName"]
PowerOf: TypeAlias = "Callable[[Mapping[str, Any]], tuple[VirtualDER, float] | None]"
F = TypeVar("F", bound=Callable[..., Any])
NO_PAIRS: Mapping[str, str] = MappingProxyType({})
DRY_RUN = "dry_run"
DryRun = Annotated[bool, Arg("Show what would be done, with warnings; change nothing.")]
Reason = Annotated[str, Arg("Why, for the audit log.")]
VderName = Annotated[str, Arg("A virtual DER's name or number.", metavar="VDER")]
DeviceName = Annotated[str, Arg("A device's LFDI, SFDI, number or name.", metavar="DEVICE")]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """Something that can be done, or looked up, through every operator interface.

    Its annotations are read when they are first needed: a command needs those of one operation of its module.
    """
    name: str
    function: Callable[..., Any]
    role: Role
    confirm: str
    without_database: str
    in_subtree: bool
    in_parts: bool
    shows_secret: bool
    power: PowerOf | None

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """Its arguments, with `dry_run` where it changes something. TypeError where one is misdeclared."""
        parameters = list(inspect.signature(self.function).parameters.values())
        if self.changes and not self.tries_itself:
            parameters.append(inspect.Parameter(DRY_RUN, inspect.Parameter.KEYWORD_ONLY, default=False))
        hints = {DRY_RUN: DryRun, **self._hints}
        return tuple(argument_of(parameter, hints[parameter.name]) for parameter in parameters)

    @property
    def result(self) -> Any:
        """The declared type of its result."""
        return self._hints["return"]

    @property
    def tries_itself(self) -> bool:
        """Whether it does a dry run itself."""
        return DRY_RUN in self._hints

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.function, include_extras=True)

    @property
    def help(self) -> str:
        return inspect.getdoc(self.function) or ""

    @property
    def has_dry_run(self) -> bool:
        return any(argument.name == DRY_RUN for argument in self.arguments)

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        return self.role is not Role.VIEWER

    def run(self, values: Mapping[str, Any]) -> Any:
        """Check the values, by argument, and do it. BadArgument or Refused where it cannot be done."""
        for argument in self.arguments:
            if argument.name in values:
                argument.check(values[argument.name])
            elif argument.required:
                raise BadArgument(argument.name, "a value is needed")
        if not values.get(DRY_RUN):
            return self._waiting(values) or self._call(values)
        if self.tries_itself:
            return self._call(values)
        from server.operations.trials import trial  # which loads the store
        with trial():
            return self._call(values)

    def _waiting(self, values: Mapping[str, Any]) -> WaitingApproval | None:
        """Have it wait where somebody else has to approve it first."""
        if self.power is None:
            return None
        from server.operators import approvals  # which few operations need
        return approvals.ask(self, values)

    def question(self, values: Mapping[str, Any]) -> str:
        """Return what to ask before it is done, with the values in it; "" where nothing is to be asked."""
        if values.get(DRY_RUN) or not self.confirm:
            return ""
        return self.confirm.format_map({
            name: ", ".join(value) if type(value) in (list, tuple) else value
            for name, value in values.items()})

    def _call(self, values: Mapping[str, Any]) -> Any:
        positional = [values[argument.name] for argument in self.arguments
                      if argument.positional and argument.name in values]
        result = self.function(*positional, **{
            argument.name: values[argument.name] for argument in self.arguments
            if not argument.positional and argument.name in values
            and (argument.name != DRY_RUN or self.tries_itself)})
        if not isinstance(result, Iterator):
            return result
        from server import scopes  # which loads the tables
        return scopes.bound(result)


@dataclass
class Group:
    """Operations on one kind of thing.

    An operation of the name "" is the group itself, as a command. `default` is the operation that is meant
    where the command line names none.
    """
    name: str
    help: str = ""
    default: str = ""
    operations: dict[str, Operation] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    parent: str = ""

    def operation(self, name: str, *, role: Role, confirm: str = "",
                  without_database: str = "", in_subtree: bool = False, in_parts: bool = False,
                  shows_secret: bool = False, power: PowerOf | None = None
                  ) -> Callable[[F], F]:
        """Declare a function as an operation; the function itself stays as it is.

        `confirm` is the question that interfaces ask first, with names of arguments in braces. An interface
        with nobody to answer refuses, unless the answer came with the call (`--yes`).
        `without_database` is an argument with which the operation needs no database. `in_subtree` is whether
        somebody may do it whose rights end at a virtual DER. `in_parts` is whether it is done in several
        transactions, or takes long before its only one. `shows_secret` is whether its result has what is
        shown this once, and is kept nowhere. `power` returns, for the values of a call, the virtual DER
        and the power in W that it would order, or None: above a limit it waits for somebody else's
        approval, and the result is a WaitingApproval.
        """
        def declare(function: F) -> F:
            self.operations[name] = Operation(
                name=" ".join(filter(None, (self.parent, self.name, name))),
                function=function,
                role=role,
                confirm=confirm,
                without_database=without_database,
                in_subtree=in_subtree,
                in_parts=in_parts,
                shows_secret=shows_secret,
                power=power,
            )
            return function
        return declare

    def group(self, name: str, help: str) -> Group:
        """A group below this one."""
        self.groups[name] = Group(name, help, parent=f"{self.parent} {self.name}".strip())
        return self.groups[name]

    def walk(self) -> Iterator[Operation]:
        """All operations of this group and of those below it."""
        yield from self.operations.values()
        for group in self.groups.values():
            yield from group.walk()
