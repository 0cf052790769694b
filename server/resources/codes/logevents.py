"""What LogEvents say: names of the codes of IEEE 2030.5 within their function sets.

Those of the text of 2018 that are known here: of the general set and of the network (9.5, 9.6, tables 32 and
34), of configuration (9.7), security (6.10, table 13) and the server itself (8.4, table 20, whose function
set has a number since 2023), of flow reservation (10.9.4, likewise), of time, and the alarms of DERs (CSIP,
table 14).
"""
from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from server.resources.codes.control import Alarm
from server.resources.codes.devices import LogFunctionSet, LogProfile

PEN_2030_5 = 40732  # the enterprise number of IEEE 2030.5, which its own LogEvents carry


class SecurityEvent(IntEnum):
    """Codes of the function set security."""
    TLS_ALERT = 0
    REGISTRATION_MISS = 1
    ACCESS_FAILED = 2


class SelfDeviceEvent(IntEnum):
    """Codes of the function set self device."""
    INVALID_WRITE = 0


class FlowReservationEvent(IntEnum):
    """Codes of the function set flow reservation."""
    SCHEDULING_ERROR = 0


class TimeEvent(IntEnum):
    """Codes of the function set time."""
    ADJUSTED = 0


def _pairs(names: list[str]) -> dict[int, str]:
    """What begins at even codes, and is over at the next."""
    return {code + over: f"{name}{' is over' if over else ''}"
            for number, name in enumerate(names) for code in [2 * number] for over in (0, 1)}


def _links(names: list[str]) -> dict[int, str]:
    return {2 * number + left: f"{name} {'left' if left else 'joined'}"
            for number, name in enumerate(names) for left in (0, 1)}


NAMES: Mapping[int, Mapping[int, str]] = {
    LogFunctionSet.GENERAL: _pairs(["hardware fault", "software fault"]),
    LogFunctionSet.DER: _pairs([str(alarm.name).lower().replace("_", " ") for alarm in Alarm]),
    LogFunctionSet.TIME: {TimeEvent.ADJUSTED: "time adjusted"},
    LogFunctionSet.NETWORK_STATUS: _links(["network", "Ethernet", "wireless LAN", "802.15.4", "power line"]),
    LogFunctionSet.CONFIGURATION: {0: "configuration updated"},
    LogFunctionSet.SECURITY: {
        SecurityEvent.TLS_ALERT: "TLS alert", SecurityEvent.REGISTRATION_MISS: "not registered",
        SecurityEvent.ACCESS_FAILED: "access refused"},
    LogFunctionSet.FLOW_RESERVATION: {FlowReservationEvent.SCHEDULING_ERROR: "nothing could be granted"},
    LogFunctionSet.SELF_DEVICE: {SelfDeviceEvent.INVALID_WRITE: "write to the server's own resources"},
}
"""The names of codes by function set, of profile IEEE 2030.5."""

TLS_ALERTS: Mapping[int, str] = {
    10: "unexpected message", 20: "bad record MAC", 22: "record overflow", 40: "handshake failure",
    42: "bad certificate", 43: "unsupported certificate", 44: "certificate revoked",
    45: "certificate expired", 46: "certificate unknown", 47: "illegal parameter",
    48: "unknown certificate authority", 49: "access denied", 50: "decode error", 51: "decrypt error",
    70: "protocol version", 71: "insufficient security", 80: "internal error", 86: "inappropriate fallback",
    109: "missing extension", 112: "unrecognized name", 116: "certificate required",
    120: "no application protocol"}
"""The names of fatal TLS alerts by number (RFC 5246, 7.2; the registry of TLS alerts)."""


def profile(number: int) -> str:
    """Return the name of a profileID."""
    return _name(LogProfile, number)


def function_set(profile_id: int, number: int) -> str:
    """Return the name of a function set; its number in other profiles than IEEE 2030.5."""
    return _name(LogFunctionSet, number) if profile_id == LogProfile.IEEE_2030_5 else str(number)


def event(profile_id: int, function_set_id: int, code: int, event_id: int = 0) -> str:
    """Return what a LogEvent says; "" where its code has no name here. The ID of a TLS alert says which."""
    if profile_id != LogProfile.IEEE_2030_5:
        return ""
    name = NAMES.get(function_set_id, {}).get(code, "")
    if (function_set_id, code) == (LogFunctionSet.SECURITY, SecurityEvent.TLS_ALERT):
        return f"{name}: {TLS_ALERTS.get(event_id, f'number {event_id}')}"
    return name


def _name(codes: type[IntEnum], number: int) -> str:
    return codes(number).name.lower().replace("_", " ") if number in [*codes] else str(number)
