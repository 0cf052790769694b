"""The arguments of operations, as their annotations declare them."""
from __future__ import annotations

import inspect
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from server.errors import BadArgument
from server.operations import textfiles
from server.units import SUFFIXES, Meaning

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


def argument_of(parameter: inspect.Parameter, hint: Any) -> Argument:
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
