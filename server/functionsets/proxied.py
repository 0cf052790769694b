"""Proxied devices: those that an aggregator manages, as the 2023 edition shows them (IEEE 2030.5-2023).

A ProxiedDevice is the EndDevice of a managed device, seen below the EndDevice of its aggregator: it has the
same links, and to write it is to write the EndDevice. Only the aggregator sees it there.
"""
from __future__ import annotations

import re
from typing import Any

from server.devices import access, methods
from server.devices.requestcontext import Changed, Created, Fragment, ListPage, RequestContext
from server.errors import Refused
from server.models import Device
from server.resources import retrieve, sql, table
from server.resources.hooks import instead
from server.units import Href

_LIST, _ITEM = "ProxiedDeviceList", "ProxiedDevice"
# What an EndDevice has and a ProxiedDevice has not.
_NOT_PROXIED = re.compile(rb"<(?:ProxiedDevice|Subscription)ListLink [^>]*/>")


@instead("COUNT", _LIST)
def _counts(hrefs: list[Href]) -> dict[Href, int]:
    numbers = {table.number(table.parent(href)): href for href in hrefs}
    found = dict(sql.among(
        "SELECT a.id, (SELECT count(*) FROM device m WHERE m.manager = a.lfdi AND "
        f"m.state = '{Device.ENROLLED}') FROM device a WHERE a.id IN ({{}}) "
        f"AND a.kind = '{access.AGGREGATOR}'", numbers))
    return {href: found.get(number, 0) for number, href in numbers.items()}


@instead("LINK", _LIST)
def _unlinked(hrefs: list[Href]) -> list[Href]:
    """Return the lists of devices that are no aggregators, and so never manage any."""
    numbers = {table.number(table.parent(href)): href for href in hrefs}
    acting = {number for number, in sql.among(
        f"SELECT id FROM device WHERE id IN ({{}}) AND kind = '{access.AGGREGATOR}'", numbers)}
    return [href for number, href in numbers.items() if number not in acting]


@instead("GET", _LIST)
def proxied_devices(context: RequestContext) -> ListPage:
    """Return a page of the devices that an aggregator manages. Refused (404) for who does not see it."""
    above = table.parent(context.href)
    owner = retrieve.single(above, context.caller.lfdi)
    if owner is None:
        raise Refused(404, access.NOT_THERE)
    if owner.audience != context.caller.lfdi:  # an aggregator is managed by none, so that it manages none
        return ListPage(_LIST, retrieve.Page(0, []))
    page = context.page(retrieve.Selection("/edev", mixed=True, without=above))
    items = [(_ITEM, _proxied(body, f"{context.href}/{table.number(href)}"))
             for (_, body), href in zip(page.items, page.hrefs, strict=True)]
    return ListPage(_LIST, page._replace(items=items))


@instead("GET", _ITEM)
def proxied_device(context: RequestContext) -> Fragment:
    """Return a device that an aggregator manages. Refused (404) where it manages none with this number."""
    _check_managed(context)
    document = retrieve.single(_end_device(context), context.caller.lfdi, context.variant)
    if document is None:
        raise Refused(404, access.NOT_THERE)
    return Fragment(_ITEM, _proxied(document.body, context.href))


def _proxied(body: bytes, href: Href) -> bytes:
    """Return the fragment of an EndDevice as that of a ProxiedDevice with this href."""
    body = re.sub(rb' href="[^"]*"', b' href="%s"' % href.encode(), body, count=1)
    return _NOT_PROXIED.sub(b"", body).replace(b' subscribable="1"', b"", 1)


@instead("POST", _LIST)
def add(context: RequestContext) -> Created | Changed:
    """Register a device that the aggregator manages, as a POST to EndDeviceList does."""
    if context.caller.number != context.parameters["device"]:
        visible = retrieve.visible(table.parent(context.href), context.caller.lfdi)
        raise Refused(403 if visible else 404, access.NOT_THERE)
    result = methods.post(_as_end_device(context, "/edev"))
    return result._replace(href=f"{context.href}/{table.number(result.href)}")


@instead("PUT", _ITEM)
def change(context: RequestContext) -> Created | Changed:
    """Write the EndDevice of a device that the aggregator manages."""
    _check_managed(context)
    return methods.put(_as_end_device(context, _end_device(context)))


@instead("DELETE", _ITEM)
def remove(context: RequestContext) -> Changed:
    """Remove a device that the aggregator manages, as a DELETE of its EndDevice does."""
    _check_managed(context)
    return methods.delete(_as_end_device(context, _end_device(context)))


def _check_managed(context: RequestContext) -> None:
    """Refuse (404) where the caller is not the aggregator in the href, or does not manage the device."""
    numbers = context.parameters
    if sql.row("SELECT 1 FROM device m JOIN device a ON a.lfdi = m.manager WHERE m.id = ? AND a.id = ? "
               "AND a.lfdi = ? AND m.state = ? AND a.state = ?", numbers["proxied"], numbers["device"],
               context.caller.lfdi, Device.ENROLLED, Device.ENROLLED) is None:
        raise Refused(404, access.NOT_THERE)


def _end_device(context: RequestContext) -> Href:
    return table.rows["EndDevice"].href(device=context.parameters["proxied"])


def _as_end_device(context: RequestContext, href: Href) -> RequestContext:
    """Return the same request for an EndDevice, or for their list."""
    match = table.match(href)
    assert match is not None, href

    def read() -> tuple[str, dict[str, Any]]:
        name, data = context.read_document()
        if name != _ITEM:
            raise Refused(400, f"{context.href} takes {_ITEM}, not {name}")
        return "EndDevice", data
    return context._replace(match=match, href=href, read_document=read)
