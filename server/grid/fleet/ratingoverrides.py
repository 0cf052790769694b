"""Ratings of DERs that operators set, where a device reports wrong ones."""
from __future__ import annotations

from server.models import RatingOverride
from server.resources import sql
from server.units import Href

NAMES = ("max_injection_w", "max_absorption_w", "capacity_wh")
_SELECT = f"SELECT {', '.join(NAMES)} FROM rating_override WHERE href = ?"


def of(der: Href) -> dict[str, float]:
    """Return what is overridden of a DER, by column of DerState."""
    row = sql.row(_SELECT, der)
    return {} if row is None else {
        name: value for name, value in zip(NAMES, row, strict=True) if value is not None}


def save(der: Href, device: int, ratings: dict[str, float | None]) -> None:
    """Set these ratings of a DER of a device (by number); None removes one."""
    kept = {name: value for name, value in {**of(der), **ratings}.items() if value is not None}
    RatingOverride.delete().where(RatingOverride.href == der).execute()
    if kept:
        RatingOverride.insert(href=der, device=device, **kept).execute()
