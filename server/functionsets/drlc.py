"""Demand response and load control: the checks of events, LoadShedAvailability and DrResponse.

Sources: IEEE 2030.5-2018, 10.3, and the schema's definitions of these types.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from server.errors import Refused
from server.models import Document
from server.resources import ordering, retrieve, store
from server.resources.codes import ApplianceLoadReduction, ReductionUnit
from server.resources.hooks import Change, before
from server.resources.quantities import FULL

Data = dict[str, Any]
ABSOLUTE_ZERO = -27315  # hundredths of a degree Celsius
_INT16 = 32767
# The least and greatest value of an action, by its path in an EndDeviceControl or a DrResponse. The schema
# limits none of them.
_RANGES: dict[str, tuple[int, int]] = {
    "DutyCycle/normalValue": (0, 100),
    "Offset/loadAdjustmentPercentageOffset": (0, FULL),
    "SetPoint/heatingSetpoint": (ABSOLUTE_ZERO, _INT16),
    "SetPoint/coolingSetpoint": (ABSOLUTE_ZERO, _INT16),
    "ApplianceLoadReduction/type": (min(ApplianceLoadReduction), max(ApplianceLoadReduction)),
    "TargetReduction/type": (min(ReductionUnit), max(ReductionUnit)),
    "AppliedTargetReduction/type": (min(ReductionUnit), max(ReductionUnit)),
}


def faults(data: Data) -> list[str]:
    """Return what is wrong with the actions of an EndDeviceControl or a DrResponse, with the paths."""
    sentences = []
    for path, (least, most) in _RANGES.items():
        value = ordering.value_at(data, path)
        if value is not None and not least <= value <= most:
            sentences.append(f"{path}: {least} to {most} are possible, not {value}")
    for name in ("Offset", "SetPoint"):
        if name in data and not data[name]:
            sentences.append(f"{name}: it is empty")
    points = data.get("SetPoint", {})
    if points.get("heatingSetpoint", ABSOLUTE_ZERO) > points.get("coolingSetpoint", _INT16):
        sentences.append("SetPoint: heating would start above the temperature at which cooling starts")
    return sentences


@before("POST", "EndDeviceControl")
def _check_actions(change: Change) -> None:
    _refuse(change.kind, faults(change.data))


def _refuse(kind: str, sentences: Iterable[str]) -> None:
    for sentence in sentences:
        raise Refused(400, f"{kind}/{sentence}")


# --- what devices submit --------------------------------------------------------------------------

@before("POST", "LoadShedAvailability")
@before("PUT", "LoadShedAvailability")
def _check_program(change: Change) -> None:
    """Refuse (400) a program that the device does not see. A second POST for a program updates the first."""
    href = change.data.get("DemandResponseProgramLink", {}).get("href")
    if change.caller is None:
        return
    program = retrieve.single(href, change.caller.lfdi) if href else None
    if href and (program is None or program.kind != "DemandResponseProgram"):
        raise Refused(
            400, f"LoadShedAvailability/DemandResponseProgramLink: there is no program {href} for you"
        )
    for earlier in Document.select().where(
        (Document.kind == change.kind) & (Document.audience == change.audience)
    ):
        earlier_href = earlier.submitted.get("DemandResponseProgramLink", {}).get("href")
        if change.method == "POST" and earlier_href == href:
            change.href, change.old = earlier.href, earlier.submitted


@before("POST", "DrResponse")
def _check_applied(change: Change) -> None:
    """Refuse (400) actions that are impossible, and an override that lasts longer than the event."""
    data = change.data
    event = store.find(data["subject"], "EndDeviceControl")
    sentences = faults(data)
    if event is not None:
        control = event.submitted
        longest_s = control["interval"]["duration"] + max(0, control.get("randomizeDuration", 0))
        override_s = data.get("overrideDuration", 0)
        if override_s > longest_s:
            sentences.append(f"overrideDuration: the event lasts {longest_s} s, not {override_s}")
    _refuse(change.kind, sentences)
