"""DeviceCapability: where a caller finds what is for it (IEEE 2030.5-2018, 9.1)."""
from __future__ import annotations

from flask import Response

from server.protocol.views import Ask
from server.resources import rates, reading, schema, store, table
from server.resources.hooks import instead
from server.resources.table import Row

# Lists that are named even while they are empty: a device posts to them, or waits for something to appear in them.
ALWAYS = frozenset({"EndDeviceList", "MirrorUsagePointList", "DERProgramList", "ResponseSetList", "UsagePointList"})
_STRANGERS = frozenset({"EndDeviceList", "Time"})


def _roots() -> list[tuple[str, Row]]:
    known = schema.plan("DeviceCapability").by_key
    return [(f"{row.name}Link", row) for row in table.rows.values()
            if row.path.count("/") == 1 and f"{row.name}Link" in known]


@instead("GET", "DeviceCapability")
def answer(ask: Ask) -> Response:
    """The links to every function set in which there is something for the caller."""
    if store.due():
        store.refresh()
    counts = reading.counts([row.path for _, row in _ROOTS if row.is_list], ask.who.lfdi) if ask.who.enrolled else {}
    data: dict[str, object] = {"pollRate": rates.poll("DeviceCapability", ask.who.lfdi)}
    for key, row in _ROOTS:
        count = counts.get(row.path, 0)
        if row.name not in _STRANGERS and not ask.who.enrolled:
            continue
        if not row.is_list:
            data[key] = {"href": row.path}
        elif count or row.name in ALWAYS:
            data[key] = {"href": row.path, "all": count}
    return ask.document("DeviceCapability", data)


_ROOTS = _roots()
