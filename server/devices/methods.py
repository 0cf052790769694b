"""What each method does with a resource, unless a function set does it: read or write the store."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from server.devices import access
from server.devices.requestcontext import Changed, Created, Fragment, ListPage, RequestContext, Result
from server.errors import Refused
from server.resources import draft, hooks, links, refresh, render, retrieve, schema, store, table
from server.units import Href, Lfdi

Data = dict[str, Any]


def get(context: RequestContext) -> Result:
    """Return a resource, or a page of a list. Refused (404) where there is none for the caller."""
    if context.match.row.is_list:
        return _list(context)
    refresh.freshen([table.parent(context.href)], [context.href])
    # A caller that is not enrolled has no audience; `access` admits it only to what everybody may read.
    reader = context.caller.lfdi if context.caller.enrolled else None
    document = retrieve.single(context.href, reader, context.variant)
    if document is None:
        return _blank(context, reader)
    if context.variant.draft:
        _check_expressed(context)
    return Fragment(document.kind, document.body)


def _blank(context: RequestContext, reader: str | None) -> Fragment:
    """Return a resource of which nothing has been submitted yet. Refused (404) where there is none."""
    row = context.match.row
    if not row.blank or reader is None or not retrieve.visible(table.parent(context.href), reader):
        raise Refused(404, access.NOT_THERE)
    return context.fragment(row.element, render.blank(row.element))


def _list(context: RequestContext) -> ListPage:
    row, owner = context.match.row, table.parent(context.href)
    parent, active = context.href, row.of is not None
    if row.of:
        parent = f"{owner}/{table.rows[row.of].path.rpartition('/')[2]}"
    if context.variant.draft and row.name in draft.PARTIAL_LISTS:
        page = _expressed(context)
    else:
        page = context.page(
            retrieve.Selection(parent, active, mixed=not owner or row.name in access.SHARED_LISTS))
    # A caller that sees an item sees its list. Only for an empty one the owner has to be looked up.
    if not page.all and owner and not _is_there(owner, context.caller.lfdi):
        raise Refused(404, access.NOT_THERE)
    if row.most_2023 and context.variant.edition == 2023:
        page = _bounded(page, max(0, row.most_2023 - context.list_parameters.start), row.most_2023)
    return ListPage(row.element, page)


def _is_there(owner: Href, lfdi: Lfdi, posts: bool = False) -> bool:
    """Return whether what a list is below of is there for the caller, who reads the list or `posts` to it."""
    match = table.match(owner)
    computed = match and hooks.instead_of("OWNER", match.row.name)
    return bool(computed(owner, lfdi, posts)) if computed else retrieve.visible(owner, lfdi)


def _expressed(context: RequestContext) -> retrieve.Page:
    """Return the requested page of a list without the items of which the draft has nothing."""
    item = table.item(context.match.row.name)
    items = [found for found in retrieve.seen(context.href, context.caller.lfdi)
             if item is not None and draft.expresses(item.name, found.submitted)]
    start, _, limit = context.list_parameters
    return retrieve.page_of(items[start:start + limit], len(items), context.variant)


def _check_expressed(context: RequestContext) -> None:
    """Refuse (404) a document of which the draft has nothing."""
    if table.rows.get(f"{context.match.row.name}List", context.match.row).name not in draft.PARTIAL_LISTS:
        return
    document = store.get(context.href)
    if document is None or not draft.expresses(document.kind, document.submitted):
        raise Refused(404, access.NOT_THERE)


def _bounded(page: retrieve.Page, left: int, most: int) -> retrieve.Page:
    """Return a page of a list that has at most so many items, with at most as many as are left of them."""
    return retrieve.Page(min(page.all, most), page.items[:left], page.hrefs[:left])


def shows_enrolment(context: RequestContext, result: Result) -> bool:
    """Return whether what a GET found is there for enrolled callers only.

    An empty list at the root is there for everybody; of any other the caller sees items, or what is above.
    """
    return isinstance(result, Fragment) or (
        isinstance(result, ListPage) and (result.page.all > 0 or table.parent(context.href) != ""))


def put(context: RequestContext) -> Created | Changed:
    """Replace a resource by the submitted document, or create it. Refused (400, 403, 404)."""
    name, data = context.read_document()
    if name != context.match.row.element:
        raise Refused(400, f"{context.href} takes {context.match.row.element}, not {name}")
    document = store.get(context.href)
    if document is None:
        _check_owner(context, table.parent(context.href))
    elif not access.writable(context.caller, document.audience):
        visible = retrieve.single(context.href, context.caller.lfdi) is not None
        raise Refused(403 if visible else 404, access.NOT_THERE)
    data = without_derived(context.match.row.name, data)
    change = store.put(context.href, data, caller=context.caller)
    return Created(context.href) if change.old is None and document is None else Changed()


def post(context: RequestContext) -> Created | Changed:
    """Add an item to a list, or change the one that a hook recognises. Refused (400, 403, 404)."""
    name, data = context.read_document()
    row = context.match.row
    item = table.item(row.name)
    if item is None or not schema.descends(name, item.element):
        raise Refused(400, f"{context.href} does not take {name}")
    owner, audience = table.parent(context.href), store.INHERIT
    if row.name not in access.SHARED_LISTS:
        _check_owner(context, owner)
    else:
        audience = context.caller.lfdi
        if owner and not _is_there(owner, context.caller.lfdi, posts=True):
            raise Refused(404, access.NOT_THERE)
    data = without_derived(item.name, data)
    change = store.post(name, context.href, data, audience, caller=context.caller)
    return Created(change.href) if change.old is None else Changed(change.href)


def delete(context: RequestContext) -> Changed:
    """Remove a resource and what is below it. Refused (403, 404)."""
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
    """Refuse (403, 404) a caller to whom the resource above the one that it writes does not belong."""
    owner = store.get(href)
    if owner is None or not access.writable(context.caller, owner.audience):
        visible = owner is not None and retrieve.single(href, context.caller.lfdi) is not None
        raise Refused(403 if visible or not href else 404, access.NOT_THERE)


def without_derived(kind: str, data: Data) -> Data:
    """Return data without what the server derives: the href, and the links to what is below.

    Many devices send back what they have read, with counts that are out of date.
    """
    derived = {"href", *(link.key for link in links.link_rows(kind))}
    return {key: value for key, value in data.items() if key not in derived}
