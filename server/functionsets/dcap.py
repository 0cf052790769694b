"""DeviceCapability: where a caller finds what is for it (IEEE 2030.5-2018, 8.3)."""
from __future__ import annotations

from functools import lru_cache

from flask import Response

from server.protocol import answers
from server.protocol.views import RequestContext
from server.resources import codec, pollrates, retrieve, schema, store, table
from server.resources.hooks import instead
from server.resources.table import Row

# Lists that are named even while they are empty: a device posts to them, or waits for something to appear in
# them.
ALWAYS = frozenset(
    {"EndDeviceList", "MirrorUsagePointList", "DERProgramList", "ResponseSetList", "UsagePointList"}
)
_STRANGERS = frozenset({"EndDeviceList", "Time"})


def _roots() -> list[tuple[str, Row]]:
    known = schema.type_spec("DeviceCapability").by_key
    return [(f"{row.name}Link", row) for row in table.rows.values()
            if row.path.count("/") == 1 and f"{row.name}Link" in known]


@instead("GET", "DeviceCapability")
def answer(ask: RequestContext) -> Response:
    """The links to every function set in which there is something for the caller."""
    if store.due():
        store.refresh()
    counts = retrieve.counts(_LISTS, ask.who.lfdi) if ask.who.enrolled else {}
    inside = _inside(ask.href, pollrates.poll("DeviceCapability", ask.who.lfdi), ask.who.enrolled,
                     tuple(sorted(counts.items())), ask.edition)
    return answers.document("DeviceCapability", inside, ask.request, ask.edition)


@lru_cache(maxsize=1024)
def _inside(href: str, rate: int, enrolled: bool, counts: tuple[tuple[str, int], ...], edition: int) -> bytes:
    """Many devices have the same in it, so it is rendered for all of them once."""
    data: dict[str, object] = {"href": href, "pollRate": rate}
    for key, row in _ROOTS:
        count = dict(counts).get(row.path, 0)
        if row.name not in _STRANGERS and not enrolled:
            continue
        if not row.is_list:
            data[key] = {"href": row.path}
        elif count or row.name in ALWAYS:
            data[key] = {"href": row.path, "all": count}
    return codec.fragment("DeviceCapability", data, edition)


_ROOTS = _roots()
_LISTS = [row.path for _, row in _ROOTS if row.is_list]
