"""The audit log: every change of state by an operator, with actor, operation, before, after and reason.

    @audited("vder update", "{name}", state=_state)    # adds an entry in the transaction of the change
    with actors.acting("alice", "storm ahead"): …      # who makes the changes inside, and why

Changes without an actor (by devices or at the start) add no entry, nor do operations that are refused, dry
runs (`dry_run`), or operations that change nothing. Of audited functions that call each other only the
outermost adds an entry.

Each entry contains the hash of the one before, and the KeyValue `audit` the number and hash of the last. So
`verify` shows every entry that was altered, removed or moved, the last one included. It cannot show that
somebody who can write the whole database has made all later hashes and the KeyValue anew. To detect that too,
keep the newest hash (`audit verify` prints it) or an export where that person cannot write, and compare.
"""
from __future__ import annotations

import functools
import hashlib
import inspect
import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypedDict, TypeVar, cast

from peewee import fn

from server import actors, clock
from server.actors import Actor
from server.differences import difference
from server.errors import Refused
from server.models import AuditEntry, KeyValue, is_postgres
from server.models.pages import Pages, Sort
from server.resources import store
from server.units import Href, Instant

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
State = Mapping[str, Any]
StateOf = Callable[[Any], State | None]
HEAD, ARCHIVED = "audit", "audit archived"  # KeyValues with number and hash: last entry, last one archived
BEGIN = "0" * 64  # the previous hash of the first entry
START = (0, BEGIN)
FIELDS = ("at", "who", "operation", "subject", "before", "after", "reason")  # that the hash covers
_SECRET = re.compile(r"(.*[_ -])?(pin|secret|token|key|password|passphrase)", re.IGNORECASE)


class AuditRow(TypedDict):
    """An entry. `before` and `after` are those parts of the states that differ; hashes are hexadecimal."""
    id: int
    at: Instant
    who: str
    operation: str
    subject: str
    before: Any
    after: Any
    reason: str
    previous: str
    hash: str


class AuditHead(TypedDict):
    """The number of entries, and the hash of the newest."""
    entries: int
    hash: str


_in_audited: ContextVar[bool] = ContextVar("in_audited", default=False)


# --- writing --------------------------------------------------------------------------------------

