"""The links of documents, with the number of items of the lists that they lead to."""
from __future__ import annotations

import re
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from server.models import Document
from server.resources import codec, documents, draft, hooks, links, profiles, schema, sql, table
from server.resources.links import LinkSpec
from server.resources.variants import Variant
from server.units import Href

Data = dict[str, Any]
Counter = Callable[[list[Href]], dict[Href, int | None]]
Chooser = Callable[[list[Href]], Collection[Href]]
_COUNTED = re.compile(rb'(<((?:csipaus:)?\w+ListLink)\b[^>]*?) all="(\d+)"')


class _Source(NamedTuple):
    """A link to be, what chooses whether it is there, what counts, or else the last step of the list whose
    items, or whose active ones, are counted (None: it leads to no list)."""
    link: LinkSpec
    chooser: Chooser | None
    counter: Counter | None
    counts: str | None


def _sources(name: str, variant: Variant) -> list[_Source]:
    """Return the links of a resource (its row) in a variant."""
    return [_Source(link, hooks.instead_of("LINK", link.row.name), _counter(link.row.name, variant),
                    table.source(link.row).path.rpartition("/")[2] if link.row.is_list else None)
            for link in links.links_in(variant.edition, name)]


def links_of(kinds: dict[Href, str], variant: Variant) -> dict[Href, Data]:
    """Return the links of documents in a variant, by their hrefs; `kinds` are theirs.

    A statement reads them for many documents.
    """
    listed: dict[Href, Href] = {}  # by what a link leads to, the list whose items it counts
    active: dict[Href, Href] = {}  # and those of which it counts the active ones
    counted_by: dict[Counter, list[Href]] = defaultdict(list)
    chosen_by: dict[Chooser, list[Href]] = defaultdict(list)
    parents = []
    sources: dict[str, list[_Source]] = {}
    names = {href: table.row_name(kind, href) for href, kind in kinds.items()}
    for href, name in names.items():
        if name not in sources:
            sources[name] = _sources(name, variant)
        for source in sources[name]:
            target = f"{href}/{source.link.step}"
            if source.chooser:
                chosen_by[source.chooser].append(target)
            if source.counter:
                counted_by[source.counter].append(target)
            elif source.counts is not None:
                (active if source.link.row.of else listed)[target] = f"{href}/{source.counts}"
            else:
                parents.append(href)
    counts: dict[Href, int | None] = {}
    for counter, targets in counted_by.items():
        counts |= dict.fromkeys(targets) | counter(targets)
    for lists, condition in ((listed, documents.LISTED), (active, documents.ACTIVE)):
        found = _counts(lists.values(), condition)
        counts |= {target: found.get(source, 0) for target, source in lists.items()}
    present = {target for target, count in counts.items() if count}
    present |= {single for single, in sql.among(
        f"SELECT href FROM document WHERE parent IN ({{}}) AND {documents.LISTED}", parents)}
    unlinked = _unlinked(chosen_by, counts)
    below = {name: [source.link for source in of_name] for name, of_name in sources.items()}
    return {href: links.links(below[name], href, counts, present, unlinked) if below[name] else {}
            for href, name in names.items()}


def _unlinked(chosen_by: Mapping[Chooser, list[Href]], counts: Mapping[Href, int | None]) -> set[Href]:
    """Return the empty lists to which there is no link, by what hooks choose of them."""
    empty = {chooser: [href for href in hrefs if not counts.get(href, 0)]
             for chooser, hrefs in chosen_by.items()}
    return {href for chooser, hrefs in empty.items() if hrefs for href in chooser(hrefs)}


def _counts(lists: Iterable[Href], condition: str) -> dict[Href, int]:
    return dict(sql.among(f"SELECT parent, count(*) FROM document WHERE parent IN ({{}}) AND {condition} "
                          "GROUP BY parent", lists))


def _counter(list_name: str, variant: Variant) -> Counter | None:
    """Return what counts the items of a list in a variant, where that is not all that are listed."""
    return _expressed if variant.draft and list_name in draft.PARTIAL_LISTS else hooks.instead_of(
        "COUNT", list_name)


def _expressed(lists: list[Href]) -> dict[Href, int | None]:
    """Return of how many items of lists the draft has something."""
    read = Document.submitted.python_value
    expressed = Tally(parent for parent, kind, submitted in sql.among(
        f"SELECT parent, kind, submitted FROM document WHERE parent IN ({{}}) AND {documents.LISTED}", lists)
        if draft.expresses(kind, read(submitted)))
    return {parent: expressed[parent] for parent in lists}


def has_own_counts(kind: str, variant: Variant) -> bool:
    """Return whether documents of a kind have links that are not in the body that is stored, or with another
    count there: nothing tells when it has changed."""
    return _has_own_counts(kind, variant, profiles.default().edition)


@lru_cache(maxsize=None)
def _has_own_counts(kind: str, variant: Variant, stored_edition: int) -> bool:
    return any(link.edition == variant.edition != stored_edition
               or variant.draft and link.row.name in draft.PARTIAL_LISTS for link in links.link_rows(kind))


def counted_anew(kind: str, body: bytes, links_of: Data, variant: Variant) -> bytes | None:
    """Return a body in this variant with the counts of these links; None where it has others than these."""
    counts = {key.encode(): link["all"] for key, link in links_of.items() if "all" in link}
    found = _COUNTED.findall(body)
    names = {name for _, name, _ in found}
    if len(names) < len(found) or not names <= counts.keys() or any(
            _has(kind, key.decode(), variant) for key in counts.keys() - names):
        return None
    return _COUNTED.sub(lambda match: b'%s all="%d"' % (match[1], counts[match[2]]), body)


@lru_cache(maxsize=None)
def _has(kind: str, key: str, variant: Variant) -> bool:
    """Return whether documents of a kind can have an element in a variant."""
    return codec.Output(variant).accepts(schema.type_spec(kind).by_key[key])


@lru_cache(maxsize=None)
def counted(list_name: str) -> bool:
    """Return whether the document above a list has a link with the number of its items."""
    row = table.rows[list_name]
    owner = next((other for other in table.rows.values() if other.path == table.parent(row.path)), None)
    return owner is not None and any(
        table.source(link.row) is row and not hooks.instead_of("COUNT", link.row.name)
        for link in links.link_rows(owner.name)
        if link.row.is_list
    )
