"""What is refused is JSON where JSON is asked for, and results are JSON that any reader takes."""
from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from server.cli import jsonoutput, main
from server.config import settings


def refused(*words: str) -> tuple[dict[str, Any], int]:
    result = CliRunner().invoke(main, [*words, "--json"])
    answer = json.loads(result.stdout)
    assert answer["version"] == 1 and answer["error"]["exit_code"] == result.exit_code and not result.stderr
    return answer["error"], result.exit_code


@pytest.mark.parametrize("words, kind, argument, message", [
    ("vder show F13", "refused", None, "no virtual DER 'F13'"),
    ("vder shov F13", "usage", None, "No such command 'shov'"),
    ("vder capability", "usage", "VDER", "Missing argument"),
    ("vder create", "usage", "NAME", "Missing argument"),
    ("vder capability F13 --horizon many", "usage", "--horizon", "many"),
    ("device remove nobody", "usage", None, "There is no terminal"),
    ("--json-version 9 device list", "usage", "--json-version", "'9' is not"),
    ("--set timezone=Mars device list", "refused", None, "Mars"),
])
def test_what_is_refused_is_an_object(
    server: None, words: str, kind: str, argument: str | None, message: str
) -> None:
    error, code = refused(*words.split())
    assert (error["kind"], error["argument"], code) == (kind, argument, 2 if kind == "usage" else 1)
    assert message in error["message"]


def test_a_list_is_written_as_it_is_read() -> None:
    file, written = io.StringIO(), []

    def items() -> Iterator[dict[str, Any]]:
        for number in range(3):
            written.append(file.getvalue())
            yield {"n": number, "x": math.nan}
    jsonoutput.write(items(), file)
    assert written[2] == '[\n{"n": 0, "x": null},\n{"n": 1, "x": null}'
    assert json.loads(file.getvalue()) == [{"n": number, "x": None} for number in range(3)]
    for result in ([], {}, "a", None, {"a": [1]}):
        file = io.StringIO()
        jsonoutput.write(result, file)
        assert json.loads(file.getvalue()) == result


def test_what_is_done_ends_with_0(server: None) -> None:
    result = CliRunner().invoke(main, ["device", "list", "--json"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_a_database_that_does_not_answer_is_an_error_too(
    server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "database", "postgresql://nobody@127.0.0.1:1/none")
    assert "did not answer" in refused("device", "list")[0]["message"]


def test_no_number_is_null() -> None:
    rows = [{"a": float("nan"), "b": (1.5, float("-inf"))}]
    assert json.loads(jsonoutput.dumps(rows)) == [{"a": None, "b": [1.5, None]}]


@pytest.mark.parametrize("words, asked", [("x --json", True), ("x", False), ("x -- --json", False)])
def test_it_is_asked_for_by_an_option(words: str, asked: bool) -> None:
    assert jsonoutput.is_asked_for(words.split()) is asked
