"""The declared types of results, and that each operation declares the whole of its result."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, NotRequired, TypedDict, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from server import operations
from server.operations import resulttypes
from server.units import Instant, Watts

ALL = [operation for name in operations.MODULES for operation in operations.load(name).walk()]
# What has no declared type: states in the audit log, the value of any mode, rows of any table.
OPEN = {"audit tail before", "audit tail after", "audit export before", "audit export after",
        "preview follows value", "device export tables", "approval list arguments",
        "approval approve result", "approval reject arguments"}


class Battery(TypedDict):
    name: str
    soc: float
    read_at: Instant | None


class Car(TypedDict):
    name: str
    departure_at: NotRequired[Instant]
    power_w: dict[str, Watts]


Rows = Battery | list[Battery | Car]


def undeclared(declared: Any, path: str) -> Iterator[str]:
    """The parts of a result that may be anything."""
    origin, inner = get_origin(declared), get_args(declared)
    if declared in (Any, dict, list):
        yield path
    elif is_typeddict(declared):
        for key, hint in get_type_hints(declared, include_extras=True).items():
            if hint is not declared and declared not in get_args(hint):
                yield from undeclared(hint, f"{path} {key}")
    elif origin is not Annotated:
        for part in inner:
            yield from undeclared(part, path)


def test_every_operation_declares_its_whole_result() -> None:
    assert {path for operation in ALL for path in undeclared(operation.result, operation.name)} == OPEN


@pytest.mark.parametrize("declared, unit", [
    (Instant, "instant"), (Instant | None, "instant"), (NotRequired[Watts | None], "W"), (str, ""), (Any, ""),
    (list[Watts], ""), (Battery | None, "")])
def test_a_unit_is_that_of_the_value_itself(declared: Any, unit: str) -> None:
    assert resulttypes.unit(declared) == unit


def test_of_a_union_the_member_is_taken_that_a_value_is_of() -> None:
    battery, car = {"name": "b", "soc": 0.5, "read_at": 0}, {"name": "c", "power_w": {"left": 1.0}}
    assert resulttypes.fields(Rows, battery)["read_at"] == Instant | None
    items = resulttypes.item(Rows, [battery, car])
    assert items == Battery | Car
    assert resulttypes.fields(items, car)["power_w"] == dict[str, Watts]
    assert resulttypes.fields(dict[str, Watts], {"left": 1.0}) == {"left": Watts}


@pytest.mark.parametrize("declared", [Any, dict, list, str, None])
def test_where_nothing_is_declared_anything_may_be(declared: Any) -> None:
    assert resulttypes.fields(declared, {"a": 1}) == {"a": Any} and resulttypes.item(declared, [1]) is Any
