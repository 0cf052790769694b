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
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from server.errors import BadArgument
from server.operations import textfiles
from server.operators.roles import Role as Role  # declarations need it
from server.units import SUFFIXES, Meaning

F = TypeVar("F", bound=Callable[..., Any])
INT32, UINT32 = 2 ** 31 - 1, 2 ** 32 - 1
YEAR_2200 = 7_258_118_400  # instants beyond it, or before 1970, are typing errors
# The range of a unit or, where it has none, of a type: what every database and the standard can hold.
RANGES: Mapping[Any, tuple[float, float]] = {
    "instant": (0, YEAR_2200), "s": (0, UINT32), int: (-INT32, INT32), float: (-1e12, 1e12)}


class UploadedFile(NamedTuple):
    """A file that comes with a call: its name, for messages, and its bytes."""
    name: str
    content: bytes

    def text(self) -> str:
        """The content as text, see `textfiles`. Refused (400) where it is none."""
        return textfiles.decode(self.content, self.name)


@dataclass(frozen=True)
class Arg:
    """What is said of an argument beside its type.

    `least` and `most` are inclusive and in the argument's unit. `option` is its name on the command line
    (several: `n/lines`) where that is not the parameter's own name without the unit. `choices` are the values
    of a text. A `secret` is typed unseen, and stands on no command line and in no log.
    """
    help: str = ""
    least: float | None = None
    most: float | None = None
    choices: Collection[str] = ()
    option: str = ""
    metavar: str = ""
    secret: bool = False


NO_PAIRS: Mapping[str, str] = MappingProxyType({})
DRY_RUN = "dry_run"
DryRun = Annotated[bool, Arg("Show what would be done, with warnings; change nothing.")]
Reason = Annotated[str, Arg("Why, for the audit log.")]
VderName = Annotated[str, Arg("A virtual DER's name or number.", metavar="VDER")]
DeviceName = Annotated[str, Arg("A device's LFDI, SFDI, number or name.", metavar="DEVICE")]


@dataclass(frozen=True, kw_only=True)
class Argument:
    """An argument of an operation, as every interface needs it."""
    name: str
    kind: type
    meaning: Meaning | None
    many: bool
    optional: bool
    positional: bool
    default: Any
    arg: Arg
    choices: tuple[str, ...]

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def unit(self) -> str:
        return self.meaning.unit if self.meaning else ""

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest value of a number."""
        least, most = RANGES.get(self.unit, RANGES.get(self.kind, (-math.inf, math.inf)))
        return (least if self.arg.least is None else self.arg.least,
                most if self.arg.most is None else self.arg.most)

    @property
    def option(self) -> str:
        """The name on the command line, without dashes: the value names its unit (90s, 5kW), so the name need
        not."""
        return self.arg.option or self.name.removesuffix(SUFFIXES.get(self.unit, "")).replace("_", "-")

    def check(self, value: Any) -> None:
        """Raise BadArgument where a value is out of range or none of the choices."""
        if value is None:
            if not self.optional:
                raise BadArgument(self.name, "a value is needed")
            return
        for item in value if self.many and self.kind is not dict else [value]:
            self._check_item(item)

    def _check_item(self, value: Any) -> None:
        if self.choices and value not in self.choices:
            raise BadArgument(self.name, f"{value!r} is not one of {', '.join(self.choices)}")
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            least, most = self.range
            if not least <= value <= most:
                raise BadArgument(self.name, f"{value:.15g} is not between {least:.15g} and {most:.15g}")


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

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """Its arguments, with `dry_run` where it changes something. TypeError where one is misdeclared."""
        parameters = list(inspect.signature(self.function).parameters.values())
        if self.changes and not self.tries_itself:
            parameters.append(inspect.Parameter(DRY_RUN, inspect.Parameter.KEYWORD_ONLY, default=False))
        hints = {DRY_RUN: DryRun, **self._hints}
        return tuple(_argument(parameter, hints[parameter.name]) for parameter in parameters)

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
        if not values.get(DRY_RUN) or self.tries_itself:
            return self._call(values)
        from server.operations.trials import trial  # which loads the store
        with trial():
            return self._call(values)

    def question(self, values: Mapping[str, Any]) -> str:
        """Return what to ask before it is done, with the values in it; "" where nothing is to be asked."""
        if values.get(DRY_RUN) or not self.confirm:
            return ""
        return self.confirm.format_map({
            name: ", ".join(value) if isinstance(value, (list, tuple)) else value
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
                  without_database: str = "", in_subtree: bool = False) -> Callable[[F], F]:
        """Declare a function as an operation; the function itself stays as it is.

        `confirm` is the question that interfaces ask first, with names of arguments in braces. An interface
        with nobody to answer refuses, unless the answer came with the call (`--yes`).
        `without_database` is an argument with which the operation needs no database. `in_subtree` is whether
        somebody may do it whose rights end at a virtual DER.
        """
        def declare(function: F) -> F:
            self.operations[name] = Operation(
                name=" ".join(filter(None, (self.parent, self.name, name))),
                function=function,
                role=role,
                confirm=confirm,
                without_database=without_database,
                in_subtree=in_subtree,
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


def _argument(parameter: inspect.Parameter, hint: Any) -> Argument:
    """An argument from its annotation, from the outside in: Annotated, None, Sequence."""
    extras: list[Any] = []
    optional = many = False
    while True:
        origin, inner = get_origin(hint), get_args(hint)
        if origin is Annotated:
            extras += hint.__metadata__
            hint = inner[0]
        elif origin in (Union, UnionType):
            optional, hint = True, next(member for member in inner if member is not NoneType)
        elif origin is Sequence:
            many, hint = True, inner[0]
        else:
            break
    choices: tuple[str, ...] = ()
    if origin is Literal:
        choices, hint = inner, str
    arg = next((extra for extra in extras if isinstance(extra, Arg)), Arg())
    kind = dict if origin is Mapping else hint
    if kind not in (str, int, float, bool, dict, date, Path, UploadedFile):
        raise TypeError(f"{parameter.name}: {hint} is not a type of an argument")
    return Argument(
        name=parameter.name,
        kind=kind,
        meaning=next((extra for extra in extras if isinstance(extra, Meaning)), None),
        many=many or kind is dict,
        optional=optional,
        positional=parameter.kind is not inspect.Parameter.KEYWORD_ONLY,
        default=parameter.default,
        arg=arg,
        choices=choices or tuple(arg.choices),
    )
