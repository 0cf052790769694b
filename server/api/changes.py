"""What changes something: done if it is still as the caller has seen it (If-Match), and once
(Idempotency-Key).

What an operation does in one transaction is done in one with the look at the ETag, and with the answer that
is kept for its key.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flask import Request, Response

from server import actors
from server.api import etags, idempotency
from server.api.problems import problem
from server.api.routes import Route
from server.errors import Refused
from server.operations.declaration import DRY_RUN
from server.resources import store


class AskedChange(NamedTuple):
    """How a change is asked for: the ETags of the thing as the caller has seen it, and the key with which it
    is done once. `digest` tells requests with that key from each other (default: by the values)."""
    if_match: str | None = None
    key: str | None = None
    digest: str = ""


def asked(request: Request) -> AskedChange:
    """Return how a request asks for a change."""
    return AskedChange(request.headers.get(etags.IF_MATCH), request.headers.get(idempotency.HEADER))


def done(route: Route, asked: AskedChange, who: str, given: Mapping[str, Any], do: Callable[[], Response]
         ) -> Response:
    """Return the answer to who asks for a change. Refused where it is not done."""
    if_match, key, operation = asked.if_match, idempotency.key(asked.key), route.operation
    if given.get(DRY_RUN):
        _check(route, given, if_match)
        return do()
    if key is None or operation.name in idempotency.ALWAYS_ANEW:
        return _if_it_is_so(route, given, if_match, do)
    claim = idempotency.claim(
        who, key, operation.name, asked.digest or idempotency.digest(operation, given))
    if isinstance(claim, Response):
        return claim

    def once() -> Response:
        with actors.noticing(claim.changed):
            response = do()
        claim.keep(operation, response)
        return response
    try:
        if operation.in_parts:
            return _if_it_is_so(route, given, if_match, once)
        with store.transaction():
            _check(route, given, if_match)
            return once()
    except Refused as refused:
        claim.failed(operation, problem(refused))
        raise
    except BaseException:
        claim.failed(operation, None)
        raise


def _if_it_is_so(route: Route, given: Mapping[str, Any], if_match: str | None, do: Callable[[], Response]
                 ) -> Response:
    """Do it if the thing is as the caller has seen it. What may have to be tried first, to know its power, is
    done in transactions of its own."""
    if if_match is None:
        return do()
    if route.operation.power is not None:
        _check(route, given, if_match)
        return do()
    with store.transaction():
        _check(route, given, if_match)
        return do()


def _check(route: Route, given: Mapping[str, Any], if_match: str | None) -> None:
    if if_match is not None:
        etags.check(route, given, if_match)
