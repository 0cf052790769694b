"""Values of arguments and results, as JSON and queries have them."""
from __future__ import annotations

import math
from datetime import date
from typing import Annotated, Any, TypedDict

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.api import encoding, values
from server.errors import BadArgument
from server.operations.declaration import Arg, Argument
from server.units import Day, Instant, Month, Watts


def argument(kind: type, meaning: Any = None, **more: Any) -> Argument:
    """An argument of the name `x`."""
    unit = meaning.__metadata__[0] if meaning else None
    return Argument(**{"name": "x", "kind": kind, "meaning": unit, "many": False, "optional": False,
                       "positional": False, "default": None, "arg": Arg(), "choices": (), **more})


INSTANT, MONTH, DAY, POWER = (argument(*both) for both in (
    (int, Instant), (date, Month), (date, Day), (float, Watts)))
OPEN = argument(float, Watts, arg=Arg(most=math.inf))
PAIRS, MANY = argument(dict, many=True), argument(str, many=True)


@pytest.mark.parametrize("of, value, taken", [
    (INSTANT, "2025-06-15T12:00:00Z", 1749988800), (INSTANT, "2025-06-15T14:00+02:00", 1749988800),
    (MONTH, "2025-06", date(2025, 6, 1)), (DAY, "2025-06-15", date(2025, 6, 15)), (POWER, 5, 5.0),
    (OPEN, "inf", math.inf), (argument(int), 5.0, 5), (argument(bool), True, True),
    (MANY, ["a", "b"], ["a", "b"]), (PAIRS, {"feeder": "F12"}, {"feeder": "F12"}), (argument(str), "", "")])
def test_what_is_taken(of: Argument, value: Any, taken: Any) -> None:
    assert values.of_json(of, value) == taken
    assert values.of_texts(of, encoding.texts(of, taken)) == taken
    assert values.of_json(of, encoding.json_value(of, taken)) == taken


@pytest.mark.parametrize("of, value, why", [
    (INSTANT, "2025-06-15T12:00:00", "not a time from 1970 to 2200 with an offset"),
    (INSTANT, 5, "not a time"), (INSTANT, "2025-06-15T12:00:00.5Z", "not a time"),
    (INSTANT, "2300-01-01T00:00:00Z", "not a time"), (INSTANT, "2025-06-15", "not a time"),
    (MONTH, "2025-06-15", "not a month"), (DAY, "2025-02-30", "not a day"),
    (POWER, "5kW", "not a number"), (POWER, True, "not a number"), (POWER, "inf", "not a number"),
    (POWER, 10 ** 400, "not a number"), (argument(int), 5.5, "not a whole number"),
    (argument(int), "5", "not a whole number"), (argument(bool), "true", "not true or false"),
    (argument(bool), 1, "not true or false"), (argument(str), 5, "not a text"),
    (argument(str), "a\0", "character"),
    (argument(str), "\ud800", "character"), (MANY, "a", "not a list"), (MANY, [1], "not a text"),
    (PAIRS, ["a=b"], "not an object"), (PAIRS, {"a": 1}, "not a text"),
    (PAIRS, {"a": "\0"}, "character")])
def test_what_is_refused_by_name(of: Argument, value: Any, why: str) -> None:
    with pytest.raises(BadArgument, match=why) as refused:
        values.of_json(of, value)
    assert refused.value.argument == "x"


@pytest.mark.parametrize("of, texts, why", [
    (POWER, ["5", "6"], "given twice"), (PAIRS, ["a=1", "a=2"], "a is given twice"),
    (PAIRS, ["a"], "NAME=VALUE"), (argument(int), ["5.5"], "whole number"),
    (argument(bool), ["yes"], "true or false"), (POWER, ["nan"], "number")])
def test_what_is_refused_of_a_query(of: Argument, texts: list[str], why: str) -> None:
    with pytest.raises(BadArgument, match=why):
        values.of_texts(of, texts)


ANY = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(ANY | st.lists(ANY) | st.dictionaries(st.text(), ANY))
@hypothesis.settings(max_examples=40)
def test_any_json_is_taken_or_refused_by_name(value: Any) -> None:
    for of in (INSTANT, MONTH, DAY, POWER, OPEN, PAIRS, MANY, argument(int), argument(bool), argument(str)):
        try:
            values.of_json(of, value)
        except BadArgument:
            pass


class SomeRow(TypedDict):
    at: Instant
    until: Instant | str | None
    power_w: Annotated[float, "W"]
    nested: list[dict[str, Instant]]


def test_a_result_is_json_with_offsets_and_back() -> None:
    row: dict[str, Any] = {"at": 1749988800, "until": "cleared", "power_w": 1.5, "nested": [{"a": 0}]}
    document = values.as_json(row, SomeRow)
    assert document == {"at": "2025-06-15T12:00:00Z", "until": "cleared", "power_w": 1.5,
                        "nested": [{"a": "1970-01-01T00:00:00Z"}]}
    assert values.from_json(document, SomeRow) == row


def test_what_json_cannot_say_is_null_or_the_last_instant() -> None:
    row = values.as_json({"at": 2 ** 62, "until": None, "power_w": math.inf, "nested": []}, SomeRow)
    assert row == {"at": "9999-12-31T23:59:59Z", "until": None, "power_w": None, "nested": []}
