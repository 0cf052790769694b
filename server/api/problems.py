"""What is refused, as RFC 9457 has it (application/problem+json): status, place, reason and remedy."""
from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

from flask import Response

from server.api.access import CHALLENGE
from server.errors import BadArgument, Refused

MEDIA_TYPE = "application/problem+json"


def problem(refused: Refused) -> Response:
    """Return the answer to a request that is refused.

    `detail` has reason and remedy in words. `argument` is the argument of the operation that is at fault.
    """
    document: dict[str, object] = {"title": title(refused.status), "status": refused.status,
                                   "detail": refused.why}
    if isinstance(refused, BadArgument):
        document |= {"argument": refused.argument, "detail": refused.reason}
    headers = {"WWW-Authenticate": CHALLENGE} if refused.status == HTTPStatus.UNAUTHORIZED else {}
    return answer(document, refused.status, {**headers, **refused.headers})


def answer(document: Mapping[str, object], status: int, headers: Mapping[str, str]) -> Response:
    """Return a problem document as an answer."""
    return Response(json.dumps(document, ensure_ascii=False), status, headers, content_type=MEDIA_TYPE)


def title(status: int) -> str:
    """Return the phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"
