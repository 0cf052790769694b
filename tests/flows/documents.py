"""Documents that a device of these flows sends."""
from __future__ import annotations

from server import clock
from server.resources import codec

SEP_XML = {"Content-Type": "application/sep+xml"}
_METER = 7 << 32


def log_event(number: int) -> bytes:
    """Return a LogEvent with this number in its details."""
    return codec.encode(
        "LogEvent",
        {
            "createdDateTime": clock.now(),
            "details": str(number),
            "functionSet": 11,
            "logEventCode": 0,
            "logEventID": number % 65536,
            "logEventPEN": 40732,
            "profileID": 2,
        },
    )


def status(at: int) -> bytes:
    """Return a DERStatus with this readingTime."""
    return codec.encode("DERStatus", {"readingTime": at})


def mirror(number: int, lfdi: str) -> bytes:
    """Return the MirrorUsagePoint of a device, with one meter."""
    return codec.encode(
        "MirrorUsagePoint",
        {
            "mRID": f"{number:032X}",
            "roleFlags": "0049",
            "serviceCategoryKind": 0,
            "status": 1,
            "deviceLFDI": lfdi,
            "MirrorMeterReading": [{"mRID": f"{_METER + number:032X}", "ReadingType": {"uom": 38}}],
        },
    )


def reading(number: int, start: int) -> bytes:
    """Return a reading of that meter."""
    period = {"duration": 1, "start": start}
    return codec.encode("MirrorMeterReading", {"mRID": f"{_METER + number:032X}",
                                               "Reading": {"timePeriod": period, "value": start % 1000}})
