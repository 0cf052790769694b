"""DeviceCapability: where a caller finds what is for it (IEEE 2030.5-2018, 8.3)."""
from __future__ import annotations

from functools import lru_cache

from flask import Response

from server.devices import access
from server.protocol import answers
from server.protocol.views import RequestContext
from server.resources import codec, pollrates, retrieve, schema, store, table
from server.resources.hooks import instead
from server.resources.table import Row


def _roots() -> list[tuple[str, Row]]:
    known = schema.type_spec("DeviceCapability").by_key
    return [(f"{row.name}Link", row) for row in table.rows.values()
            if row.path.count("/") == 1 and f"{row.name}Link" in known]


@instead("GET", "DeviceCapability")
def answer(ask: RequestContext) -> Response:
    """The links to every function set in which there is something for the caller; for one that is not
    enrolled, those that it may follow."""
    if store.due():
        store.refresh()
    counts = retrieve.counts(_LISTS, ask.who.lfdi) if ask.who.enrolled else {}
    readable = None if ask.who.enrolled else access.open_to_unknown()
    inside = _inside(ask.href, pollrates.poll("DeviceCapability", ask.who.lfdi), readable,
                     tuple(sorted(counts.items())), ask.edition)
    return answers.document("DeviceCapability", inside, ask.request, ask.edition)


@lru_cache(maxsize=1024)
def _inside(href: str, rate: int, readable: frozenset[str] | None, counts: tuple[tuple[str, int], ...],
            edition: int) -> bytes:
    """Many devices have the same in it, so it is rendered for all of them once. `readable` are the resources
    that may be linked, None for all."""
    data: dict[str, object] = {"href": href, "pollRate": rate}
    for key, row in _ROOTS:
        count = dict(counts).get(row.path, 0)
        if readable is not None and row.name not in readable:
            continue
        if not row.is_list:
            data[key] = {"href": row.path}
        elif count or row.name in access.ROOT_LISTS:
            data[key] = {"href": row.path, "all": count}
    return codec.fragment("DeviceCapability", data, edition)


_ROOTS = _roots()
_LISTS = [row.path for _, row in _ROOTS if row.is_list]
