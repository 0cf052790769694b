"""How often devices shall poll and post: rates for a kind of resource, a device, or both.

The most specific rate applies: the one for this kind and device, then for the device, then for the kind, then
the general one, and else the setting. The few rows are cached for a second, so that every worker process
follows a change.
"""
from __future__ import annotations

import time
from typing import Any

from server.config import settings
from server.models import Rate
from server.units import Lfdi, Seconds

# The lists whose pollRate decides how soon all devices have read an event.
POLLED_LISTS = ("DERProgramList", "DemandResponseProgramList", "FlowReservationResponseList")
_CACHE_S = 1.0
_cache: dict[tuple[str, str, str], Seconds] = {}
_read_at = float("-inf")


def _rates() -> dict[tuple[str, str, str], Seconds]:
    """Return all rates in seconds, by purpose, kind and LFDI."""
    global _cache, _read_at
    if time.monotonic() - _read_at > _CACHE_S:
        _cache = {(rate.purpose, rate.kind, rate.lfdi): rate.interval_s for rate in Rate.select()}
        _read_at = time.monotonic()
    return _cache


def forget() -> None:
    """Empty the cache, so that the rates are read again."""
    global _read_at
    _read_at = float("-inf")


def configured(purpose: str, kind: str, lfdi: Lfdi) -> Seconds | None:
    """Return the rate that an operator has set, None for none. `purpose` is "poll" or "post"."""
    rates = _rates()
    if not rates:
        return None
    for key in ((purpose, kind, lfdi), (purpose, "", lfdi), (purpose, kind, ""), (purpose, "", "")):
        if key in rates:
            return rates[key]
    return None


def any_configured() -> bool:
    """Return whether an operator has set any rate."""
    return bool(_rates())


def with_own_rates() -> set[Lfdi]:
    """Return the devices for which an operator has set a rate."""
    return {lfdi for _, _, lfdi in _rates() if lfdi}


def poll(kind: str, lfdi: Lfdi = "") -> Seconds:
    """Return the seconds between polls of this kind of resource by this device."""
    rate = configured("poll", kind, lfdi)
    return settings.poll_rate if rate is None else rate


def general() -> str:
    """Return the settings that documents are rendered with, as a text that changes with them."""
    return f"{settings.poll_rate} {settings.post_rate} {settings.is_set('post_rate')}"


def defaults(kind: str, audience: str) -> dict[str, Any]:
    """Return the rates that a document has unless it was submitted with others.

    An EndDevice has a postRate only where one is set: clients of drafts of the standard do not expect it, and
    close the connection.
    """
    rates = {"pollRate": poll(kind, audience), "postRate": settings.post_rate}
    if kind == "EndDevice" and not settings.is_set("post_rate"):
        del rates["postRate"]
    return rates


def overrides(kind: str, audience: str) -> dict[str, Any]:
    """Return the rates that replace submitted ones: the utility decides how often devices post."""
    rate = configured("post", kind, audience)
    return {} if rate is None else {"postRate": rate}


def set_rate(purpose: str, kind: str, lfdi: Lfdi, interval_s: Seconds | None) -> None:
    """Set a rate, or remove it (None)."""
    if interval_s is None:
        Rate.delete().where((Rate.purpose == purpose) & (Rate.kind == kind) & (Rate.lfdi == lfdi)).execute()
    else:
        Rate.insert(purpose=purpose, kind=kind, lfdi=lfdi, interval_s=interval_s).on_conflict(
            conflict_target=[Rate.purpose, Rate.kind, Rate.lfdi],
            update={Rate.interval_s: interval_s},
        ).execute()
    forget()
