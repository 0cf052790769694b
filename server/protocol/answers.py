"""Answers: documents with an ETag, answers without a body, `<Error>`s.

They are plain values and not Flask's responses, whose headers alone took as long as the document's way out of
the database.
"""
from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from server.config import settings
from server.errors import Refused
from server.protocol.message import REASON_CODES, Streamed
from server.resources import codec, variants
from server.resources.codes import ReasonCode
from server.resources.variants import SEP_XML, Variant

STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
MAX_REASON = 500  # characters of the reason in an Error: what was sent is not echoed at length
_NOT_IN_COMMENTS = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Answer(NamedTuple):
    """A status, headers by name, and a body, for a request that reached the application. A long body is a
    stream instead."""
    status: int
    headers: dict[str, str]
    body: bytes = b""
    stream: Streamed | None = None

    @property
    def size(self) -> int:
        """How many bytes the body has."""
        return len(self.body) if self.stream is None else int(self.headers["Content-Length"])


def level(environ: Mapping[str, Any]) -> str:
    """Return the level that a request (its WSGI environ) declares, "" for none.

    It is that of the first XML type in Accept, or without Accept that of the request's Content-Type. Refused
    (406) where Accept has no XML type, or where it is ignored, EXI alone.
    """
    accept = environ.get("HTTP_ACCEPT")
    if not accept or accept == SEP_XML:
        content_type = environ.get("CONTENT_TYPE")
        return variants.level_of(content_type) if content_type else variants.NO_LEVEL
    for part in accept.lower().split(","):
        if part.strip().startswith(
            ("application/sep+xml", "*/*", "application/*", "application/xml", "text/xml")
        ):
            return variants.level_of(part)
    if settings.ignore_accept and "exi" not in accept.lower():
        return variants.NO_LEVEL
    raise Refused(406, f"answers are {SEP_XML}, which Accept: {accept} does not take")


def document(name: str, fragment: bytes, environ: Mapping[str, Any], variant: Variant) -> Answer:
    """Return 200 with a document, or 304 where the client has it already."""
    return bytes_of(codec.wrap(name, fragment, variant), environ, variant)


def bytes_of(body: bytes, environ: Mapping[str, Any], variant: Variant) -> Answer:
    """Return 200 with these bytes, or 304 where the client has them already."""
    etag = f'"{zlib.crc32(body):08x}{len(body):x}{variant.tag}"'
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known and (known == "*" or etag in known):
        return Answer(304, {"ETag": etag})
    headers = {"Content-Type": variant.media_type, "Content-Length": str(len(body)), "ETag": etag}
    return Answer(200, headers, body)


def empty(status: int, location: str = "") -> Answer:
    """Return 201 or 204 without a body."""
    length = {} if status == 204 else {"Content-Length": "0"}
    return Answer(status, length | ({"Location": location} if location else {}))


def error(refused: Refused, in_draft: bool = False) -> Answer:
    """Return an `<Error>`, in the namespace of 2018 or of the draft.

    The message is a comment in it, since the type has no element for it.
    """
    code = refused.reason_code
    data: dict[str, int] = {
        "reasonCode": REASON_CODES.get(refused.status, ReasonCode.VALUES) if code is None else code}
    retry = refused.headers.get("Retry-After")
    if retry:
        data["maxRetryDuration"] = int(retry)
    why = refused.why if len(refused.why) <= MAX_REASON else f"{refused.why[:MAX_REASON]} …"
    fragment = codec.fragment("Error", data).replace(b">", b">" + _comment(why), 1)
    body = codec.wrap("Error", fragment, variants.DRAFT if in_draft else variants.PLAIN)
    headers = {**refused.headers, "Content-Type": SEP_XML, "Content-Length": str(len(body))}
    return Answer(refused.status, headers, body)


def _comment(text: str) -> bytes:
    """Return a text as an XML comment, which may contain neither `--` nor control characters."""
    return b"<!-- %s -->" % re.sub("-(?=-)", "- ", _NOT_IN_COMMENTS.sub("?", text)).encode()
