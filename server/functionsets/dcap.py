"""DeviceCapability: the links from which a client discovers the server (IEEE 2030.5-2018, 8.3)."""
from __future__ import annotations

from functools import lru_cache

from server.devices import access
from server.devices.requestcontext import Fragment, RequestContext
from server.errors import Refused
from server.functionsets import filedownload, responsesets
from server.resources import codec, pollrates, quotas, refresh, retrieve, schema, table
from server.resources.hooks import instead
from server.resources.table import Row
from server.resources.variants import Variant

FULL = -1


def _roots() -> list[tuple[str, Row]]:
    """Return the resources at the root that DeviceCapability may link to, each with its link's key."""
    fields = schema.type_spec("DeviceCapability").by_key
    return [(f"{row.name}Link", row) for row in table.rows.values()
            if row.path.count("/") == 1 and f"{row.name}Link" in fields]


@instead("GET", "DeviceCapability")
def device_capability(context: RequestContext) -> Fragment:
    """Return the links to the function sets in which the caller has resources.

    For a caller that is not enrolled these are the links that it may follow. Refused (404) where a caller
    that nobody has looked up sees nothing, which shows that it is not enrolled: all others see an EndDevice.
    """
    caller = context.caller
    refresh.freshen(lists=_LISTS)
    counts = retrieve.counts(_LISTS, caller.lfdi) if caller.enrolled else {}
    if caller.presumed and not counts:
        raise Refused(404, access.NOT_THERE)
    readable = None if caller.enrolled else access.open_to_unknown()
    poll_rate = pollrates.poll("DeviceCapability", caller.lfdi)
    if counts.get(filedownload.LIST):
        counts[filedownload.LIST] = len(filedownload.offered(caller.lfdi))
    if counts:
        counts[responsesets.LIST] = responsesets.count(counts)
    if quotas.is_full(_MIRRORS, counts.get(_MIRRORS, 0), caller.lfdi):
        counts[_MIRRORS] = FULL
    xml = _fragment(context.href, poll_rate, readable, tuple(sorted(counts.items())), context.variant)
    return Fragment("DeviceCapability", xml)


@lru_cache(maxsize=1024)
def _fragment(href: str, poll_rate: int, readable: frozenset[str] | None, counts: tuple[tuple[str, int], ...],
              variant: Variant) -> bytes:
    """Return the XML; it is rendered once for all devices for which it is the same.

    `readable` has the names of the resources that may be linked; None means all. A list whose count is FULL
    is not linked.
    """
    data: dict[str, object] = {"href": href, "pollRate": poll_rate}
    for key, row in _ROOTS:
        count = dict(counts).get(row.path, 0)
        if readable is not None and row.name not in readable or count == FULL:
            continue
        if not row.is_list:
            data[key] = {"href": row.path}
        elif count or row.name in access.ROOT_LISTS:
            data[key] = {"href": row.path, "all": count}
    fragment = codec.fragment("DeviceCapability", data, variant)
    # a client of CSIP-AUS learns here that the server has its elements, whether there are any or not
    return codec.DECLARED.encode() + fragment if variant.extensions else fragment


_ROOTS = _roots()
_MIRRORS = table.rows["MirrorUsagePointList"].path
_LISTS = [row.path for _, row in _ROOTS if row.is_list]
