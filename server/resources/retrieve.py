"""How documents are read: keyed lookups that copy bytes. `who` is the caller's LFDI; None reads as the
operator."""
from __future__ import annotations

from typing import NamedTuple

from server.resources import documents, sql

_SEEN = "audience IN (SELECT audience FROM audience WHERE lfdi = ?)"
# The same, but as an expression it does not tempt the database to look by audience and sort what it finds; an
# order by an expression keeps it from looking through the whole list in order.
_SEEN_IN_ORDER = f"coalesce(audience, '') {_SEEN.removeprefix('audience ')}"


class Single(NamedTuple):
    """A document as it is served: its kind, inner XML and audience."""
    kind: str
    body: bytes
    audience: str


class Page(NamedTuple):
    """A part of a list: how many items there are in all, and (kind, inner XML) of those on the page."""
    all: int
    items: list[tuple[str, bytes]]


def _body(edition: int) -> str:
    return "body" if edition == 2018 else "coalesce(body_2023, body)"


def single(href: str, who: str | None, edition: int = 2018) -> Single | None:
    """The document at an href; None where there is none or it is not for this reader."""
    statement = f"SELECT kind, {_body(edition)}, audience FROM document WHERE href = ?"
    row = sql.row(statement, href) if who is None else sql.row(f"{statement} AND {_SEEN}", href, who)
    return Single(row[0], bytes(row[1]), row[2]) if row else None


def visible(href: str, who: str) -> bool:
    """Whether there is a document that is for this reader."""
    return sql.row(f"SELECT 1 FROM document WHERE href = ? AND {_SEEN}", href, who) is not None


class Selection(NamedTuple):
    """Which documents of a list: all that are listed, only the active ones, or only those of some audiences.
    `mixed` says that a reader may be expected to see few of many (the same is found either way)."""
    parent: str
    active: bool = False
    audiences: tuple[str, ...] | None = None
    mixed: bool = False


def page(
    which: Selection, who: str | None, start: int, after: int | None, limit: int, edition: int = 2018
) -> Page:
    """A page of a list, in its order: from the item `start` of those later than `after`, `limit` items at
    most."""
    condition = f"parent = ? AND {documents.ACTIVE if which.active else documents.LISTED}"
    parameters: list[object] = [which.parent]
    if which.audiences is not None:
        condition += f" AND audience IN ({sql.marks(len(which.audiences))})"
        parameters += which.audiences
    if who is not None:
        condition += f" AND {_SEEN if which.mixed else _SEEN_IN_ORDER}"
        parameters.append(who)
    count = f"SELECT count(*) FROM document WHERE {condition}"
    counted = list(parameters)
    if after is not None:
        condition += " AND at > ?"
        parameters.append(after)
    order = "coalesce(sort, sort)" if which.mixed else "sort"
    rows = (
        sql.rows(
            f"SELECT kind, {_body(edition)} FROM document WHERE {condition} ORDER BY {order} LIMIT ? "
            "OFFSET ?",
            *parameters,
            limit,
            start,
        )
        if limit
        else []
    )
    whole = start == 0 and after is None and len(rows) < limit
    total = len(rows) if whole else int(sql.row(count, *counted)[0])
    return Page(total, [(kind, bytes(body)) for kind, body in rows])


def counts(parents: list[str], who: str) -> dict[str, int]:
    """How many items of each of these lists a caller sees."""
    return dict(sql.rows(f"SELECT parent, count(*) FROM document WHERE parent IN ({sql.marks(len(parents))}) "
                         f"AND {documents.LISTED} AND {_SEEN} GROUP BY parent", *parents, who))
