"""What is derived from submitted documents, made anew."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from server.models import KeyValue
from server.models.base import CHUNK
from server.resources import documents, hooks, render, schema, sql
from server.resources.transactions import touch, transaction

_RENDERED = "rendered"  # of the KeyValue that says up to where documents are rendered anew, and what for


def reindex(track: Callable[[list[Any]], Iterable[Any]] = iter) -> int:
    """Rebuild every derived row and body; return how many had to be changed (none in a healthy database).

    `track` wraps the list of hrefs and may show progress.
    """
    with transaction():
        changed = sum(task() for task in hooks.rebuilders())
        for parent, in sql.rows(f"SELECT DISTINCT parent FROM document WHERE {documents.EVENT}"):
            changed += render.reevaluate_list(parent)
        changed += len(render.rerender(href for href, in track(
            sql.rows(f"SELECT href FROM document WHERE NOT {documents.EVENT} ORDER BY href DESC"))))
    return changed


def render_all(purpose: str) -> int:
    """Render every document anew, a CHUNK of them in each transaction; return how many had to be changed.

    What was interrupted goes on where it ended, if it is called with the same `purpose`, a word.
    """
    where, changed = KeyValue.name == _RENDERED, 0
    saved = KeyValue.get_or_none(where)
    before, _, last = saved.value.partition(" ") if saved is not None else ("", "", "")
    last = last if before == purpose else ""
    while hrefs := [href for href, in sql.rows(
            f"SELECT href FROM document WHERE href > ? ORDER BY href LIMIT {CHUNK}", last)]:
        last = hrefs[-1]
        with transaction():
            changed += len(render.rerender(hrefs))
            KeyValue.insert(name=_RENDERED, value=f"{purpose} {last}").on_conflict(
                conflict_target=[KeyValue.name], update={KeyValue.value: f"{purpose} {last}"}).execute()
    KeyValue.delete().where(where).execute()
    return changed


def apply_rates(lfdi: str = "") -> None:
    """Render the documents that have a poll or post rate, of one device or all."""
    with transaction():
        for href, kind in sql.rows(
            "SELECT href, kind FROM document" + (" WHERE audience = ?" if lfdi else ""),
            *([lfdi] if lfdi else []),
        ):
            if {"pollRate", "postRate"} & schema.type_spec(kind).by_key.keys():
                touch(href)


@hooks.seed
def _reindex_after_upgrade() -> int:
    """Rebuild derived rows and bodies where a migration has left a KeyValue; return how many changed."""
    pending = KeyValue.name == "reindex"
    if not KeyValue.select().where(pending).exists():
        return 0
    with transaction():  # a second process that starts at the same time waits, and finds no KeyValue then
        return reindex() if KeyValue.delete().where(pending).execute() else 0
