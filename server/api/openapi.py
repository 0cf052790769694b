"""The OpenAPI 3.1 document of the interface, made from the routes and the declarations. Pure."""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from server.api import (access, encoding, etags, exports, jobs, lists, openidsignin, problems, requestvalues,
                        schemas, signin, stream)
from server.api.routes import ROOT, VERBS, Route, routes
from server.api.schemas import Schema
from server.operations.declaration import DRY_RUN, Argument, UploadedFile

JSON, MULTIPART = requestvalues.JSON, requestvalues.MULTIPART
TOKEN, SESSION, PROBLEM = "token", "session", "Problem"
_INFO = """Every operation of Counterpoise, made from the declaration of which its command is made too.

Powers, energies and durations are in the unit that the name ends with; `x-unit` names it. Power is positive
for injection unless the name says otherwise. Instants are RFC 3339 with an offset. What changes something can
be tried with `dry_run`. Refusals are problem details (RFC 9457)."""
_PROBLEM: Schema = {
    "type": "object",
    "description": "Why a request is refused (RFC 9457).",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Reason and remedy, in words."},
        "argument": {"type": "string", "description": "The argument that is at fault."},
    },
}
# What each refusal means, whatever is asked for.
_REFUSALS: Mapping[int, str] = {
    400: "A value cannot be.", 401: "There is no token, or nobody has it.", 403: "The caller may not.",
    404: "There is no such thing.", 409: "It does not fit the state of things."}
_OF_CHANGES: Mapping[int, str] = {
    412: "It was changed meanwhile.", 422: "The Idempotency-Key came with another request before."}
_OF_BODIES: Mapping[int, str] = {413: "It is too long.", 415: "The body is of another type."}
_OF_LISTENERS: Mapping[int, str] = {
    429: "The user listens too often already; see Retry-After.",
    503: "Too many listen already, or the database is not there; see Retry-After."}
_OTHER = "Refused"
_ANSWER = "The question was answered with yes."


@lru_cache(maxsize=1)
def as_bytes() -> bytes:
    """Return the document as it is sent."""
    return json.dumps(document(), ensure_ascii=False).encode()


def document() -> dict[str, Any]:
    """Return the document."""
    results = schemas.Results()
    paths: dict[str, dict[str, Any]] = {}
    for route in routes().values():
        paths.setdefault(ROOT + route.path, {})[route.method.lower()] = _operation(route, results)
    refusals = {status: _reference(_name(status)) for status in (*_REFUSALS, *_OF_BODIES, *_OF_LISTENERS)}
    paths |= jobs.document(results, {status: refusals[status] for status in (401, 404, 409)})
    paths |= signin.document(results, refusals | {0: _reference(_OTHER)})
    paths |= openidsignin.document(refusals | {0: _reference(_OTHER)})
    paths |= stream.document({status: refusals[status] for status in (400, 401, 403, *_OF_LISTENERS)})
    return {
        "openapi": "3.1.0",
        "info": {"title": "Counterpoise", "version": version("counterpoise"), "description": _INFO},
        "security": [{TOKEN: []}, {SESSION: []}],
        "tags": [*({"name": noun} for noun in dict.fromkeys(route.noun for route in routes().values())),
                 *({"name": verb, "description": "A verb of IEC 61968-5."} for verb in VERBS)],
        "paths": paths,
        "components": {
            "schemas": {PROBLEM: _PROBLEM, **results.components},
            "responses": _refusals(),
            "securitySchemes": {
                TOKEN: {"type": "http", "scheme": "bearer"},
                SESSION: {"type": "apiKey", "in": "cookie", "name": access.cookie_name()},
            },
        },
    }


def _operation(route: Route, results: schemas.Results) -> dict[str, Any]:
    operation = route.operation
    summary, _, more = operation.help.partition("\n\n")
    described: dict[str, Any] = {
        "operationId": operation.name.replace(" ", "_").replace("-", "_"),
        "summary": " ".join(summary.split()),
        "description": "\n\n".join(filter(None, (more, _manner(route)))),
        "tags": [route.noun, *route.verbs],
        "x-role": str(operation.role),
        "x-dry-run": operation.has_dry_run,
        "parameters": list(_parameters(route)),
        "responses": _responses(route, results),
    }
    if not route.in_query:
        described["requestBody"] = _body(route)
    return described


