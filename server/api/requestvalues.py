"""The values of an operation's arguments from a request: path, query, JSON, form, or one file as the body."""
from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from flask import Request
from werkzeug.datastructures import MultiDict

from server.api import values
from server.api.encoding import YES
from server.api.routes import Route
from server.errors import BadArgument, Refused
from server.operations.declaration import DRY_RUN, Argument, UploadedFile

JSON, MULTIPART = "application/json", "multipart/form-data"


def read(route: Route, request: Request, in_path: Mapping[str, str], query: MultiDict[str, str]
         ) -> dict[str, Any]:
    """Return the values by the names of arguments, with YES where the question was answered.

    BadArgument where a value is of the wrong type, unknown or given twice; Refused (415) for another type of
    body than the operation takes.
    """
    found = {argument.name: values.of_texts(argument, [in_path[argument.name]])
             for argument in route.in_path}
    arguments = {argument.name: argument for argument in route.others}
    for name, value in _given(route, request, query, arguments):
        if name in found:
            raise BadArgument(name, "it is given twice")
        found[name] = value
    return found


def _given(route: Route, request: Request, query: MultiDict[str, str], arguments: Mapping[str, Argument]
           ) -> Iterator[tuple[str, Any]]:
    yield from _texts(route, query, arguments)
    if route.in_query:
        if request.content_length:
            raise Refused(400, f"a {route.method} has no body: give the arguments in the query")
    elif request.content_length or request.mimetype or "Transfer-Encoding" in request.headers:
        yield from _of_body(route, request, arguments)


def _of_body(route: Route, request: Request, arguments: Mapping[str, Argument]) -> Iterator[tuple[str, Any]]:
    kind = request.mimetype
    if kind == JSON:
        yield from _of_json(route, request.get_data(), arguments)
    elif kind == MULTIPART:
        yield from _texts(route, request.form, arguments)
        for name, parts in request.files.lists():
            argument = _known(route, name, arguments)
            if argument is None or argument.kind is not UploadedFile:
                raise BadArgument(name, "it is no file: send it without a file name")
            files = [UploadedFile(part.filename or name, part.read()) for part in parts]
            if len(files) > 1 and not argument.many:
                raise BadArgument(name, "it is given twice")
            yield name, files if argument.many else files[0]
    elif route.uploads and kind:
        argument = route.uploads[0]
        file = UploadedFile(argument.name, request.get_data())
        yield argument.name, [file] if argument.many else file
    else:
        taken = f"{JSON} or {MULTIPART}" if route.uploads else JSON
        raise Refused(415, f"the body is {kind or 'of no type'}: send {taken}, and say so in Content-Type",
                      Accept=JSON)


def json_object(body: bytes) -> dict[str, Any]:
    """Return the object of JSON that a body is. Refused (400) where it is none."""
    try:
        document = json.loads(body.decode(), object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refused(400, "the body is not an object of arguments")
    return document


def _of_json(route: Route, body: bytes, arguments: Mapping[str, Argument]) -> Iterator[tuple[str, Any]]:
    for name, value in json_object(body).items():
        argument = _known(route, name, arguments)
        if argument is None:
            yield name, _answered(value)
        elif argument.kind is UploadedFile:
            raise BadArgument(name, f"it is a file: send it as {MULTIPART}")
        elif value is not None or not argument.optional:
            yield name, values.of_json(argument, value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise BadArgument(next(name for name in names if names.count(name) > 1), "it is given twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _texts(route: Route, given: MultiDict[str, str], arguments: Mapping[str, Argument]
           ) -> Iterator[tuple[str, Any]]:
    for name, texts in given.lists():
        argument = _known(route, name, arguments)
        if argument is None:
            yield name, _answered(texts[0])
        elif argument.kind is UploadedFile:
            raise BadArgument(name, f"it is a file: send it in the body, as {MULTIPART} with a file name")
        else:
            yield name, values.of_texts(argument, texts)


def _known(route: Route, name: str, arguments: Mapping[str, Argument]) -> Argument | None:
    """The argument of a name; None for the answer to the operation's question. Refused where there is none"""
    if name in arguments:
        return arguments[name]
    if name == YES and route.operation.confirm:
        return None
    nearest = difflib.get_close_matches(name, arguments, 1)
    meant = f". Did you mean {nearest[0]}?" if nearest else ""
    raise BadArgument(name, f"{route.operation.name} has no such argument here{meant}")


def _answered(value: Any) -> bool:
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise BadArgument(YES, f"{value!r} is not true or false")


def confirmed(route: Route, given: dict[str, Any]) -> dict[str, Any]:
    """Return the values without the answer. BadArgument where it asks first and the answer is not yes."""
    found = {name: value for name, value in given.items() if name != YES or not route.operation.confirm}
    for argument in route.operation.arguments:
        if argument.required and argument.name not in found and route.operation.confirm:
            raise BadArgument(argument.name, "a value is needed")  # the question names it
    question = route.operation.question(found)
    if question and not given.get(YES):
        raise BadArgument(YES, f"{question} Add {YES}=true to do it, or {DRY_RUN}=true to try")
    return found