def audited(
    operation: str, subject: str, *, state: StateOf | None = None, answer: StateOf | None = None,
    scopes: Callable[[Any], Iterable[Href]] = lambda _: ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Add an entry for each call of a function by an operator, in the transaction of its changes.

    `state` returns the state of what the function's first argument names (Refused where there is no such
    thing); it is called before and after. With `answer`, the state after is made from the function's result
    instead. `scopes` are those of the transaction (see store.transaction), from the first argument.
    `subject` is formatted with the state: "{vder} order {id}". An argument `reason` of the function replaces
    the actor's reason.
    """
    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def audited(*args: P.args, **kwargs: P.kwargs) -> R:
            actor = actors.actor()
            if actor is None or _in_audited.get():
                return function(*args, **kwargs)
            arguments = signature.bind(*args, **kwargs).arguments
            if arguments.get("dry_run"):
                return function(*args, **kwargs)
            first = next(iter(arguments.values()), None)
            entry = None
            with store.transaction(*scopes(first)), unrecorded():
                before = _state_of(state, first)
                result = function(*args, **kwargs)
                after = _state_of(answer, result) if answer else _state_of(state, first)
                if before != after:
                    entry = add(Actor(actor.who, arguments.get("reason") or actor.reason), operation,
                                subject.format_map(before or after or {}), before, after)
            if entry is not None:
                fields = {"operation": operation, "operator": entry.who, "subject": entry.subject,
                          "reason": entry.reason}
                log.info("%s by %s: %s", operation, entry.who, entry.subject, extra={"fields": fields})
            return result
        return audited
    return decorate


def _state_of(state: StateOf | None, value: Any) -> State | None:
    try:
        return state(value) if state else None
    except Refused:
        return None


@contextmanager
def unrecorded() -> Iterator[None]:
    """Add no entries for the changes inside: another entry has them, or they will not stay."""
    token = _in_audited.set(True)
    try:
        yield
    finally:
        _in_audited.reset(token)


def add(actor: Actor, operation: str, subject: str, before: State | None, after: State | None) -> AuditEntry:
    """Append an entry with the difference of `before` and `after`.

    Writers wait for each other: each locks the KeyValue until its transaction ends.
    """
    old, new = difference(_plain(before), _plain(after))
    with store.transaction():
        number, previous = locked_head()
        entry = {
            "at": clock.now(),
            "who": actor.who,
            "operation": operation,
            "subject": subject,
            "before": old,
            "after": new,
            "reason": actor.reason,
        }
        actors.notice()
        row = AuditEntry.create(id=number + 1, previous=previous, hash=digest(previous, entry), **entry)
        KeyValue.update(value=json.dumps([row.id, row.hash])).where(KeyValue.name == HEAD).execute()
    return row


def locked_head() -> tuple[int, str]:
    """Return number and hash of the last entry, and let nobody else add one until the transaction ends."""
    KeyValue.insert(name=HEAD, value=json.dumps(START)).on_conflict_ignore().execute()
    return ended(HEAD, lock=is_postgres())


def ended(name: str, lock: bool = False) -> tuple[int, str]:
    """Return the number and hash in the KeyValue HEAD or ARCHIVED; START where there is none."""
    query = KeyValue.select().where(KeyValue.name == name)
    row = (query.for_update() if lock else query).first()
    number, newest = json.loads(row.value) if row else START
    return number, newest


def _plain(state: Any) -> Any:
    """Return a state in the types of JSON, and without secrets."""
    def without_secrets(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_secrets(item) for key, item in value.items() if not _SECRET.fullmatch(key)}
        return [without_secrets(item) for item in value] if isinstance(value, list) else value
    return without_secrets(json.loads(json.dumps(state, default=str)))


def digest(previous: str, entry: Mapping[str, Any]) -> str:
    """Return the hash of an entry that follows the one with the hash `previous`. Pure.

    It is the SHA-256 of a JSON list of `previous` and the FIELDS: keys sorted, ASCII, without blanks.
    """
    text = json.dumps([previous, *(entry[name] for name in FIELDS)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# --- reading --------------------------------------------------------------------------------------

def entries(
    limit: int | None = None,
    *,
    who: str = "",
    operation: str = "",
    subject: str = "",
    since: Instant | None = None,
    beyond: int = 0,
) -> list[AuditRow]:
    """Return the newest `limit` entries, oldest first.

    Only those by `who`, whose operation begins with `operation`, whose subject contains `subject` (in any
    case), from the instant `since` on, and with numbers greater than `beyond`.
    """
    query = _between(since).where(AuditEntry.id > beyond).order_by(AuditEntry.id.desc())
    if who:
        query = query.where(AuditEntry.who == who)
    if operation:
        query = query.where(AuditEntry.operation.startswith(operation))
    if subject:
        query = query.where(fn.LOWER(AuditEntry.subject).contains(subject.lower()))
    return [_row(entry) for entry in query.limit(limit)][::-1]


def every(since: Instant | None = None, until: Instant | None = None) -> Pages[AuditRow]:
    """Return all entries from the instant `since` on and before `until`, oldest first."""
    return Pages(_between(since, until), AuditEntry.id, lambda entries: map(_row, entries),
                 sorts={name: Sort(getattr(AuditEntry, name)) for name in ("id", "at", "who", "operation")})


def _between(since: Instant | None = None, until: Instant | None = None) -> Any:
    query = AuditEntry.select()
    if since is not None:
        query = query.where(AuditEntry.at >= since)
    return query if until is None else query.where(AuditEntry.at < until)


def _row(entry: AuditEntry) -> AuditRow:
    return cast(AuditRow, entry.__data__)


def verify(known: str = "") -> list[str]:
    """Return what is wrong with the log; nothing if it is complete. For what this detects see the module.

    `known` is the hash of an entry that has to be in it, from a copy elsewhere. Entries that were archived
    are taken as their end was noted (see `auditarchive.verify`).
    """
    newest = AuditEntry.select(fn.MAX(AuditEntry.id)).scalar() or 0
    begin, end = ended(ARCHIVED), ended(HEAD)  # read later: what is added meanwhile is not beyond it
    if newest > end[0]:
        return [f"entry {newest} lies beyond the end that was noted, {end[0]}"]
    return faults((row for row in stored() if row["id"] <= end[0]), end, known, begin)


def stored() -> Iterator[Any]:
    """Yield the entries in the database, in their order."""
    yield from AuditEntry.select().order_by(AuditEntry.id).dicts().iterator()


def head() -> AuditHead:
    """Return the number of entries and the hash of the newest, to be kept elsewhere."""
    number, newest = ended(HEAD)
    return {"entries": number, "hash": newest}


def faults(
    log_entries: Iterable[Mapping[str, Any]], end: tuple[int, str] | None = None, known: str = "",
    begin: tuple[int, str] = START
) -> list[str]:
    """Return what is wrong with entries that should be all after `begin` to the last. Pure.

    `begin` and `end` are number and hash of the entry before the first, and of the last; `known` is the hash
    of one that should be there.
    """
    sentences: list[str] = []
    (number, last), has_known = begin, known in ("", begin[1])
    for entry in log_entries:
        if entry["id"] != number + 1:
            sentences.append(_missing(number + 1, entry["id"] - 1))
        elif entry["previous"] != last:
            sentences.append(
                f"entry {entry['id']} does not follow entry {number}: they were put in another order, or one "
                "was made anew"
            )
        if digest(entry["previous"], entry) != entry["hash"]:
            sentences.append(f"entry {entry['id']} was altered")
        number, last, has_known = entry["id"], entry["hash"], has_known or entry["hash"] == known
    if end is not None and end[0] > number:
        sentences.append(_missing(number + 1, end[0]))
    elif end is not None and end != (number, last):
        sentences.append(f"the log ends with entry {number}, but its recorded end is another")
    return sentences if has_known else [*sentences, f"there is no entry of the hash {known}"]


def _missing(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
