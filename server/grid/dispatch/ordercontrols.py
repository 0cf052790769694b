"""The DERControls that carry an allocation out: one for the group, or one for each device."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peewee import chunked

from server.grid.controls import dercontrols
from server.grid.dispatch.allocation import GroupAllocation
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.groups import singledevices
from server.models import Device, VirtualDER
from server.units import Href, Instant, Lfdi

Progress = Callable[[int, int], None]
_CHUNK = 200  # parameters in one statement
_DESCRIPTION_CHARACTERS = 32  # String32


def publish_controls(
    vder: VirtualDER,
    allocated: GroupAllocation,
    request: OrderRequest,
    start: Instant,
    progress: Progress | None = None,
) -> dict[Lfdi, Href]:
    """Publish the DERControls of an allocation from `start` on; return the href of each device's.

    Members without a control of their own are left out. `progress(done, total)` is called after each control
    of a single device.
    """
    fields: dict[str, Any] = {
        "start": start,
        "duration_s": request.duration_s,
        "ramp_s": request.ramp_s,
        "randomize_start": request.randomize_s,
        "randomize_duration": request.randomize_s,
        "description": request.reason[:_DESCRIPTION_CHARACTERS],
    }
    if allocated.base is not None:
        href = dercontrols.publish(vder.program, allocated.base, **fields)
        return {part.member.lfdi: href for part in allocated.parts}
    base_of = {part.member.lfdi: part.base for part in allocated.parts if part.base is not None}
    hrefs: dict[Lfdi, Href] = {}
    for lfdis in chunked(base_of, _CHUNK):
        devices = list(Device.select().where(Device.lfdi.in_(lfdis)))
        single_vders = singledevices.ensure(devices, vder.primacy)
        programs = {device.lfdi: single_vders[device.id].program for device in devices}
        for lfdi in lfdis:
            hrefs[lfdi] = dercontrols.publish(programs[lfdi], base_of[lfdi], **fields)
            if progress is not None:
                progress(len(hrefs), len(base_of))
    return hrefs
