"""The events by which blocks are called: TargetReduction and ApplianceLoadReduction for loads, set points for
generators.

Each device gets them through a virtual DER of its own. Where blocks of a device are called at the same time,
an event says what they give together; it supersedes the one before.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from server.grid.controls import dercontrols, drevents
from server.grid.fleet.blockcalls import NewCall
from server.grid.groups import drprograms, singledevices
from server.grid.optimisation.blockterms import GENERATOR, BlockTerms
from server.models import BlockCall, Device, VirtualDER, among
from server.resources import quantities, sql
from server.resources.codes import ApplianceLoadReduction, DeviceCategory, ReductionUnit
from server.resources.quantities import FULL
from server.units import Href, Instant, Watts

_UINT16 = 65_535
_OUTPUT = "SELECT sum(max_injection_w), max(modes) FROM der_state WHERE device_id = ?"


class Segment(NamedTuple):
    """A time for which blocks of a device give so much together."""
    start: Instant
    until: Instant
    power_w: Watts


def segments(calls: Sequence[tuple[Instant, Instant, Watts]], since: Instant) -> Iterator[Segment]:
    """Yield the times from `since` on in which calls (start, until, W) give the same together. Pure."""
    edges = sorted({since, *(edge for start, until, _ in calls for edge in (start, until) if edge > since)})
    for start, until in zip(edges, edges[1:], strict=False):
        power_w = sum(power for begin, end, power in calls if begin <= start and until <= end)
        if power_w > 0:
            yield Segment(start, until, power_w)


def publish(
    primacy: int, calls: Sequence[NewCall], kind_of: Mapping[tuple[int, str], str], reason: str
) -> dict[int, Href]:
    """Publish the events of calls, stronger than `primacy`, in the caller's transaction.

    `kind_of` is by device (number) and block. Returns the first event of each device.
    """
    devices = {device.id: device
               for device in among(Device.select(), Device.id, (call.device for call in calls))}
    if not devices:
        return {}
    singles = singledevices.ensure(list(devices.values()), primacy)
    events: dict[int, Href] = {}
    for device in devices:
        new = [call for call in calls if call.device == device]
        since = min(call.start for call in new)
        running = [(call.start, call.until, call.called_w) for call in BlockCall.select().where(
            (BlockCall.device == device) & (BlockCall.until > since))
            if any(call.start < other.until and other.start < call.until for other in new)]
        together = [*running, *((call.start, call.until, call.called_w) for call in new)]
        publish_one = _set_point if kind_of[device, new[0].block] == GENERATOR else _reduction
        for segment in segments(together, since):
            href = publish_one(singles[device], devices[device], segment, new[0].terms, reason[:32])
            events.setdefault(device, href)
    return events


def _reduction(vder: VirtualDER, device: Device, segment: Segment, terms: BlockTerms, reason: str) -> Href:
    """Publish a load control event for one device."""
    category = drprograms.supporting_devices([device]).get(device.id, drprograms.LOADS)
    fields = dercontrols.event_fields(segment.until - segment.start, segment.start, description=reason)
    data = {**fields, **reduction(category, segment.power_w), "deviceCategory": f"{category:08X}",
            "drProgramMandatory": False, "loadShiftForward": False}
    return drevents.publish(vder, data).href


def reduction(category: int, power_w: Watts) -> dict[str, Any]:
    """Return the action for a load of these DeviceCategoryType bits that shall draw so much less."""
    if category == DeviceCategory.SMART_APPLIANCE:
        return {"ApplianceLoadReduction": {"type": int(ApplianceLoadReduction.TEMPORARY_REDUCTION)}}
    in_kw = power_w > _UINT16
    unit, value = (ReductionUnit.KW, power_w / 1000) if in_kw else (ReductionUnit.W, power_w)
    return {"TargetReduction": {"type": int(unit), "value": int(value)}}


def _set_point(vder: VirtualDER, device: Device, segment: Segment, terms: BlockTerms, reason: str) -> Href:
    """Publish a DERControl for one generator."""
    rated_w, modes = sql.row(_OUTPUT, device.id)
    fields = dercontrols.event_fields(segment.until - segment.start, segment.start, description=reason)
    ramp_s = segment.power_w / terms.ramp_w_per_s if terms.ramp_w_per_s else None
    base = set_point(rated_w or 0.0, modes or "", segment.power_w, terms.island)
    return dercontrols.publish(vder.program, base, fields, ramp_s=ramp_s)


def set_point(rated_w: Watts, modes: str, power_w: Watts, island: bool) -> dict[str, Any]:
    """Return the DERControlBase for a generator of a rating that takes these modes; never above `power_w`.

    One that is an island also leaves the network, if it can be told to.
    """
    if "opModFixedW" in modes.split():
        base: dict[str, Any] = {"opModFixedW": min(int(power_w / max(rated_w, 1.0) * FULL), FULL)}
    else:
        step_w = quantities.step(power_w)
        base = {"opModTargetW": quantities.active_power(int(power_w / step_w), step_w)}
    return {**base, "opModConnect": False} if island and "opModConnect" in modes.split() else base
