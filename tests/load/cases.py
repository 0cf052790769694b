"""The requests that are measured, and their targets."""
from __future__ import annotations

import time
from typing import NamedTuple

from server.resources import codec
from tests.load.databases import CONTROLS, Fleet
from tests.load.driver import request
from tests.load.scale.requests import Caller

COUNT = 100  # of values, after which a caller sends the first again
REQUESTS_OF_POLL = 10
NOW = int(time.time())


class Case(NamedTuple):
    """Requests of each caller of a fleet, which it sends in turn. `target`: how many times the CPU time of
    the empty view one may take on SQLite, or None. `is_get`: without a body, so that a static file may
    have its answer."""
    name: str
    requests: list[list[bytes]]
    target: float | None
    is_get: bool


def cases(fleet: Fleet) -> list[Case]:
    """Return the cases on persistent connections. Every write has values other than the last."""
    gets = [("GET DeviceCapability", "/dcap", 1.5), ("GET EndDeviceList", "/edev?l=10", 1.5),
            ("GET DERProgramList", "/derp?l=10", 1.5)]
    gets += [(f"GET DERControlList, {count} control{'s' * (count > 1)}",
              f"{fleet.programs[count]}/derc?l=255", 1.5 if count <= 10 else 3.0) for count in CONTROLS]
    writes = [("PUT DERStatus", [statuses(caller) for caller in fleet.callers]),
              ("POST MirrorMeterReading", [readings(*mirror) for mirror in _mirrors(fleet)])]
    return [*(Case(name, [[request("GET", path)]] * len(fleet.callers), target, True)
              for name, path, target in gets),
            *(Case(name, requests, 6.0, False) for name, requests in writes)]


def polls(fleet: Fleet) -> list[list[bytes]]:
    """Return for each caller the requests of its polls, each of eight GETs, a PUT and a POST."""
    return [_polls(caller, mirror, quantity, fleet.programs[CONTROLS[1]])
            for caller, (mirror, quantity) in zip(fleet.callers, _mirrors(fleet), strict=True)]


def _polls(caller: Caller, mirror: str, quantity: str, program: str) -> list[bytes]:
    gets = [request("GET", path) for path in (
        "/dcap", "/tm", "/edev?l=10", f"/edev/{caller.number}/fsa?l=10", "/derp?l=10", f"{program}/derc?l=10",
        f"{program}/dderc", f"/edev/{caller.number}/der?l=10")]
    return [data for status, reading in zip(statuses(caller), readings(mirror, quantity), strict=True)
            for data in (*gets, status, reading)]


def _mirrors(fleet: Fleet) -> list[tuple[str, str]]:
    """Return the href of each caller's mirror, and the mRID of what it measures."""
    return [(caller.mirror, mrid) for caller, mrid in zip(fleet.callers, fleet.quantities, strict=True)]


def statuses(caller: Caller, count: int = COUNT) -> list[bytes]:
    """Return PUTs of DERStatus, each with other values."""
    return [request("PUT", f"/edev/{caller.number}/der/1/ders", codec.encode("DERStatus", {
        "genConnectStatus": {"dateTime": NOW, "value": "07"}, "inverterStatus": {"dateTime": NOW, "value": 3},
        "operationalModeStatus": {"dateTime": NOW, "value": 2}, "readingTime": NOW - number,
        "stateOfChargeStatus": {"dateTime": NOW, "value": number}})) for number in range(count)]


def readings(mirror: str, quantity: str, count: int = COUNT) -> list[bytes]:
    """Return POSTs to a mirror, each of one reading of five minutes."""
    return [request("POST", mirror, codec.encode("MirrorMeterReading", {
        "mRID": quantity,
        "Reading": {"timePeriod": {"start": NOW - 300 * (count - number), "duration": 300}, "value": number},
    })) for number in range(count)]
