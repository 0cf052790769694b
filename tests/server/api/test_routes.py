"""Every operation of the command line is reachable by REST, with the same result and the same refusal."""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from server.api import encoding, routes, values
from server.api.encoding import Encoded
from server.cli import parameters, reference, remote
from server.operations.declaration import Operation
from server.operators import tokens, users
from server.operators.roles import Role
from tests.conftest import on_sqlite
from tests.server.api.conftest import TOKEN, Program
from tests.server.cli import test_trail

street = test_trail.run
BY_CHANCE = {"pin", "mrid", "xml", "html", "solver_s", "requested_by", "token", "secret",
             "time"}  # other each time
LINES = {"audit export"}  # prints an object a line


def test_every_operation_has_a_path_of_its_own() -> None:
    assert list(routes.PATHS) == [operation.name for operation in reference.declared()]
    shapes = [re.sub(r"{\w+}", "{}", path) for path in routes.PATHS.values()]
    assert len(shapes) == len(set(shapes))
    for route in routes.routes().values():
        assert set(re.findall(r"{(\w+)}", route.path)) == {argument.name for argument in route.in_path}
        assert not any(argument.many for argument in route.in_path), route.path


def test_what_only_looks_is_a_get_and_nothing_else_is() -> None:
    for name, route in routes.routes().items():
        assert (route.method == "GET") is (not route.operation.changes and not route.uploads), name
        assert not (route.in_query and route.uploads), name


def test_the_verbs_of_iec_61968_5_name_operations() -> None:
    assert {name for names in routes.VERBS.values() for name in names} <= routes.PATHS.keys()


Recorded = list[tuple[Operation, dict[str, Any]]]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """What the command line runs, with the values that it has parsed."""
    calls: Recorded = []
    original = Operation.run

    def run(operation: Operation, given: Any) -> Any:
        calls.append((operation, dict(given)))
        return original(operation, given)
    monkeypatch.setattr(Operation, "run", run)
    return calls


def by_rest(program: Program, operation: Operation, given: dict[str, Any]) -> Any:
    """The result of an operation, by REST, as the command line has it."""
    route = routes.routes()[operation.name]
    answer = program.send_encoded(encoding.encoded(route, given))
    assert answer.status_code == 200, (operation.name, answer.data.decode())
    result = json.loads(answer.data)
    if isinstance(result, dict) and result.keys() == {"items", "next"}:
        assert result["next"] is None
        result = result["items"]
    return values.from_json(result, operation.result)


@pytest.fixture
def remotely(street: Callable[..., Any], program: Program, monkeypatch: pytest.MonkeyPatch
             ) -> Callable[..., Any]:
    """Type a command line that works on the operator interface of the test, without sockets."""
    def exchange(server: remote.RemoteServer, request: Encoded, headers: dict[str, str]) -> remote.Reply:
        answer = program.client.open(request.href, method=request.method, data=request.body or None,
                                     headers=headers)
        return remote.Reply(answer.status_code, answer.data, dict(answer.headers))
    monkeypatch.setattr(remote, "exchange", exchange)
    monkeypatch.setenv("COUNTERPOISE_TOKEN", TOKEN)
    return partial(street, "--server", "https://counterpoise.test:8444")


def plain(value: Any) -> Any:
    """A result without what is made anew by each call."""
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items() if key.lower() not in BY_CHANCE}
    return [plain(part) for part in value] if isinstance(value, list) else value


def is_of_users(verb: tuple[str, str]) -> bool:
    return verb[0].startswith(("user", "token"))


@on_sqlite
def test_each_operation_gives_the_same_result_by_all(
    street: Callable[..., Any], remotely: Callable[..., Any], program: Program, recorded: Recorded,
    tmp_path: Path
) -> None:
    tried, differing, elsewhere = set(), {}, {}
    verbs = [*test_trail.DRY_RUNS.items(), *test_trail.LOOKS.items()]
    for verb, words in sorted(verbs, key=is_of_users):  # once there are any, commands approve nothing
        if is_of_users((verb, words)) and not users.list_users():
            users.create("kate", Role.OPERATOR)
            tokens.create("kate", "desk", None, "", 3600)
        typed = test_trail.line(verb, words.replace("--yes", ""), tmp_path)
        recorded.clear()
        if verb in test_trail.DRY_RUNS and "--dry-run" not in typed:
            typed.append("--dry-run")
        typed += [] if verb in LINES else ["--json"]
        output = street("--as", "console", *typed).stdout
        if not recorded:
            continue  # a command that is no operation
        operation, given = recorded[0]
        expected = [*map(json.loads, output.splitlines())] if verb in LINES else json.loads(output)
        result = plain(by_rest(program, operation, given))
        if result != plain(expected):
            differing[verb] = result, plain(expected)
        output = remotely(*typed).stdout
        result = plain([*map(json.loads, output.splitlines())] if verb in LINES else json.loads(output))
        if result != plain(expected):
            elsewhere[verb] = result, plain(expected)
        tried.add(operation.name)
    assert differing == {} and elsewhere == {} and tried == routes.PATHS.keys()


REFUSED = (
    "device show nobody", "device list --kind nothing", "vder show nowhere",
    "dispatch order nowhere --target 1000 --duration 1h", "dispatch order solar --duration 1h",
    "dispatch order solar --target 1kW --limit 40 --duration 1h", "dispatch cancel 99", "plan show 99",
    "contract remove one --block none --yes", "vder update solar --parent solar", "report event 99",
    "control cancel /derp/9/derc/9", "signal put street", "file show /file/7", "resource get /nothing",
    "baseline compute street --start now --end +3d", "vder capability solar --step 1s",
)


@on_sqlite
def test_a_refusal_is_the_same_by_all(
    street: Callable[..., Any], remotely: Callable[..., Any], program: Program, recorded: Recorded
) -> None:
    for words in REFUSED:
        recorded.clear()
        output = street(*words.split(), "--json", fails=True).stdout
        message = json.loads(output)["error"]["message"]
        assert remotely(*words.split(), "--json", fails=True).stdout == output
        operation, given = next(call for call in recorded if call[0].name != "clock show")
        route = routes.routes()[operation.name]
        answer = program.send_encoded(encoding.encoded(route, given, yes(operation)))
        problem = json.loads(answer.data)
        assert 400 <= answer.status_code < 500
        assert parameters.in_options(problem["detail"], operation.arguments) in message
        if "argument" in problem:
            argument = next(item for item in operation.arguments if item.name == problem["argument"])
            assert parameters.option(argument) in message


def yes(operation: Operation) -> dict[str, str]:
    return {"yes": "true"} if operation.confirm else {}


def test_paths_on_the_server_are_not_taken() -> None:
    taken = {argument.name for route in routes.routes().values() for argument in route.others}
    assert not taken & {"archive", "html_file"} and "csv_file" in taken
    assert routes.routes()["report day"].written == {"text/html": "html_file"}
