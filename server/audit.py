"""The audit trail: every change of state by an operator, with who, what, before, after and reason.

    @kept("vder update", "{name}", state=_state)    # an entry of its own in the transaction of the change
    with acting("alice", "storm ahead"): …          # whose doing it is what happens here

Who is not acting (a device, a seed) leaves no entry; nor does what is refused, only tried (`dry_run`), or
changes nothing. Of functions that call each other the outermost leaves the one entry.

Each entry carries the hash of the one before, and the note `audit` the number and hash of the last. So an
entry that is altered, removed or put elsewhere shows in `verify`, the last one included. It does not guard
against somebody who can write the whole database and makes every later hash and the note anew: who wants that
to show too keeps the newest hash (`audit verify` prints it) or an export where that somebody cannot write,
and compares.
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
from typing import Any, NamedTuple, ParamSpec, TypeVar

from peewee import fn

from server import clock
from server.errors import Refused
from server.models import AuditEntry, KeyValue, is_postgres
from server.resources import store

log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
State = Mapping[str, Any]
HEAD = "audit"  # the note
BEGIN = "0" * 64  # what the first entry follows
FIELDS = ("at", "who", "what", "subject", "before", "after", "reason")
_SECRET = re.compile(r"(.*[_ -])?(pin|secret|token|key|password|passphrase)", re.IGNORECASE)


class Actor(NamedTuple):
    who: str
    reason: str = ""


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)
_inside: ContextVar[bool] = ContextVar("inside", default=False)


@contextmanager
def acting(who: str, reason: str = "") -> Iterator[None]:
    """What changes inside is this operator's doing, for this reason."""
    token = _actor.set(Actor(who, reason))
    try:
        yield
    finally:
        _actor.reset(token)


def who() -> str:
    """Who is acting; empty where nobody is."""
    actor = _actor.get()
    return actor.who if actor else ""


# --- keeping --------------------------------------------------------------------------------------

