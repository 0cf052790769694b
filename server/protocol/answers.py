"""Responses: documents with an ETag, responses without a body, `<Error>`s."""
from __future__ import annotations

import re
import zlib

from flask import Request, Response

from server.errors import Refused
from server.protocol.message import REASON_CODES
from server.resources import codec
from server.resources.codes import ReasonCode
from server.resources.quotas import OverQuota

SEP_XML = "application/sep+xml"
LEVEL_2023 = "application/sep+xml; level=-S2"
_EDITIONS = {2018: SEP_XML, 2023: LEVEL_2023}
MAX_REASON = 500  # characters of the reason in an Error: what was sent is not echoed at length
_NOT_IN_COMMENTS = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def edition(request: Request) -> int:
    """Return the edition of the standard for the response: 2023 or 2018.

    It is 2023 where the first XML type in Accept, or without Accept the Content-Type of the request, has
    level=-S2. Refused (406) where Accept has no XML type.
    """
    accept = request.environ.get("HTTP_ACCEPT")
    if not accept or accept == SEP_XML:
        return _edition(request.environ.get("CONTENT_TYPE") or "")
    for part in accept.lower().split(","):
        if part.strip().startswith(
            ("application/sep+xml", "*/*", "application/*", "application/xml", "text/xml")
        ):
            return _edition(part)
    raise Refused(406, f"answers are {SEP_XML}, which Accept: {accept} does not take")


def _edition(media_type: str) -> int:
    return 2023 if "s2" in media_type.lower().partition("level=")[2] else 2018


def document(name: str, fragment: bytes, request: Request, edition: int) -> Response:
    """Return 200 with a document, or 304 where the client has it already."""
    body = codec.wrap(name, fragment)
    return bytes_of(body, request, edition)


def bytes_of(body: bytes, request: Request, edition: int) -> Response:
    """Return 200 with these bytes, or 304 where the client has them already."""
    etag = f'"{zlib.crc32(body):08x}{len(body):x}"'
    known = request.environ.get("HTTP_IF_NONE_MATCH")
    if known and (known == "*" or etag in known):
        return Response(status=304, headers={"ETag": etag})
    response = Response(body, content_type=_EDITIONS[edition])
    response.headers["ETag"] = etag
    return response


def empty(status: int, location: str | None = None) -> Response:
    """Return 201 or 204 without a body."""
    response = Response(status=status)
    del response.headers["Content-Type"]
    if status != 204:
        response.headers["Content-Length"] = "0"
    if location:
        response.headers["Location"] = location
    return response


def error(refused: Refused) -> Response:
    """Return an `<Error>`. The message is a comment in it, since the type has no element for it."""
    code = REASON_CODES.get(refused.status, ReasonCode.VALUES)
    if isinstance(refused, OverQuota) and refused.status == 403:
        code = ReasonCode.LIMIT
    data: dict[str, int] = {"reasonCode": code}
    retry = refused.headers.get("Retry-After")
    if retry:
        data["maxRetryDuration"] = int(retry)
    why = refused.why if len(refused.why) <= MAX_REASON else f"{refused.why[:MAX_REASON]} …"
    fragment = codec.fragment("Error", data).replace(b">", b">" + _comment(why), 1)
    return Response(
        codec.wrap("Error", fragment), refused.status, headers=refused.headers, content_type=SEP_XML
    )


def _comment(text: str) -> bytes:
    """Return a text as an XML comment, which may contain neither `--` nor control characters."""
    return b"<!-- %s -->" % re.sub("-(?=-)", "- ", _NOT_IN_COMMENTS.sub("?", text)).encode()
