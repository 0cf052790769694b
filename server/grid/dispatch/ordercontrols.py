"""The DERControls that carry an allocation out: one for the group, or one for each device."""
from __future__ import annotations

from collections.abc import Callable

from peewee import chunked

from server.grid.controls import dercontrols
from server.grid.dispatch.allocation import GroupAllocation
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.groups import singledevices
from server.models import Device, VirtualDER
from server.models.base import CHUNK
from server.units import Href, Instant, Lfdi

Progress = Callable[[int, int], None]
_DESCRIPTION_CHARACTERS = 32  # String32


def publish_controls(
    vder: VirtualDER,
    allocated: GroupAllocation,
    request: OrderRequest,
    start: Instant,
    progress: Progress | None = None,
) -> dict[Lfdi, Href]:
    """Publish the DERControls of an allocation from `start` on; return the href of each device's.

    Members without a control of their own are left out. `progress(done, total)` is called as controls of
    single devices are published, many at once.
    """
    event = dercontrols.event_fields(
        request.duration_s, start, request.randomize_s, request.randomize_s,
        request.reason[:_DESCRIPTION_CHARACTERS]
    )
    if allocated.base is not None:
        href = dercontrols.publish(vder.program, allocated.base, event, ramp_s=request.ramp_s)
        return {part.member.lfdi: href for part in allocated.parts}
    base_of = {part.member.lfdi: part.base for part in allocated.parts if part.base is not None}
    hrefs: dict[Lfdi, Href] = {}
    for lfdis in chunked(base_of, CHUNK):
        devices = list(Device.select().where(Device.lfdi.in_(lfdis)))
        single_vders = singledevices.ensure(devices, vder.primacy)
        program_of = {device.lfdi: single_vders[device.id].program for device in devices}
        controls = dercontrols.publish_all(
            {program_of[lfdi]: base_of[lfdi] for lfdi in lfdis}, event, ramp_s=request.ramp_s)
        hrefs |= {lfdi: controls[program_of[lfdi]] for lfdi in lfdis}
        if progress is not None:
            progress(len(hrefs), len(base_of))
    return hrefs
