"""Operations are declared once, and the declaration says all that interfaces need."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, Literal

import pytest

from server import operations
from server.errors import BadArgument, Refused
from server.operations.declaration import (NO_PAIRS, Arg, Argument, DryRun, Group, Operation, Role,
                                           UploadedFile)
from server.units import Instant, Seconds, Watts

ALL = [operation for name in operations.MODULES for operation in operations.load(name).walk()]
things = Group("thing", "Things.")


@things.operation("make", role=Role.OPERATOR)
def make(
    name: str,
    modes: Mapping[str, str] = NO_PAIRS,
    *,
    power_w: Annotated[Watts | None, Arg("How much.", least=0)] = None,
    start_at: Instant | None = None,
    duration_s: Seconds,
    share: Annotated[float, Arg(most=1)] = 0.5,
    kind: Literal["pv", "ev"] = "pv",
    members: Annotated[Sequence[str], Arg(option="member")] = (),
    dry_run: DryRun = False,
) -> dict[str, Any]:
    """Make a thing."""
    return {"name": name, "power_w": power_w, "duration_s": duration_s}


MAKE = things.operations["make"]
ARGUMENTS = {argument.name: argument for argument in MAKE.arguments}


def test_a_function_becomes_an_operation_and_stays_what_it_is() -> None:
    assert (MAKE.name, MAKE.role, MAKE.help, MAKE.has_dry_run) == (
        "thing make", Role.OPERATOR, "Make a thing.", True)
    assert make("x", duration_s=1) == MAKE.run({"name": "x", "duration_s": 1})


@pytest.mark.parametrize("name, kind, unit, option, required, positional, many", [
    ("name", str, "", "name", True, True, False),
    ("modes", dict, "", "modes", False, True, True),
    ("power_w", float, "W", "power", False, False, False),
    ("start_at", int, "instant", "start", False, False, False),
    ("duration_s", int, "s", "duration", True, False, False),
    ("share", float, "", "share", False, False, False),
    ("kind", str, "", "kind", False, False, False),
    ("members", str, "", "member", False, False, True),
    ("dry_run", bool, "", "dry-run", False, False, False),
])
def test_an_argument_is_read_from_the_signature(
    name: str, kind: type, unit: str, option: str, required: bool, positional: bool, many: bool
) -> None:
    argument = ARGUMENTS[name]
    assert (argument.kind, argument.unit, argument.option, argument.required, argument.positional,
            argument.many) == (kind, unit, option, required, positional, many)


@pytest.mark.parametrize("name, value, wrong", [
    ("power_w", 0, False), ("power_w", 1e12, False), ("power_w", None, False),
    ("power_w", -1, True), ("power_w", math.nan, True), ("power_w", math.inf, True),
    ("start_at", 0, False), ("start_at", 7_258_118_401, True),
    ("duration_s", 2 ** 32 - 1, False), ("duration_s", 2 ** 32, True), ("duration_s", None, True),
    ("share", 1, False), ("share", 1.01, True),
    ("kind", "ev", False), ("kind", "wind", True),
    ("members", ["a", "b"], False),
])
def test_a_value_out_of_range_is_refused_by_the_argument_s_name(name: str, value: Any, wrong: bool) -> None:
    values = {"name": "x", "duration_s": 1, name: value}
    if not wrong:
        MAKE.run(values)
        return
    with pytest.raises(BadArgument) as refused:
        MAKE.run(values)
    assert refused.value.argument == name and refused.value.status == 400


def test_a_required_argument_that_is_missing_is_refused() -> None:
    with pytest.raises(BadArgument, match="^duration_s: a value is needed$"):
        MAKE.run({"name": "x"})


def test_a_type_that_no_interface_knows_is_refused() -> None:
    odd = Group("odd")

    @odd.operation("", role=Role.VIEWER)
    def odd_operation(value: complex) -> None:
        """Never declared."""

    with pytest.raises(TypeError, match="^value: "):
        odd.operations[""].arguments


def test_the_table_of_modules_names_every_group_with_its_module() -> None:
    declared = {
        group.name: module
        for module in dict.fromkeys(operations.MODULES.values())
        for group in import_module(f"server.operations.{module}").GROUPS
    }
    assert declared == operations.MODULES


@pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.name)
def test_an_operation_says_what_it_does_and_what_each_argument_is(operation: Operation) -> None:
    first = operation.help.partition("\n\n")[0]
    assert first[:1].isupper() and first.endswith(".")
    assert [argument.name for argument in operation.arguments if not _explained(argument)] == []
    assert len({argument.option for argument in operation.arguments}) == len(operation.arguments)


def _explained(argument: Argument) -> bool:
    """Positional arguments and those whose type says everything need no help."""
    return bool(argument.positional or argument.arg.help or argument.choices or argument.meaning)


@pytest.mark.parametrize("operation", ALL, ids=lambda operation: operation.name)
def test_what_only_looks_needs_no_more_than_a_viewer(operation: Operation) -> None:
    looks = operation.name.rpartition(" ")[2] in {
        "list", "show", "status", "capability", "shares", "sessions", "tail", "diff", "preview"}
    assert not looks or operation.role is Role.VIEWER
    assert not operation.has_dry_run or operation.role is not Role.VIEWER


def test_no_text_of_an_operation_names_an_option_of_the_command_line() -> None:
    texts = [text for operation in ALL
             for text in (operation.help, *(argument.arg.help for argument in operation.arguments))]
    assert [text for text in texts if "--" in text] == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_is_text_in_the_encodings_of_spreadsheets(encoding: str) -> None:
    assert UploadedFile("f", "Größe;1\r\n".encode(encoding)).text() == "Größe;1\r\n"


@pytest.mark.parametrize("content", [b"a\x00b", b"\x81\x8d", b"\xff\xfe\x00", b"PK\x03\x04"])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="f: this is not text in UTF-8, UTF-16 or Windows-1252"):
        UploadedFile("f", content).text()
