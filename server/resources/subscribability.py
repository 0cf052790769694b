"""What can be subscribed to, and which changes concern a subscription (IEEE 2030.5-2018, 8.7.3). Pure.

The schema says which types have the attribute `subscribable`; the column of that name in the table of
resources says where it is another than 1. Every representation carries it.
"""
from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from server.models import vder_audience
from server.resources import schema, table
from server.resources.codes import Subscribable
from server.resources.table import Match
from server.units import Href

READINGS = frozenset({"ReadingSetList", "ReadingList", "Reading"})


@lru_cache(maxsize=None)
def of(name: str) -> Subscribable:
    """Return which subscriptions a resource (its row) takes."""
    row = table.rows.get(name)
    field = schema.type_spec(row.element).by_key.get("subscribable") if row else None
    if row is None or field is None or field.edition:  # of 2023 alone, which devices write themselves
        return Subscribable.NONE
    return Subscribable(row.subscribable)


@lru_cache(maxsize=None)
def attribute(name: str) -> dict[str, int]:
    """Return the attribute `subscribable` of a resource (its row); {} where that is 0, the default."""
    value = of(name)
    return {"subscribable": int(value)} if value else {}


class Watch(NamedTuple):
    """Which changes concern a subscription: see models.Subscription. Without `viewer_device` (the number of a
    device) it is the subscriber who has to see what has changed."""
    watched: Href
    active_only: bool = False
    only_audience: str = ""
    viewer_device: int = 0


def watch(href: Href, match: Match) -> Watch:
    """Return which changes concern a subscription to a resource."""
    row = match.row
    if row.name in READINGS:
        return Watch(f"{href.partition('/rs')[0]}/rs")
    if row.of is None:
        return Watch(href)
    source = table.rows[row.of].path
    if row.name.startswith("Active"):
        return Watch(f"{table.parent(href)}/{source.rpartition('/')[2]}", active_only=True)
    if "vder" in match.parameters:
        return Watch(source, only_audience=vder_audience(match.parameters["vder"]))
    return Watch(source, viewer_device=match.parameters["device"])
