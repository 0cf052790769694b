"""Quotas: how much one device may store, so that it harms nobody else and no request gets slower with time.

The column `quota` of a list in `schemas/*.toml` names the setting, without its prefix `quota_`; other lists
to which devices post have `quota_items`. What is stored counts on the device that it is for, so an aggregator
may store as much as its devices together. What exceeds a quota is refused, and an alarm is raised.
"""
from __future__ import annotations

from server.config import settings
from server.errors import Refused
from server.resources import documents, sql, table
from server.resources.codes import ReasonCode
from server.resources.hooks import Change
from server.units import Lfdi

UNLIMITED = "-"  # in the column `quota`: the function set itself limits the list
ALARM = "quota"
STORED_FROM = 4096  # bytes: what is smaller is bounded by the numbers of items


class OverQuota(Refused):
    """A device stores, or sends, more than its quota; `lfdi` is the device.

    413 where a mirror or a document is too much, 429 with Retry-After where it is too often, else 403.
    """

    def __init__(self, status: int, lfdi: Lfdi, why: str, **headers: str):
        super().__init__(status, why, **headers)
        self.lfdi = lfdi
        self.reason_code = ReasonCode.LIMIT if status == 403 else None


def check_new_item(change: Change, list_href: str) -> None:
    """Check that a device may add an item to a list. OverQuota where it may not."""
    match = table.match(list_href)
    assert match is not None, list_href
    quota = match.row.quota or "items"
    if change.caller is None or quota == UNLIMITED:
        return
    most = limit(quota)
    lfdi = change.audience or change.caller.lfdi
    if stored(list_href, lfdi) >= most:
        status = 413 if change.kind == "MirrorUsagePoint" else 403
        why = f"{change.kind}: {list_href} has {most} of yours already, which is the most"
        raise OverQuota(status, lfdi, f"{why}. Delete one that you no longer need.")


def is_full(list_href: str, count: int, lfdi: Lfdi) -> bool:
    """Return whether a device may add nothing to a list, of which it sees `count` items.

    False for an aggregator, which may add items for others.
    """
    match = table.match(list_href)
    assert match is not None, list_href
    most = limit(match.row.quota or "items")
    full = count >= most and stored(list_href, lfdi) >= most
    return full and sql.row("SELECT 1 FROM device WHERE manager = ? LIMIT 1", lfdi) is None


def limit(quota: str) -> int:
    """Return the value of the setting `quota_…`."""
    return int(getattr(settings, f"quota_{quota}"))


def stored(list_href: str, lfdi: Lfdi) -> int:
    """Return how many items of a list belong to a device."""
    return int(sql.row(f"SELECT count(*) FROM document WHERE {documents.OWN}", list_href, lfdi)[0])


def check_bytes(lfdi: Lfdi, href: str, size: int) -> None:
    """Check that a device may store a document whose data has this length. OverQuota where it may not.

    Only documents of STORED_FROM bytes and more are added up, by an index of their own.
    """
    if size < STORED_FROM:
        return
    others = sql.row("SELECT coalesce(sum(length(submitted)), 0) FROM document WHERE audience = ? "
                     f"AND length(submitted) >= {STORED_FROM} AND href <> ?", lfdi, href)[0]
    if others + size > settings.quota_device_bytes:
        raise OverQuota(413, lfdi, f"{href}: with this document you would store more than "
                                   f"{settings.quota_device_bytes} bytes. Shorten it, or delete another.")
