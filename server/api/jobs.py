"""Long work: answered with 202 and an operation to poll where a request says `Prefer: respond-async`.

`GET /api/v1/operations/{number}` says how far it is and what came of it, `…/result` has the answer that the
request would have had.
"""
from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, TypedDict

from flask import Flask, Request, Response, request

from server import clock, scopes
from server.api import access, encoding, values
from server.api.routes import ROOT, Route, routes
from server.api.schemas import Results, Schema
from server.errors import Refused
from server.models import OperatorJob, check_schema, first_statement
from server.operations.declaration import Argument, UploadedFile
from server.operators.principals import Principal
from server.operators.roles import Role, includes
from server.resources import store
from server.units import Instant

PREFER, ASYNC, APPLIED = "Prefer", "respond-async", "Preference-Applied"
PATH = "/operations"
MOST_WAITING = 100
RETRY_AFTER_S = 1
JSON = "application/json"


class JobProgress(TypedDict):
    """What is being done: `done` of `total` items; total is 0 where that is not known."""
    step: str
    done: int
    total: int


class JobRow(TypedDict):
    """An operation that is done later. `state` is waiting, running, done or failed. `result` is the answer,
    where it is JSON, `problem` why it was refused; `result_href` has either, in its type."""
    id: int
    operation: str
    requested_by: str
    state: str
    progress: JobProgress
    created_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    result_href: str | None
    result: Any
    problem: Any


def is_possible(route: Route) -> bool:
    """Return whether the work of a route may be done later."""
    return route.operation.in_parts or route.operation.name.startswith("report ")


def is_wanted(route: Route, request: Request) -> bool:
    """Return whether a request wants its work done later (RFC 7240)."""
    wanted = request.headers.get(PREFER, "").replace(";", ",").split(",")
    return is_possible(route) and ASYNC in [preference.strip().lower() for preference in wanted]


def accepted(results: Results) -> dict[str, Any]:
    """Return the answer 202 as the OpenAPI document has it."""
    return {"description": "It is done later; the header Location says where to ask.",
            "headers": {"Location": {"schema": {"type": "string"}}},
            "content": {JSON: {"schema": results.of_type(JobRow)}}}


def document(results: Results, refusals: Mapping[int, Schema]) -> dict[str, Any]:
    """Return the paths as the OpenAPI document has them; `refusals` are its answers to what is refused."""
    def described(name: str, summary: str, content: Schema) -> dict[str, Any]:
        return {"get": {
            "operationId": name, "summary": summary, "tags": ["operations"],
            "parameters": [{"name": "number", "in": "path", "required": True,
                            "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"}}],
            "responses": {"200": {"description": "What there is.", "content": content},
                          **{str(status): refusal for status, refusal in refusals.items()},
                          "default": refusals[409]}}}
    return {
        f"{ROOT}{PATH}/{{number}}": described(
            "operation_progress", "Show how far an operation is that is done later, and what came of it.",
            {JSON: {"schema": results.of_type(JobRow)}}),
        f"{ROOT}{PATH}/{{number}}/result": described(
            "operation_result", "The answer that the request would have had.", {JSON: {}, "text/html": {}}),
    }


# --- asking ---------------------------------------------------------------------------------------

def queue(route: Route, who: Principal, reason: str, given: Mapping[str, Any], accepted: str) -> Response:
    """Note what is to be done, and return the answer. Refused (503) where too much waits already."""
    with store.transaction():
        if OperatorJob.select().where(OperatorJob.state == OperatorJob.WAITING).count() >= MOST_WAITING:
            raise Refused(503, f"{MOST_WAITING} operations wait already. Ask again later", Retry_After="60")
        row = OperatorJob.create(
            who=who.name, role=str(who.role), vder=who.subtree, reason=reason, operation=route.operation.name,
            arguments=_plain(route, given), accepted=accepted, created_at=clock.now())
    headers = {"Location": f"{ROOT}{PATH}/{row.id}", "Retry-After": str(RETRY_AFTER_S), APPLIED: ASYNC}
    return _json(describe(row), 202, headers)


