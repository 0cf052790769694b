"""What a method does to a resource unless a function set does it: read and write the store, as far as the
caller may."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server.devices import access
from server.devices.requestcontext import Changed, Created, Fragment, ListPage, RequestContext, Result
from server.errors import Refused
from server.resources import links, retrieve, schema, store, table

Data = dict[str, Any]


def get(context: RequestContext) -> Result:
    """The resource, or a page of the list. Refused (404) where there is none for the caller."""
    if store.due():
        store.refresh()
    if context.match.row.is_list:
        return _list(context)
    # Who is not enrolled has no audience, and is admitted only to what everybody may read.
    reader = context.caller.lfdi if context.caller.enrolled else None
    document = retrieve.single(context.href, reader, context.edition)
    if document is None:
        raise Refused(404, access.NOT_THERE)
    return Fragment(document.kind, document.body)


def _list(context: RequestContext) -> ListPage:
    row, above = context.match.row, table.parent(context.href)
    parent, active = context.href, row.of is not None
    if row.of:
        parent = f"{above}/{table.rows[row.of].path.rpartition('/')[2]}"
    start, after, limit = context.list_parameters
    selection = retrieve.Selection(parent, active, mixed=not above or row.name in access.SHARED_LISTS)
    page = retrieve.page(selection, context.caller.lfdi, start, after, limit, context.edition)
    # Who sees an item sees its list; only of an empty list has to be asked whether it is there for this
    # caller.
    if not page.all and above and not retrieve.visible(above, context.caller.lfdi):
        raise Refused(404, access.NOT_THERE)
    return ListPage(row.element, page)


def put(context: RequestContext) -> Created | Changed:
    """Replace a resource by what is submitted, or make it."""
    name, data = context.read_document()
    if name != context.match.row.element:
        raise Refused(400, f"{context.href} takes {context.match.row.element}, not {name}")
    document = store.get(context.href)
    if document is None:
        _check_owner(context, table.parent(context.href))
    elif not access.writable(context.caller, document.audience):
        visible = retrieve.single(context.href, context.caller.lfdi) is not None
        raise Refused(403 if visible else 404, access.NOT_THERE)
    change = store.put(context.href, _without_ours(context.match.row.name, data), caller=context.caller)
    return Created(context.href) if change.old is None and document is None else Changed()


def post(context: RequestContext) -> Created | Changed:
    """Add an item to a list. It is changed, not created, where a hook finds that the list has it already."""
    name, data = context.read_document()
    row = context.match.row
    item = table.item(row.name)
    if item is None or not schema.descends(name, item.element):
        raise Refused(400, f"{context.href} does not take {name}")
    above, audience = table.parent(context.href), store.INHERIT
    if row.name not in access.SHARED_LISTS:
        _check_owner(context, above)
    else:
        audience = context.caller.lfdi
        if above and retrieve.single(above, context.caller.lfdi) is None:
            raise Refused(404, access.NOT_THERE)
    data = _without_ours(item.name, data)
    change = store.post(name, context.href, data, audience, caller=context.caller)
    return Created(change.href) if change.old is None else Changed(change.href)


def delete(context: RequestContext) -> Changed:
    """Remove a resource and what is below it."""
    document = store.get(context.href)
    visible = document is not None and retrieve.single(context.href, context.caller.lfdi) is not None
    if document is None or not access.writable(context.caller, document.audience):
        raise Refused(403 if visible else 404, access.NOT_THERE)
    store.remove(context.href, caller=context.caller)
    return Changed()


BY_NAME: dict[str, Callable[[RequestContext], Result]] = {
    "GET": get, "HEAD": get, "PUT": put, "POST": post, "DELETE": delete
}


def _check_owner(context: RequestContext, href: str) -> None:
    """Refuse a caller to whom the resource above the one it writes does not belong."""
    owner = store.get(href)
    if owner is None or not access.writable(context.caller, owner.audience):
        visible = owner is not None and retrieve.single(href, context.caller.lfdi) is not None
        raise Refused(403 if visible or not href else 404, access.NOT_THERE)


def _without_ours(kind: str, data: Data) -> Data:
    """What a device submits, without what the server decides: its href, and the links to what is below it. A
    device that sends back what it read does not mean to fix their counts."""
    ours = {"href", *(link.key for link in links.link_rows(kind))}
    return {key: value for key, value in data.items() if key not in ours}
