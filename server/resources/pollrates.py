"""How often devices are asked to poll and to post: by kind of resource, by device, or by both; else the
settings.

The most particular rate wins: one for this kind and device, then for the device, then for the kind. The few
rows are kept in memory and read again after a second, so that every worker process follows a change.
"""
from __future__ import annotations

import time
from typing import Any

from server.config import settings
from server.models import Rate

_FRESH = 1.0
_known: dict[tuple[str, str, str], int] = {}
_read_at = float("-inf")


def _rates() -> dict[tuple[str, str, str], int]:
    global _known, _read_at
    if time.monotonic() - _read_at > _FRESH:
        _known = {(rate.purpose, rate.kind, rate.lfdi): rate.interval_s for rate in Rate.select()}
        _read_at = time.monotonic()
    return _known


def forget() -> None:
    """Read the rates again at the next question."""
    global _read_at
    _read_at = float("-inf")


def configured(what: str, kind: str, lfdi: str) -> int | None:
    """The rate that was set, in seconds; None where none was. `what` is "poll" or "post"."""
    known = _rates()
    if not known:
        return None
    return next(
        (known[what, *key] for key in ((kind, lfdi), ("", lfdi), (kind, "")) if (what, *key) in known), None
    )


def any_configured() -> bool:
    """Whether any rate was set beside the settings."""
    return bool(_rates())


def poll(kind: str, lfdi: str = "") -> int:
    """Seconds between polls of this kind of resource by this device."""
    rate = configured("poll", kind, lfdi)
    return settings.poll_rate if rate is None else rate


def general() -> str:
    """What the settings say of rates, as a text to compare: documents are rendered with it."""
    return f"{settings.poll_rate} {settings.post_rate} {settings.is_set('post_rate')}"


def defaults(kind: str, audience: str) -> dict[str, Any]:
    """The rates that a document carries unless it says otherwise.

    An EndDevice carries a postRate only where somebody has set one: clients of drafts of the standard do not
    know it there, and end the connection.
    """
    rates = {"pollRate": poll(kind, audience), "postRate": settings.post_rate}
    if kind == "EndDevice" and not settings.is_set("post_rate"):
        del rates["postRate"]
    return rates


def overrides(kind: str, audience: str) -> dict[str, Any]:
    """The rates that a document carries whatever it says: the utility decides how often is posted."""
    rate = configured("post", kind, audience)
    return {} if rate is None else {"postRate": rate}


def set_rate(what: str, kind: str, lfdi: str, seconds: int | None) -> None:
    """Set a rate, or take it back (None)."""
    if seconds is None:
        Rate.delete().where((Rate.purpose == what) & (Rate.kind == kind) & (Rate.lfdi == lfdi)).execute()
    else:
        Rate.insert(purpose=what, kind=kind, lfdi=lfdi, interval_s=seconds).on_conflict(
            conflict_target=[Rate.purpose, Rate.kind, Rate.lfdi], update={Rate.interval_s: seconds}).execute()
    forget()
