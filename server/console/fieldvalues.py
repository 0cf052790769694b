"""Values of arguments as people type them into forms: `5kW`, `15m`, `tomorrow 18:00`, a file."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import FileStorage, MultiDict

from server import clock, durationtexts, quantitytexts
from server.api import values
from server.config import settings
from server.errors import BadArgument
from server.operations import timetexts
from server.operations.declaration import Argument, Operation, UploadedFile

MOST_LETTERS = 100  # of a number, duration or time
_INFINITE = ("inf", "+inf", "-inf")
_WRITTEN = "quantity"  # unit of a text that the operation reads itself


def read(operation: Operation, texts: MultiDict[str, str],
         files: MultiDict[str, FileStorage] | None = None) -> dict[str, Any]:
    """Return the values of an operation's arguments. What is empty was not given. BadArgument where a text
    is no value of its argument."""
    found: dict[str, Any] = {}
    for argument in operation.arguments:
        if argument.kind is UploadedFile:
            uploads = [UploadedFile(part.filename or argument.name, part.read())
                       for part in (files or MultiDict()).getlist(argument.name) if part.filename]
            if uploads:
                found[argument.name] = uploads if argument.many else uploads[0]
        elif argument.kind is not Path:
            given = [text for text in texts.getlist(argument.name) if text.strip()]
            if given:
                found[argument.name] = _value(argument, given)
    return found


def _value(argument: Argument, texts: list[str]) -> Any:
    if argument.many and not argument.choices:
        texts = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    if argument.kind is dict:
        return values.of_texts(argument, texts)
    return values.of_texts(argument, [_plain(argument, text.strip()) for text in texts])


def _plain(argument: Argument, text: str) -> str:
    """A text as the REST interface has it."""
    is_read = argument.unit == "instant" or argument.kind in (int, float)
    if is_read and len(text) > MOST_LETTERS:
        raise BadArgument(argument.name, f"{text[:MOST_LETTERS]!r}… is too long")
    try:
        if argument.unit == "instant":
            return values.instant_text(
                timetexts.instant(text, ZoneInfo(settings.timezone), clock.now()))
        if argument.kind in (int, float) and argument.unit and text.lower() not in _INFINITE:
            number = _number(argument, text)
            return str(int(number)) if argument.kind is int and number == int(number) else repr(number)
    except ValueError as error:
        raise BadArgument(argument.name, f"{text!r} {error}") from None
    return text


def _number(argument: Argument, text: str) -> float:
    if argument.unit != "s":
        return quantitytexts.quantity(text, argument.unit)
    negative = argument.range[0] < 0 and text.startswith("-")
    seconds = durationtexts.seconds(text.removeprefix("-") if negative else text)
    return -seconds if negative else seconds


def shown(argument: Argument, value: Any) -> str:
    """Return a value as a form has it before anything is typed."""
    if value is None or argument.required:
        return ""
    if isinstance(value, bool):
        return "true" if value else ""
    if isinstance(value, Mapping):
        return "\n".join(f"{name}={text}" for name, text in value.items())
    if isinstance(value, (list, tuple)):
        return "\n".join(map(str, value))
    if argument.unit == "s" and isinstance(value, int) and value > 0:
        return durationtexts.shown(value)
    return f"{value:.15g}" if isinstance(value, float) else str(value)
