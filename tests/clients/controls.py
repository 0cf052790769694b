"""DERControls as a server lists them, said in few words."""
from __future__ import annotations

from typing import Any

from clients.events.events import Event, program_events

ALL = frozenset({"opModConnect", "opModMaxLimW", "opModFixedW", "opModTargetW", "opModVoltVar"})
LFDI = "3E4F45AB31EDFE5B67E343E5E4562E31984E23E5"


def mrid(name: str) -> str:
    """`a` as an mRID."""
    return name.encode().hex().upper().zfill(32)


def control(name: str, start: int, duration: int, created: int = 0, status: int = 0, since: int = 0,
            required: str = "03", **elements: Any) -> dict[str, Any]:
    """A DERControl called `name`; modes and other elements of it in `said` (opModMaxLimW=5000 where nothing
    is)."""
    other = {key: elements.pop(key) for key in list(elements) if not key.startswith(("opMod", "rampTms"))}
    return {"mRID": mrid(name), "creationTime": created, "interval": {"start": start, "duration": duration},
            "EventStatus": {"currentStatus": status, "dateTime": since, "potentiallySuperseded": False},
            "replyTo": "/rsps/1/rsp", "responseRequired": required,
            "DERControlBase": elements or {"opModMaxLimW": 5000}} | other


def events(*controls: dict[str, Any], program: str = "/derp/1", primacy: int = 1, lfdi: str = LFDI,
           category: int = 1 << 21) -> list[Event]:
    """What a device sees of one program."""
    return program_events(program, primacy, controls, lfdi, category)
