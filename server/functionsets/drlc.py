"""Demand response: what devices are told of programs, what they say of their load, and how they answer
(IEEE 2030.5-2018, 10.3; the schema's words on LoadShedAvailability and DrResponse)."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from server.errors import Refused
from server.models import Document
from server.resources import ordering, retrieve, store
from server.resources.codes import ApplianceLoadReduction, ReductionUnit
from server.resources.hooks import Change, before

Data = dict[str, Any]
COLDEST = -27315  # hundredths of a degree Celsius
FULL_PERCENT, FULL = 100, 10_000
# What an action may say, as paths inside an EndDeviceControl or a DrResponse: least and most. The schema
# bounds none.
_RANGES = {
    "DutyCycle/normalValue": (0, FULL_PERCENT),
    "Offset/loadAdjustmentPercentageOffset": (0, FULL),
    "SetPoint/heatingSetpoint": (COLDEST, 32767),
    "SetPoint/coolingSetpoint": (COLDEST, 32767),
    "ApplianceLoadReduction/type": (min(ApplianceLoadReduction), max(ApplianceLoadReduction)),
    "TargetReduction/type": (min(ReductionUnit), max(ReductionUnit)),
    "AppliedTargetReduction/type": (min(ReductionUnit), max(ReductionUnit)),
}


def faults(data: Data) -> list[str]:
    """What is wrong with the actions in an EndDeviceControl or a DrResponse, by place."""
    found = [f"{path}: {least} to {most} are possible, not {value}" for path, (least, most) in _RANGES.items()
             if (value := ordering.value_at(data, path)) is not None and not least <= value <= most]
    for name in ("Offset", "SetPoint"):
        if name in data and not data[name]:
            found.append(f"{name}: it says nothing")
    points = data.get("SetPoint", {})
    if points.get("heatingSetpoint", COLDEST) > points.get("coolingSetpoint", 32767):
        found.append("SetPoint: heating would go on above the temperature at which cooling starts")
    return found


@before("POST", "EndDeviceControl")
def _sound(change: Change) -> None:
    _refuse(change.kind, faults(change.data))


def _refuse(kind: str, wrong: Iterable[str]) -> None:
    for why in wrong:
        raise Refused(400, f"{kind}/{why}")


# --- what a device says ---------------------------------------------------------------------------

@before("POST", "LoadShedAvailability")
@before("PUT", "LoadShedAvailability")
def _of_a_program_it_sees(change: Change) -> None:
    """It speaks of a program that the device follows, if of any; said again of the same, it is the same
    one."""
    program = change.data.get("DemandResponseProgramLink", {}).get("href")
    if change.caller is None:
        return
    seen = retrieve.single(program, change.caller.lfdi) if program else None
    if program and (seen is None or seen.kind != "DemandResponseProgram"):
        raise Refused(
            400, f"LoadShedAvailability/DemandResponseProgramLink: there is no program {program} for you"
        )
    for known in Document.select().where(
        (Document.kind == change.kind) & (Document.audience == change.audience)
    ):
        if (
            change.method == "POST"
            and known.submitted.get("DemandResponseProgramLink", {}).get("href") == program
        ):
            change.href, change.old = known.href, known.submitted


@before("POST", "DrResponse")
def _answer_to_a_load_control(change: Change) -> None:
    """What was really done has to be possible, and no override is longer than the event."""
    data = change.data
    event = store.find(data["subject"], "EndDeviceControl")
    wrong = faults(data)
    if event is not None:
        said = event.submitted
        longest = said["interval"]["duration"] + max(0, said.get("randomizeDuration", 0))
        if data.get("overrideDuration", 0) > longest:
            wrong.append(f"overrideDuration: the event lasts {longest} s, not {data['overrideDuration']}")
    _refuse(change.kind, wrong)
