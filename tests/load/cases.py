"""The requests that are measured, and their targets."""
from __future__ import annotations

import time
from typing import NamedTuple

from server.resources import codec
from tests.load.driver import request

CONTROLS = (1, 10, 100)
COUNT = 2000
NOW = int(time.time())


class Case(NamedTuple):
    """Requests and their target: how many times the CPU time of the empty view they may take, or None."""
    name: str
    requests: list[bytes]
    target: float | None


def cases(device: int, mirror: str) -> list[Case]:
    """Return the cases of device number `device` on a persistent connection. Every write has new values."""
    get = [("GET DeviceCapability", "/dcap", 1.5), ("GET EndDeviceList", "/edev?l=10", 1.5),
           ("GET DERProgramList", "/derp?l=10", 1.5)]
    get += [
        (
            f"GET DERControlList, {count} controls",
            f"/derp/{2 + index}/derc?l=255",
            1.5 if count <= 10 else 3.0,
        )
        for index, count in enumerate(CONTROLS)
    ]
    return [
        *(Case(name, [request("GET", path)], target) for name, path, target in get),
        Case("PUT DERStatus", statuses(device), 6.0),
        Case("POST MirrorMeterReading", readings(mirror), 6.0),
    ]


def statuses(device: int) -> list[bytes]:
    """Return PUTs of DERStatus, each with other values."""
    return [request("PUT", f"/edev/{device}/der/1/ders", codec.encode("DERStatus", {
        "genConnectStatus": {"dateTime": NOW, "value": "07"}, "inverterStatus": {"dateTime": NOW, "value": 3},
        "operationalModeStatus": {"dateTime": NOW, "value": 2}, "readingTime": NOW - number,
        "stateOfChargeStatus": {"dateTime": NOW, "value": number}})) for number in range(COUNT)]


def mirror(lfdi: str, number: int) -> bytes:
    """Return a POST of a MirrorUsagePoint with one quantity, watts."""
    return request(
        "POST",
        "/mup",
        codec.encode(
            "MirrorUsagePoint",
            {
                "mRID": f"A{number:X}",
                "deviceLFDI": lfdi,
                "roleFlags": "49",
                "serviceCategoryKind": 0,
                "status": 1,
                "MirrorMeterReading": [
                    {"mRID": f"B{number:X}", "ReadingType": {"uom": 38, "powerOfTenMultiplier": 0}}
                ],
            },
        ),
    )


def readings(mirror: str) -> list[bytes]:
    """Return POSTs of one reading each. `mirror` is the href and the number of the device."""
    href, _, device = mirror.partition(" ")
    return [
        request(
            "POST",
            href,
            codec.encode(
                "MirrorMeterReading",
                {
                    "mRID": f"B{int(device):X}",
                    "Reading": {"timePeriod": {"start": NOW - number, "duration": 1}, "value": number},
                },
            ),
        )
        for number in range(COUNT)
    ]


def poll(device: int, mirror: str) -> list[bytes]:
    """Return the requests of one poll of a device: eight GETs, a PUT, a POST."""
    paths = (
        "/dcap",
        "/tm",
        "/edev?l=10",
        f"/edev/{device}/fsa?l=10",
        "/derp?l=10",
        "/derp/3/derc?l=10",
        "/derp/3/dderc",
        f"/edev/{device}/der?l=10",
    )
    return [*(request("GET", path) for path in paths), statuses(device)[0], readings(mirror)[0]]
