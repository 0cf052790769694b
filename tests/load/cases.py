"""What is asked, and what it may cost."""
from __future__ import annotations

import time
from typing import NamedTuple

from server.resources import codec
from tests.load.driver import request

CONTROLS = (1, 10, 100)
SEVERAL = 2000
NOW = int(time.time())


class Case(NamedTuple):
    """`target` is what it may cost, in times the empty view; None where nothing is promised."""
    name: str
    requests: list[bytes]
    target: float | None


def cases(device: int, mirror: str) -> list[Case]:
    """What device number `device` asks over a connection that stays. Every write says something new."""
    get = [("GET DeviceCapability", "/dcap", 1.5), ("GET EndDeviceList", "/edev?l=10", 1.5),
           ("GET DERProgramList", "/derp?l=10", 1.5)]
    get += [
        (f"GET DERControlList, {many} controls", f"/derp/{2 + index}/derc?l=255", 1.5 if many <= 10 else 3.0)
        for index, many in enumerate(CONTROLS)
    ]
    return [
        *(Case(name, [request("GET", path)], target) for name, path, target in get),
        Case("PUT DERStatus", statuses(device), 6.0),
        Case("POST MirrorMeterReading", readings(mirror), 6.0),
    ]


def statuses(device: int) -> list[bytes]:
    """DERStatus, again and again."""
    return [request("PUT", f"/edev/{device}/der/1/ders", codec.encode("DERStatus", {
        "genConnectStatus": {"dateTime": NOW, "value": "07"}, "inverterStatus": {"dateTime": NOW, "value": 3},
        "operationalModeStatus": {"dateTime": NOW, "value": 2}, "readingTime": NOW - number,
        "stateOfChargeStatus": {"dateTime": NOW, "value": number}})) for number in range(SEVERAL)]


def mirror(lfdi: str, number: int) -> bytes:
    """A MirrorUsagePoint with one quantity, watts."""
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
    """Values for it, one at a time. `mirror` ends with the number of the device."""
    href, _, number = mirror.partition(" ")
    return [
        request(
            "POST",
            href,
            codec.encode(
                "MirrorMeterReading",
                {
                    "mRID": f"B{int(number):X}",
                    "Reading": {"timePeriod": {"start": NOW - each, "duration": 1}, "value": each},
                },
            ),
        )
        for each in range(SEVERAL)
    ]


def poll(device: int, mirror: str) -> list[bytes]:
    """All that a device asks when its poll rate has passed: eight GETs, a PUT, a POST."""
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