def _plain(route: Route, given: Mapping[str, Any]) -> dict[str, Any]:
    arguments = {argument.name: argument for argument in route.operation.arguments}
    return {name: _of_value(arguments[name], value) for name, value in given.items()}


def _of_value(argument: Argument, value: Any) -> Any:
    if argument.kind is not UploadedFile:
        return encoding.json_value(argument, value)
    if isinstance(value, list):
        return [_of_value(argument, file) for file in value]
    return value and {"name": value.name, "content": base64.b64encode(value.content).decode()}


def given_of(row: OperatorJob) -> dict[str, Any]:
    """Return the values of an operation's arguments that were noted."""
    arguments = {argument.name: argument for argument in routes()[row.operation].operation.arguments}
    return {name: _value(arguments[name], value) for name, value in row.arguments.items()}


def _value(argument: Argument, value: Any) -> Any:
    if argument.kind is not UploadedFile:
        return values.of_json(argument, value)
    if isinstance(value, list):
        return [_value(argument, file) for file in value]
    return value and UploadedFile(value["name"], base64.b64decode(value["content"]))


# --- looking --------------------------------------------------------------------------------------

def register(app: Flask) -> None:
    """Add the paths."""
    for path, answer in ((f"{PATH}/<number>", _show), (f"{PATH}/<number>/result", _result)):
        app.add_url_rule(ROOT + path, f"GET {path}", answer, methods=["GET"], provide_automatic_options=False)


def _show(number: str) -> Response:
    row = _find(number)
    is_over = row.state in (OperatorJob.DONE, OperatorJob.FAILED)
    return _json(describe(row), 200, {} if is_over else {"Retry-After": str(RETRY_AFTER_S)})


def _result(number: str) -> Response:
    row = _find(number)
    if row.status is None:
        raise Refused(409, f"operation {row.id} is {row.state}. Ask again", Retry_After=str(RETRY_AFTER_S))
    return Response(row.answer, row.status, content_type=row.content_type)


def _find(number: str) -> OperatorJob:
    """Return the operation of a number. Refused (404) where there is none that is the caller's and was asked
    for with no more rights than they have here, or that an administrator of everything may see."""
    first_statement(check_schema)
    who = access.principal(request)
    is_number = number.isascii() and number.isdecimal() and len(number) < 10
    row = OperatorJob.get_or_none(OperatorJob.id == int(number)) if is_number else None
    if row is None or not _is_for(row, who):
        raise Refused(404, f"there is no operation {number}")
    return row


def _is_for(row: OperatorJob, who: Principal) -> bool:
    if who.role is Role.ADMINISTRATOR and who.subtree is None:
        return True
    return bool(row.who == who.name) and includes(who.role, Role(row.role)) and scopes.is_within(
        row.vder, who.subtree)


def describe(row: OperatorJob) -> dict[str, Any]:
    """Return an operation as it is shown."""
    document = json.loads(row.answer) if row.answer is not None and "json" in row.content_type else None
    shown: JobRow = {
        "id": row.id, "operation": row.operation, "requested_by": row.who, "state": row.state,
        "progress": {"step": row.step, "done": row.done, "total": row.total},
        "created_at": row.created_at, "started_at": row.started_at, "ended_at": row.ended_at,
        "result_href": None if row.status is None else f"{ROOT}{PATH}/{row.id}/result",
        "result": document if row.state == OperatorJob.DONE else None,
        "problem": document if row.state == OperatorJob.FAILED else None,
    }
    return dict(values.as_json(shown, JobRow))


def _json(document: Any, status: int, headers: Mapping[str, str]) -> Response:
    return Response(json.dumps(document, ensure_ascii=False), status, headers, content_type=JSON)
