"""What `--json` prints: see docs/json.md. Results as they are declared, and errors as an object."""
from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import click

VERSION = 1  # of the shape; raised where a key or its meaning changes, not where keys are added
VERSIONS = ("1",)
ABORTED = 1  # the exit code after Ctrl-C, or "no" to a question


def dumps(result: Any, indent: int | None = 2) -> str:
    """Return a result as JSON. NaN and infinity, which are not numbers in JSON, become null."""
    try:
        return json.dumps(result, indent=indent, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(result), indent=indent, ensure_ascii=False, default=str)


def write(result: Any, file: TextIO) -> None:
    """Write a result as JSON. Of a list each item has a line, written as it is read."""
    if isinstance(result, Mapping) or not isinstance(result, Iterable) or isinstance(result, str):
        file.write(dumps(result) + "\n")
        return
    begin = "[\n"
    for item in result:
        file.write(begin + dumps(item, None))
        begin = ",\n"
    file.write("[]\n" if begin == "[\n" else "\n]\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and value - value != 0 else value


def is_asked_for(words: Sequence[str]) -> bool:
    """Return whether a command line asks for JSON."""
    return "--json" in words[:words.index("--")] if "--" in words else "--json" in words


def main(group: click.Group, words: Sequence[str], **options: Any) -> None:
    """Run a command line, print what is refused as JSON to standard output, and exit."""
    try:
        code = click.Group.main(group, words, standalone_mode=False, **options)
    except click.ClickException as error:
        print_error(error)
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Aborted!", err=True)  # what was printed until then is whole, and nobody reads on
        sys.exit(ABORTED)
    sys.exit(code if isinstance(code, int) else 0)


def print_error(error: click.ClickException) -> None:
    """Print an error: in words, which argument it is of, and the exit code."""
    hint = getattr(error, "param_hint", None)
    parameter = getattr(error, "param", None)
    if hint is None and parameter is not None:
        hint = parameter.opts[-1] if isinstance(parameter, click.Option) else parameter.human_readable_name
    click.echo(dumps({"error": {
        "kind": "usage" if isinstance(error, click.UsageError) else "refused",
        "message": error.format_message(),
        "argument": hint.strip("'") if isinstance(hint, str) else None,
        "exit_code": error.exit_code,
    }, "version": VERSION}))
