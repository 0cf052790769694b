"""Documents in other variants than the one in which they are rendered at the write.

They are made at first need and kept in the memory of the process, by href and variant. What is kept is good
as long as the document is the one that it was made of, so each write drops it.
"""
from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from server import clock
from server.resources import bulkcodec, documents, linkcounts, render
from server.resources.render import Rendered
from server.resources.variants import Variant
from server.units import Href, Instant

MOST_BYTES = 32 << 20  # of the bodies that a process keeps; some 20,000 documents
_Key = tuple[Href, Variant]
Row = tuple[Any, ...]
_HREF, _KIND, _BODY = map(documents.COLUMNS.index, ("href", "kind", "body"))
_OTHERS = tuple(map(documents.COLUMNS.index, ("submitted", "status", "visibility")))


class _Rendering(NamedTuple):
    """A body, the hash of what it was made of, and the instant at which time alone changes it."""
    source: int
    body: bytes
    until: Instant | None


_kept: dict[_Key, _Rendering] = {}
_bytes = 0
_lock = threading.Lock()


def bodies(rows: Sequence[Row], variant: Variant) -> list[bytes]:
    """Return the bodies of stored documents in a variant, from all columns of their rows."""
    now = clock.now()
    sources = [_source(row) for row in rows]
    found = [_find((row[_HREF], variant), source, now) for row, source in zip(rows, sources, strict=True)]
    made = _make([row for row, body in zip(rows, found, strict=True) if body is None], variant, now)
    for row, source in zip(rows, sources, strict=True):
        if row[_HREF] in made and not linkcounts.has_own_counts(row[_KIND], variant):
            _keep((row[_HREF], variant), _Rendering(source, *made[row[_HREF]][:2]))
    return [made[row[_HREF]].body if body is None else body for row, body in zip(rows, found, strict=True)]


def _source(row: Row) -> int:
    return hash((bytes(row[_BODY]), *(row[column] for column in _OTHERS)))


def _find(key: _Key, source: int, now: Instant) -> bytes | None:
    kept = _kept.get(key)
    if kept is None or kept.source != source or kept.until is not None and kept.until <= now:
        return None
    return kept.body


def _keep(key: _Key, rendering: _Rendering) -> None:
    """Keep a body, and drop those that have been there longest where there is no room for it."""
    global _bytes
    with _lock:
        replaced = _kept.pop(key, None)
        _bytes += len(rendering.body) - (len(replaced.body) if replaced else 0)
        _kept[key] = rendering
        while _bytes > MOST_BYTES:
            _bytes -= len(_kept.pop(next(iter(_kept))).body)


def _make(rows: Sequence[Row], variant: Variant, now: Instant) -> dict[Href, Rendered]:
    found = [documents.of_row(row) for row in rows]
    links_of = linkcounts.links_of({document.href: document.kind for document in found}, variant)
    writers = {kind: bulkcodec.Writer(kind) for kind in {document.kind for document in found}}
    derived = render.derive((document.kind, document.href, document.submitted) for document in found)
    return {document.href: render.in_variant(
        document, links_of[document.href], derived.get(document.href), variant, writers[document.kind], now)
        for document in found}
