"""The ratings of DERs as they are used: what devices report, or what operators set in place of it."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from server.audit import audited
from server.devices import enrolment
from server.errors import Refused
from server.grid.fleet import derstates, ratingoverrides
from server.grid.fleet.results import DerRatings
from server.models import DerState, Device, RatingOverride
from server.resources import sql, store
from server.units import Lfdi, WattHours, Watts, WattsPerSecond


def ratings(device: Device) -> list[DerRatings]:
    """Return what is used of each DER of a device."""
    rows: list[DerRatings] = []
    for row in DerState.select().where(DerState.device == device).order_by(DerState.href):
        rows.append({
            "der": int(row.href.rpartition("/")[2]),
            "max_injection_w": row.max_injection_w,
            "max_absorption_w": row.max_absorption_w,
            "capacity_wh": row.capacity_wh,
            "soc": row.soc,
            "overridden": ", ".join(ratingoverrides.of(row.href)),
            "implausible": "; ".join(filter(None, (row.implausible, row.implausible_soc))),
        })
    return rows


def gradients(lfdis: Iterable[Lfdi]) -> dict[Lfdi, WattsPerSecond]:
    """Return how fast devices change their power, as far as they have reported it (setGradW)."""
    return dict(sql.among(
        "SELECT d.lfdi, sum(u.ramp_w_per_s) FROM der_state u JOIN device d ON d.id = u.device_id "
        "WHERE d.lfdi IN ({}) AND u.ramp_w_per_s IS NOT NULL GROUP BY d.lfdi", lfdis))


def _state(device: Device) -> dict[str, Any]:
    overrides = RatingOverride.select().where(RatingOverride.device == device).order_by(RatingOverride.href)
    return {"lfdi": device.lfdi, "name": device.name,
            "ratings": {row.href: ratingoverrides.of(row.href) for row in overrides}}


@audited("device rate", "{lfdi} {name}", state=_state)
def rate(device: Device, der: int, ratings: dict[str, Watts | WattHours | None]) -> None:
    """Use these ratings of a DER (its number) of a device, whatever it reports; None: what it reports.

    Refused (404) where the device has no such DER.
    """
    href = _href(device, der)
    with store.transaction(href):
        if store.get(href) is None:
            raise Refused(404, f"{device.name or device.lfdi} has no DER {der}")
        ratingoverrides.save(href, device.id, ratings)
        derstates.refresh(href)


def _href(device: Device, der: int) -> str:
    return f"{enrolment.href(device)}/der/{der}"