def _manner(route: Route) -> str:
    """What there is to know beside arguments: the role, the question, how a file may come."""
    operation = route.operation
    sentences = [f"Command: `counterpoise {operation.name}`. Role: {operation.role}."]
    if operation.confirm:
        sentences.append(f"Needs {encoding.YES}=true, unless it is tried.")
    if route.uploads:
        sentences.append("The file may also be the whole body, in its own Content-Type, with the other "
                         "arguments in the query.")
    return " ".join(sentences)


def _parameters(route: Route) -> Iterable[dict[str, Any]]:
    for argument in route.in_path:
        yield {"name": argument.name, "in": "path", "required": True,
               "schema": schemas.of_argument(argument) | _HAS_CHARACTERS}
    if route.in_query:
        paging = lists.paging(route)
        names = {argument.name for argument in paging}  # the `limit` of a page is in place of one of a list
        own = (argument for argument in route.others if argument.name not in names)
        yield from map(_parameter, (*own, *paging))
        if route.operation.confirm:
            yield {"name": encoding.YES, "in": "query", "required": False, "description": _ANSWER,
                   "schema": {"type": "boolean"}}
    if jobs.is_possible(route):
        yield {"name": jobs.PREFER, "in": "header", "required": False, "schema": {"type": "string"},
               "description": f"{jobs.ASYNC}: it is done later, and answered with 202 (RFC 7240)."}
    if route.operation.changes:
        yield {"name": encoding.KEY, "in": "header", "required": False,
               "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
               "description": "Sent again with the same key within a day, it is answered as the first time, "
                              "and done once."}
        if etags.thing(route) is not None:
            yield {"name": etags.IF_MATCH, "in": "header", "required": False, "schema": {"type": "string"},
                   "description": "The ETag of the thing as it was seen: 412 where it has changed."}
        yield {"name": encoding.REASON, "in": "header", "required": False, "schema": {"type": "string"},
               "description": "Why, for the audit log."}


_HAS_CHARACTERS: Schema = {"minLength": 1}


def _parameter(argument: Argument) -> dict[str, Any]:
    return {"name": argument.name, "in": "query", "required": argument.required,
            "description": schemas.description(argument), "schema": schemas.in_query(argument)}


def _body(route: Route) -> dict[str, Any]:
    plain = [argument for argument in route.others if argument.kind is not UploadedFile]
    required = any(argument.required for argument in route.others)
    content = {}
    if not any(argument.required for argument in route.uploads):
        content[JSON] = {"schema": _object(route, plain, schemas.of_argument)}
    if route.uploads:
        content[MULTIPART] = {"schema": _object(route, route.others, schemas.in_query)}
    return {"required": required, "content": content}


def _object(route: Route, arguments: Iterable[Argument], schema_of: Any) -> Schema:
    properties = {argument.name: schema_of(argument) for argument in arguments}
    if route.operation.confirm:
        properties[encoding.YES] = {"type": "boolean", "description": _ANSWER}
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required := [argument.name for argument in arguments if argument.required]:
        schema["required"] = required
    return schema


def _responses(route: Route, results: schemas.Results) -> dict[str, Any]:
    content: dict[str, Any] = {JSON: {"schema": results.of_answer(route.operation.result)}}
    content |= {kind: {"schema": {"type": "string"}} for kind in (*route.written, *exports.types(route))}
    refusals = [*_REFUSALS, *([] if route.in_query else _OF_BODIES),
                *(_OF_CHANGES if route.operation.changes else [])]
    tried = f" With {DRY_RUN}, what would be." if route.operation.has_dry_run else ""
    return {
        "200": {"description": f"It is done.{tried}" if route.operation.changes else "What there is.",
                "content": content},
        **({"202": jobs.accepted(results)} if jobs.is_possible(route) else {}),
        **{str(status): _reference(_name(status)) for status in refusals},
        "default": _reference(_OTHER),
    }


def _reference(name: str) -> Schema:
    """What refers to an answer to requests that are refused."""
    return {"$ref": f"#/components/responses/{name}"}


def _name(status: int) -> str:
    return HTTPStatus(status).phrase.replace(" ", "")


def _refusals() -> dict[str, Any]:
    """The answers to requests that are refused, by the names by which operations refer to them."""
    problem = {problems.MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}}
    named = {_name(status): words for status, words in {
        **_REFUSALS, **_OF_BODIES, **_OF_CHANGES, **_OF_LISTENERS}.items()}
    named[_OTHER] = "Refused; 503: not now, see Retry-After."
    return {name: {"description": words, "content": problem} for name, words in named.items()}
