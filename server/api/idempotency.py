"""`Idempotency-Key`: a request that is sent again is not done again, but answered as the first time.

A key is a user's, and is kept for a day with the answer. What an operation does in one transaction is kept
with it in that one. What it does in parts is noted with the first of its changes; its answer follows at the
end. Where a process was killed in between, the change is there and the answer is not, and that is said.
"""
from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flask import Response

from server import clock, scopes
from server.api import encoding
from server.errors import Refused
from server.models import KeyedRequest, db, is_postgres
from server.models.unavailable import DATABASE_ERRORS
from server.operations.declaration import Operation, UploadedFile

HEADER, REPLAYED = encoding.KEY, "Idempotent-Replayed"
KEPT_S = 86_400
CLAIM_S = 900  # after which whoever does it is taken to be gone
MOST_KEPT = 1_000_000  # characters of an answer
ALWAYS_ANEW = ("device export", "device export-list")  # which change nothing, and say all of households
_MOST_CHARACTERS = 255


def key(text: str | None) -> str | None:
    """Return the key of a request; None where it has none. Refused (400) where it cannot be one."""
    if text is None:
        return None
    if not 0 < len(text) <= _MOST_CHARACTERS or not (text.isascii() and text.isprintable()):
        raise Refused(400, f"{HEADER}: it has to be 1 to {_MOST_CHARACTERS} printable characters of ASCII, "
                           "such as a UUID")
    return text


def digest(operation: Operation, given: Mapping[str, Any]) -> str:
    """Return what tells requests for an operation from each other: the values, and where the caller's rights
    end, beyond which an answer may tell. Passwords are no part of it, since they could be guessed from it."""
    def plain(value: Any) -> Any:
        if isinstance(value, UploadedFile):
            return [value.name, hashlib.sha256(value.content).hexdigest()]
        return str(value)
    secret = {argument.name for argument in operation.arguments if argument.arg.secret}
    told = {name: value for name, value in given.items() if name not in secret}
    top = scopes.top()
    text = json.dumps([operation.name, told, *([top.id] if top is not None else [])], sort_keys=True,
                      default=plain)
    return hashlib.sha256(text.encode()).hexdigest()


class Claim:
    """A request that is being done, once."""

    def __init__(self, who: str, key: str, mine: str):
        self._who, self._key, self._mine = who, key, mine

    def _rows(self) -> Any:
        return ((KeyedRequest.who == self._who) & (KeyedRequest.key == self._key)
                & (KeyedRequest.claim == self._mine))

    def changed(self) -> None:
        """Note, in the transaction of a change, that there is one."""
        KeyedRequest.update(state=KeyedRequest.CHANGED).where(self._rows()).execute()

    def keep(self, operation: Operation, response: Response) -> None:
        """Keep an answer, unless it is too long or has a secret."""
        answer = None if operation.shows_secret else response.get_data(as_text=True)
        KeyedRequest.update(
            state=KeyedRequest.DONE, status=response.status_code, content_type=response.content_type or "",
            answer=answer if answer is not None and len(answer) <= MOST_KEPT else None,
        ).where(self._rows()).execute()

    def failed(self, operation: Operation, response: Response | None) -> None:
        """Give the key back where nothing was changed; else keep what was answered, if it is known."""
        with suppress(*DATABASE_ERRORS):  # the claim ends by itself then
            row = KeyedRequest.get_or_none(self._rows())
            if row is not None and row.state == KeyedRequest.RUNNING:
                KeyedRequest.delete().where(self._rows()).execute()
            elif row is not None and response is not None:
                self.keep(operation, response)


def claim(who: str, key: str, operation: str, digest: str) -> Claim | Response:
    """Return a claim to do a request of a user, or the answer where it was done.

    Refused (422) where the key came with another request before, or (409) while the first is being done.
    """
    mine, now = secrets.token_hex(8), int(time.time())
    with db.atomic():
        KeyedRequest.insert(
            who=who, key=key, operation=operation, digest=digest, claim=mine, claimed_at=now,
            created_at=clock.now()).on_conflict_ignore().execute()
        query = KeyedRequest.select().where((KeyedRequest.who == who) & (KeyedRequest.key == key))
        row = (query.for_update() if is_postgres() else query).get()
        if row.claim != mine and _is_over(row, now):
            KeyedRequest.update(
                operation=operation, digest=digest, claim=mine, claimed_at=now, created_at=clock.now(),
                state=KeyedRequest.RUNNING, status=None, answer=None).where(
                (KeyedRequest.who == who) & (KeyedRequest.key == key)).execute()
            row.claim = mine
    if row.claim == mine:
        return Claim(who, key, mine)
    if row.operation != operation or row.digest != digest:
        raise Refused(422, f"{HEADER}: {key!r} came with another request before, {row.operation}. Use a new "
                           "key for each")
    return _answered(row, now)


def _is_over(row: KeyedRequest, now: int) -> bool:
    """Whether a row stands for nothing any more: its day is over, or whoever did it is gone, without a
    change."""
    if row.created_at <= clock.now() - KEPT_S:
        return True
    return row.state == KeyedRequest.RUNNING and row.claimed_at <= now - CLAIM_S


def _answered(row: KeyedRequest, now: int) -> Response:
    if row.state == KeyedRequest.DONE and row.answer is not None:
        return Response(row.answer, row.status, {REPLAYED: "true"}, content_type=row.content_type)
    if row.state == KeyedRequest.DONE:
        raise Refused(409, f"{HEADER}: {row.key!r} was done, and answered with {row.status}; that answer is "
                           "not kept. Look at what there is now")
    if row.claimed_at > now - CLAIM_S:
        raise Refused(409, f"{HEADER}: {row.key!r} is being done. Ask again", Retry_After="1")
    raise Refused(409, f"{HEADER}: {row.key!r} was interrupted after it had changed something: the audit log "
                       "says what. Do the rest with a new key")
