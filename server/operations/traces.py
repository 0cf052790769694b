"""`trace` and `device trace`: a device's last exchanges with the server."""
from __future__ import annotations

from typing import Annotated

from server.devices import exchanges, traces
from server.devices.traces import ExchangeRow, TraceRow
from server.operations import devicefiles
from server.operations.declaration import Arg, DeviceName, Group, Role
from server.operations.devices import device
from server.units import Seconds

trace_group = Group("trace")
GROUPS = (*devicefiles.GROUPS, trace_group)
switches = device.group("trace", "Keep all exchanges of a device for a while; `trace DEVICE` shows them.")


@trace_group.operation("", role=Role.VIEWER, in_subtree=True)
def trace(
    device: DeviceName,
    *,
    limit: Annotated[int, Arg("The newest so many.", least=1, most=exchanges.KEPT, option="n/lines")] = 20,
) -> list[ExchangeRow]:
    """Show the last exchanges of a device with the server, the newest first: what it asked, how it was
    answered, and why it was refused.

    An LFDI that is not enrolled can be traced too. What was refused is kept for `trace_days`; of the others
    the server has the newest of all devices (`trace_exchanges`), and those of devices that are traced.
    """
    return traces.last(device, limit)


@switches.operation("on", role=Role.OPERATOR)
def switch_on(
    device: DeviceName,
    *,
    duration_s: Annotated[Seconds, Arg("For how long.", least=60, most=86400, option="for")] = 900,
    bodies: Annotated[bool, Arg("Keep the documents, too; a PIN is left out.")] = False,
) -> TraceRow:
    """Keep all exchanges of a device for a while."""
    return traces.switch(device, duration_s, bodies)


@switches.operation("off", role=Role.OPERATOR)
def switch_off(device: DeviceName) -> TraceRow:
    """End that before its time."""
    return traces.switch(device, 0)
