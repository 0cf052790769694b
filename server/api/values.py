"""Values of arguments as JSON, queries and forms have them, and results as JSON. Pure.

They are those of the declarations, save that an instant is a text with its offset (RFC 3339), such as
2026-11-26T18:00:00Z.
"""
from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

from server.errors import BadArgument
from server.operations import resulttypes
from server.operations.declaration import YEAR_2200, Argument

NOTHING: Mapping[str, str] = MappingProxyType({})
_LAST = 253_402_300_799  # 9999-12-31T23:59:59Z
_YES_NO: Mapping[str, bool] = {"true": True, "false": False}
_MONTH = re.compile(r"\d{4}-\d{2}")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")  # NUL, which PostgreSQL does not store, and half characters


def of_json(argument: Argument, value: Any) -> Any:
    """Return what an operation takes for a value of JSON. BadArgument where it is of another type."""
    if value is None:
        return None  # refused by the argument's own check, unless it may be left out
    if argument.kind is dict:
        return _mapping(argument, value)
    if argument.many:
        if not isinstance(value, list):
            raise BadArgument(argument.name, f"{_shown(value)} is not a list")
        return [_of_json(argument, item) for item in value]
    return _of_json(argument, value)


def of_texts(argument: Argument, texts: list[str]) -> Any:
    """Return what an operation takes for the texts that a query or form has under the argument's name."""
    if argument.kind is dict:
        return _mapping(argument, dict(_pairs(argument, texts)))
    if argument.many:
        return [_of_text(argument, text) for text in texts]
    if len(texts) > 1:
        raise BadArgument(argument.name, "it is given twice")
    return _of_text(argument, texts[0])


def _pairs(argument: Argument, texts: list[str]) -> Iterable[tuple[str, str]]:
    seen: set[str] = set()
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise BadArgument(argument.name, f"{text!r} is not NAME=VALUE")
        if name in seen:
            raise BadArgument(argument.name, f"{name} is given twice")
        seen.add(name)
        yield name, value


def _mapping(argument: Argument, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise BadArgument(argument.name, f"{_shown(value)} is not an object of names and texts")
    for name, text in value.items():
        if not isinstance(text, str):
            raise BadArgument(argument.name, f"the value of {name} is {_shown(text)}, not a text")
        storable(argument.name, name)
        storable(argument.name, text)
    return value


def _of_json(argument: Argument, value: Any) -> Any:
    kind = argument.kind
    if argument.unit != "instant" and kind in (int, float) and not isinstance(value, (bool, str)):
        return _number(argument, value)
    if kind is bool and isinstance(value, bool):
        return value
    if kind not in (bool, int) and isinstance(value, str) or argument.unit == "instant":
        return _of_text(argument, value)
    raise BadArgument(argument.name, f"{_shown(value)} is not {in_words(argument)}")


def _of_text(argument: Argument, text: Any) -> Any:
    """The value of a text, as queries have it."""
    try:
        if argument.unit == "instant":
            return instant(text)
        if argument.kind is bool:
            return _YES_NO[text]
        if argument.kind in (int, float):
            return _number(argument, _parsed_number(argument, text))
        if argument.kind is date:
            return _date(argument, text)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise BadArgument(argument.name, f"{_shown(text)} is not {in_words(argument)}") from None
    return storable(argument.name, text)


def is_storable(text: str) -> bool:
    """Return whether a database stores a text."""
    return not _UNSTORABLE.search(text)


def storable(name: str, text: str) -> str:
    """Return a text. BadArgument for the argument of this name where it has what is not stored."""
    if not is_storable(text):
        raise BadArgument(name, f"{text!r} has a character that is none of a text")
    return text


def _parsed_number(argument: Argument, text: str) -> float:
    if argument.kind is int:
        return int(text)
    number = float(text)
    if math.isnan(number) or math.isinf(number) and not is_open(argument):
        raise ValueError
    return number


def _number(argument: Argument, value: Any) -> float:
    if isinstance(value, int) or isinstance(value, float) and (argument.kind is float or value.is_integer()):
        try:
            return int(value) if argument.kind is int else float(value)
        except OverflowError:
            pass  # an integer that no float holds
    raise BadArgument(argument.name, f"{_shown(value)} is not {in_words(argument)}")


def is_open(argument: Argument) -> bool:
    """Whether a number may be infinite, which JSON says as the text "inf"."""
    return argument.kind is float and math.inf in (-argument.range[0], argument.range[1])


def _date(argument: Argument, text: str) -> date:
    if argument.unit != "month":
        return date.fromisoformat(text)
    if not _MONTH.fullmatch(text):
        raise ValueError
    return date.fromisoformat(f"{text}-01")


def instant(text: str) -> int:
    """Return the instant (UTC, s) of a text with an offset (RFC 3339). ValueError where it has none, or a
    fraction of a second."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None or time.microsecond or len(text) < len("2026-11-26T18:00Z"):
        raise ValueError
    seconds = int(time.timestamp())
    if not 0 <= seconds <= YEAR_2200:
        raise ValueError
    return seconds


def instant_text(seconds: float) -> str:
    """Return the text of an instant (UTC, s); the last of the year 9999 for any that is later."""
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST), UTC).isoformat().replace("+00:00", "Z")


_WORDS: Mapping[Any, str] = {
    "instant": "a time from 1970 to 2200 with an offset, such as 2026-11-26T18:00:00Z",
    "month": "a month such as 2026-11", "date": "a day such as 2026-11-26",
    bool: "true or false", int: "a whole number", float: "a number", str: "a text",
}


def in_words(argument: Argument) -> str:
    """Return what a value of the argument is, for people."""
    words = _WORDS.get(argument.unit) or _WORDS[argument.kind]
    return f'{words}, or "inf"' if is_open(argument) else words


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def as_json(result: Any, declared: Any) -> Any:
    """Return a result of a declared type as JSON has it. NaN and infinity, which are no JSON, become null."""
    if isinstance(result, Mapping):
        types = resulttypes.fields(declared, result)
        return {str(key): as_json(value, types[key]) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        item = resulttypes.item(declared, result)
        return [as_json(value, item) for value in result]
    if isinstance(result, float) and not math.isfinite(result):
        return None
    if isinstance(result, (int, float)) and resulttypes.unit(declared) == "instant":
        return instant_text(result)
    return result if isinstance(result, (str, int, float, bool, type(None))) else str(result)


def from_json(value: Any, declared: Any) -> Any:
    """Return a result of a declared type from its JSON: what `as_json` has made a text of is an instant."""
    if isinstance(value, dict):
        types = resulttypes.fields(declared, value)
        return {key: from_json(part, types[key]) for key, part in value.items()}
    if isinstance(value, list):
        item = resulttypes.item(declared, value)
        return [from_json(part, item) for part in value]
    if isinstance(value, str) and resulttypes.unit(declared) == "instant":
        return _seconds(value)
    return value


def _seconds(text: str) -> int | float | str:
    """The instant (UTC, s) of a text; the text itself where it is another word, such as `cleared`."""
    try:
        seconds = datetime.fromisoformat(text).timestamp()
    except ValueError:
        return text
    return int(seconds) if seconds == int(seconds) else seconds
