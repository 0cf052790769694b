"""What cars will leave without, as the plan in force reckons it. Energy in Wh.

It is written down with the session of each car, before it happens and after it has. NULL where nothing is
unmet.
"""
from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from server.models import VirtualDER
from server.resources import sql
from server.units import Href, Instant, WattHours

NEGLIGIBLE_WH = 10.0  # less is rounding of powers and of steps


class UnmetNeed(NamedTuple):
    """The energy that a car will leave without, and why."""
    energy_wh: WattHours
    reason: str


class UnmetSession(NamedTuple):
    """A session that will be left short: the device's name, when its car leaves, what it will lack, and
    why."""
    device: str
    departure_at: Instant
    unmet_wh: WattHours
    reason: str


def record(requests: Collection[Href], needs: Mapping[Href, UnmetNeed]) -> None:
    """Record what the sessions of these requests (hrefs) will lack, in place of what was recorded before;
    those without one in `needs` lack nothing."""
    before = {href: (unmet_wh, reason) for href, unmet_wh, reason in sql.among(
        "SELECT href, unmet_wh, unmet_reason FROM charging_session WHERE href IN ({})", requests)}
    rows = []
    for href, recorded in before.items():
        need = needs.get(href)
        values: tuple[float | None, str | None] = (None, None)
        if need is not None and need.energy_wh >= NEGLIGIBLE_WH:
            values = float(round(need.energy_wh)), need.reason
        if values != recorded:
            rows.append((*values, href))
    sql.many("UPDATE charging_session SET unmet_wh = ?, unmet_reason = ? WHERE href = ?", rows)


def of_session(request: Href) -> tuple[WattHours | None, str]:
    """Return what the session of a request will lack, None where nothing, and why."""
    row = sql.row("SELECT unmet_wh, unmet_reason FROM charging_session WHERE href = ?", request)
    return (row[0], row[1] or "") if row else (None, "")


def of_vder(vder: VirtualDER, at: Instant) -> list[UnmetSession]:
    """Return the sessions of a virtual DER's members that are not over at `at` and will be left short, the
    greatest lack first."""
    return [UnmetSession(*row) for row in sql.rows(
        "SELECT d.name, v.departure_at, v.unmet_wh, v.unmet_reason FROM charging_session v "
        "JOIN device d ON d.id = v.device_id JOIN membership m ON m.device_id = v.device_id "
        "WHERE m.vder_id = ? AND v.departure_at > ? AND v.unmet_wh IS NOT NULL AND NOT v.cancelled "
        "ORDER BY v.unmet_wh DESC, v.href", vder.id, at)]