def audited(what: str, subject: str, *, state: Callable[[Any], State | None] | None = None,
         answer: Callable[[Any], State | None] | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keep what an operator does by this function, in the transaction in which it is done.

    `state` gives the state of what the function's first argument names, before and, unless `answer` tells it
    from what the function returns, after; it refuses where there is no such thing. `subject` is filled in
    from the state: "{vder} order {id}". A `reason` that the function is given comes before the operator's
    general one.
    """
    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def audited(*args: P.args, **kwargs: P.kwargs) -> R:
            actor = _actor.get()
            if actor is None or _inside.get():
                return function(*args, **kwargs)
            given = signature.bind(*args, **kwargs).arguments
            if given.get("dry_run"):
                return function(*args, **kwargs)
            first = next(iter(given.values()), None)
            entry = None
            with store.transaction(), _outermost():
                before = _seen(state, first)
                result = function(*args, **kwargs)
                after = _seen(answer, result) if answer else _seen(state, first)
                if before != after:
                    entry = add(Actor(actor.who, given.get("reason") or actor.reason), what,
                                subject.format_map(before or after or {}), before, after)
            if entry is not None:
                fields = {"operation": what, "operator": entry.who, "subject": entry.subject,
                          "reason": entry.reason}
                log.info("%s by %s: %s", what, entry.who, entry.subject, extra={"fields": fields})
            return result
        return audited
    return decorate


def _seen(look: Callable[[Any], State | None] | None, it: Any) -> State | None:
    try:
        return look(it) if look else None
    except Refused:
        return None


@contextmanager
def _outermost() -> Iterator[None]:
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)


def add(actor: Actor, what: str, subject: str, before: State | None, after: State | None) -> AuditEntry:
    """Append an entry, with no more of before and after than differs. Writers come one after another: each
    holds the note until its transaction ends."""
    old, new = difference(_plain(before), _plain(after))
    with store.transaction():
        number, previous = _head(lock=True)
        entry = {
            "at": clock.now(),
            "who": actor.who,
            "what": what,
            "subject": subject,
            "before": old,
            "after": new,
            "reason": actor.reason,
        }
        row = AuditEntry.create(id=number + 1, previous=previous, hash=digest(previous, entry), **entry)
        KeyValue.update(value=json.dumps([row.id, row.hash])).where(KeyValue.name == HEAD).execute()
    return row


def _head(lock: bool = False) -> tuple[int, str]:
    """The number and hash of the last entry, as the note has them."""
    query = KeyValue.select().where(KeyValue.name == HEAD)
    if lock:
        KeyValue.insert(name=HEAD, value=json.dumps([0, BEGIN])).on_conflict_ignore().execute()
        query = query.for_update() if is_postgres() else query
    note = query.first()
    return tuple(json.loads(note.value)) if note else (0, BEGIN)


def _plain(state: Any) -> Any:
    """As JSON has it, and without secrets."""
    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(each) for key, each in value.items() if not _SECRET.fullmatch(key)}
        return [without(each) for each in value] if isinstance(value, list) else value
    return without(json.loads(json.dumps(state, default=str)))


def difference(before: Any, after: Any) -> tuple[Any, Any]:
    """What of each is not in the other: of mappings by key, of lists by item, of the rest the whole. Pure."""
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = {
            key: difference(before.get(key), after.get(key))
            for key in sorted(before.keys() | after.keys())
            if before.get(key) != after.get(key)
        }
        return {key: old for key, (old, _) in pairs.items()}, {key: new for key, (_, new) in pairs.items()}
    if isinstance(before, list) and isinstance(after, list):
        gone, new = _beside(before, after), _beside(after, before)
        return (gone, new) if gone or new else (before, after)
    return before, after


def _beside(some: list[Any], others: list[Any]) -> list[Any]:
    known = set(map(repr, others))
    return [each for each in some if repr(each) not in known]


def digest(previous: str, entry: Mapping[str, Any]) -> str:
    """The hash of an entry that follows the one with the hash `previous`: SHA-256 of the JSON list of that
    and of its FIELDS, keys sorted, ASCII, without blanks. Pure."""
    said = json.dumps([previous, *(entry[name] for name in FIELDS)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


# --- reading --------------------------------------------------------------------------------------

def entries(
    limit: int | None = None,
    *,
    who: str = "",
    what: str = "",
    subject: str = "",
    since: int | None = None,
    until: int | None = None,
    beyond: int = 0,
) -> list[dict[str, Any]]:
    """Entries in order, the newest `limit` of them: by `who`, whose `what` begins so, with `subject`
    somewhere in theirs, from the instant `since` on and before `until`, with numbers `beyond` this."""
    query = AuditEntry.select().where(AuditEntry.id > beyond).order_by(AuditEntry.id.desc())
    if who:
        query = query.where(AuditEntry.who == who)
    if what:
        query = query.where(AuditEntry.what.startswith(what))
    if subject:
        query = query.where(fn.LOWER(AuditEntry.subject).contains(subject.lower()))
    if since is not None:
        query = query.where(AuditEntry.at >= since)
    if until is not None:
        query = query.where(AuditEntry.at < until)
    return [row.__data__ for row in query.limit(limit)][::-1]


def verify(known: str = "") -> list[str]:
    """What is wrong with the trail: nothing, if it is whole. `known` is the hash of an entry that has to be
    in it, as somebody wrote it down elsewhere. For what this guards against see the top."""
    newest = AuditEntry.select(fn.MAX(AuditEntry.id)).scalar() or 0
    end = _head()  # asked later, so whoever writes meanwhile only moves it on
    if newest > end[0]:
        return [f"entry {newest} lies beyond the end that was noted, {end[0]}"]
    rows = AuditEntry.select().where(AuditEntry.id <= end[0]).order_by(AuditEntry.id)
    return faults((row.__data__ for row in rows.iterator()), end, known)


def head() -> dict[str, Any]:
    """How many entries there are, and the hash of the newest, for those who keep it elsewhere."""
    number, last = _head()
    return {"entries": number, "hash": last}


def faults(
    trail: Iterable[Mapping[str, Any]], end: tuple[int, str] | None = None, known: str = ""
) -> list[str]:
    """What is wrong with entries, which ought to be all from the first to that of number and hash `end`.
    Pure."""
    found: list[str] = []
    number, last, seen = 0, BEGIN, not known
    for entry in trail:
        if entry["id"] != number + 1:
            found.append(_missing(number + 1, entry["id"] - 1))
        elif entry["previous"] != last:
            found.append(
                f"entry {entry['id']} does not follow entry {number}: they were put in another order, or one "
                "was made anew"
            )
        if digest(entry["previous"], entry) != entry["hash"]:
            found.append(f"entry {entry['id']} was altered")
        number, last, seen = entry["id"], entry["hash"], seen or entry["hash"] == known
    if end is not None and end[0] > number:
        found.append(_missing(number + 1, end[0]))
    elif end is not None and end != (number, last):
        found.append(f"the trail ends with entry {number}, but the note of its end is of another")
    return found if seen else [*found, f"there is no entry of the hash {known}"]


def _missing(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"
