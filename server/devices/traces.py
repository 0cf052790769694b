"""What an operator sees of a device's last exchanges with the server."""
from __future__ import annotations

import time
from typing import TypedDict

from server import clock, scopes
from server.audit import audited
from server.config import settings
from server.devices import enrolment, exchanges, identity, processes
from server.errors import Refused
from server.models import Device, DeviceExchange, DeviceTrace
from server.resources import sql
from server.units import Instant, Lfdi, Seconds

WAIT_S = 8.0  # for processes that run, to tell what they have in memory
LOOK_S = 0.2


class ExchangeRow(TypedDict):
    """A request of a device and its answer. `size` is that of the answer's body in bytes, `reason` why it was
    refused. Bodies are null unless they were switched on (`device trace on --bodies`)."""
    at: Instant
    method: str
    href: str
    status: int
    size: int
    duration_ms: float
    reason: str
    request_body: str | None
    answer_body: str | None


class TraceRow(TypedDict):
    """A device whose exchanges are all kept, until when, and whether with bodies."""
    device: str
    lfdi: Lfdi
    until: Instant | None
    bodies: bool


def lfdi_of(name: str) -> Lfdi:
    """Return the LFDI of an enrolled device by LFDI, SFDI, number or name, or an LFDI that is not enrolled:
    why it is refused is of interest as well. Refused (404) for anything else."""
    try:
        return str(enrolment.find(name).lfdi)
    except Refused:
        plain = name.replace("-", "").upper()
        if not identity.is_lfdi(plain) or scopes.top() is not None:
            raise  # whose rights end sees no device that is enrolled elsewhere
        return plain


def last(name: str, limit: int = exchanges.KEPT) -> list[ExchangeRow]:
    """Return the last exchanges of a device, the newest first.

    The processes of the device interface that run are asked for what they have in memory, and waited for, for
    a few seconds. Refused (409) where traces are switched off.
    """
    lfdi = lfdi_of(name)
    _check_on()
    if processes.running():
        _ask(lfdi)
    query = DeviceExchange.select().where(DeviceExchange.lfdi == lfdi)
    rows = query.order_by(DeviceExchange.at.desc(), DeviceExchange.id.desc())
    return [{"at": int(row.at), "method": row.method, "href": row.href, "status": row.status,
             "size": row.size, "duration_ms": row.duration_ms, "reason": row.reason,
             "request_body": row.request_body, "answer_body": row.answer_body} for row in rows.limit(limit)]


def _check_on() -> None:
    if not settings.trace_exchanges:
        raise Refused(409, "exchanges of devices are not kept: the setting trace_exchanges is 0")


def _ask(lfdi: Lfdi) -> None:
    """Have every process that runs write what it has of a device, and wait until they have."""
    newest, = sql.row("SELECT max(asked_at) FROM device_trace")
    asked_at = max(clock.now(), (newest or 0) + 1)
    DeviceTrace.insert(lfdi=lfdi, asked_at=asked_at).on_conflict(
        conflict_target=[DeviceTrace.lfdi], update={DeviceTrace.asked_at: asked_at}).execute()
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end and any(
            told.get("answered_at", 0) < asked_at for told in processes.running().values()):
        time.sleep(LOOK_S)
    DeviceTrace.delete().where((DeviceTrace.lfdi == lfdi) & (DeviceTrace.until == 0)).execute()


def _state(name: str) -> TraceRow:
    lfdi = lfdi_of(name)
    row = DeviceTrace.get_or_none((DeviceTrace.lfdi == lfdi) & (DeviceTrace.until > clock.now()))
    device = Device.get_or_none(Device.lfdi == lfdi)
    return {"device": device.name if device is not None else "", "lfdi": lfdi,
            "until": row.until if row is not None else None,
            "bodies": bool(row is not None and row.bodies)}


@audited("device trace", "{lfdi} {device}", state=_state)
def switch(name: str, duration_s: Seconds, bodies: bool = False) -> TraceRow:
    """Have all exchanges of a device kept for so long, with bodies or without; 0 ends it."""
    _check_on()
    exchanges.switch(lfdi_of(name), duration_s, bodies)
    return _state(name)
