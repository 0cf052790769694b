"""Values that no calendar or scale holds are refused, in whatever document; their neighbours are taken."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from server.errors import Refused
from server.resources import bulkcodec, codec, ranges, schema
from server.resources.schema import SEP
from server.resources.variants import WHOLE

TIME, MULTIPLIER = ranges.RANGES["TimeType"], ranges.RANGES["PowerOfTenMultiplierType"]
HOUR = ranges.RANGES["OneHourRangeType"]


def status(instant: int) -> bytes:
    return f'<DERStatus xmlns="{SEP}"><readingTime>{instant}</readingTime></DERStatus>'.encode()


def availability(multiplier: int) -> bytes:
    return (f'<DERAvailability xmlns="{SEP}"><readingTime>1</readingTime><statWAvail><multiplier>{multiplier}'
            "</multiplier><value>1</value></statWAvail></DERAvailability>").encode()


def control(randomize_start_s: int) -> bytes:
    status = "<currentStatus>0</currentStatus><dateTime>1</dateTime>" \
        "<potentiallySuperseded>false</potentiallySuperseded>"
    return (f'<DERControl xmlns="{SEP}"><mRID>01</mRID><creationTime>1</creationTime>'
            f"<EventStatus>{status}</EventStatus><interval><duration>1</duration><start>1</start></interval>"
            f"<randomizeStart>{randomize_start_s}</randomizeStart>"
            "<DERControlBase/></DERControl>").encode()


@pytest.mark.parametrize("make, allowed", [(status, TIME), (availability, MULTIPLIER), (control, HOUR)])
def test_the_ends_of_a_range_belong_to_it(make, allowed):
    for value in (allowed.least, allowed.most):
        codec.decode(make(value))
    for value in (allowed.least - 1, allowed.most + 1):
        with pytest.raises(Refused, match=f"line 1: DER.*: {value} is (not|more)") as refused:
            codec.decode(make(value))
        assert refused.value.status == 400


@pytest.mark.parametrize("name, data", [
    ("DERAvailability", {"readingTime": 1, "reservePercent": 10_001}),
    ("DERStatus", {"readingTime": 1, "stateOfChargeStatus": {"dateTime": 1, "value": 65_535}}),
    ("DefaultDERControl", {"mRID": f"{1:032X}", "DERControlBase": {"opModFixedW": -10_001}}),
])
def test_percentages_are_what_devices_say_and_limited_for_operators(name, data):
    read = codec.decode(codec.encode(name, data))[1]
    assert all(read[key] == value for key, value in data.items())
    with pytest.raises(Refused, match="is not a percentage"):
        codec.check_data(name, data)
    with pytest.raises(Refused, match="is not a percentage"):
        bulkcodec.check_all(name, [codec.fragment(name, data, WHOLE)] * 2)


def test_every_interval_ends_within_the_calendar():
    for instant in (TIME.least, TIME.most + ranges.LONGEST_S):
        moment = datetime.fromtimestamp(instant, UTC)
        assert timedelta(days=1) < moment - datetime.min.replace(tzinfo=UTC)
    assert moment.year == 9999


def test_what_operators_write_is_checked_as_well():
    fragment = codec.fragment("DERStatus", {"readingTime": 10**15})
    with pytest.raises(Refused, match="readingTime: 1000000000000000 is not an instant"):
        codec.check("DERStatus", fragment)


def test_the_range_of_a_field_is_that_of_its_type():
    for name, path, expected in (
        ("DERControl", "interval/start", TIME),
        ("MirrorMeterReading", "ReadingType/powerOfTenMultiplier", MULTIPLIER),
        ("FlowReservationRequest", "energyRequested/multiplier", MULTIPLIER),
        ("DERControl", "interval/duration", None),
    ):
        field = schema.type_spec(name).field_at(path)
        assert field is not None and field.range == expected


def message(originator: str) -> dict[str, object]:
    return {"mRID": f"{1:032X}", "creationTime": 1, "interval": {"duration": 1, "start": 1}, "priority": 1,
            "EventStatus": {"currentStatus": 0, "dateTime": 1, "potentiallySuperseded": False},
            "originator": originator, "textMessage": "ü" * 500}


@pytest.mark.parametrize("text", ["x" * 20, "ü" * 10, "€" * 6 + "xx"])
def test_a_text_has_as_many_octets_as_its_type_says(text):
    """The schema's words on String20: in UTF-8, 20 octets, where XML counts characters. A text without a
    length (xs:string) has any."""
    assert codec.decode(codec.encode("TextMessage", message(text)))[1]["originator"] == text
    codec.check_data("TextMessage", message(text))


@pytest.mark.parametrize("text", ["ü" * 11, "€" * 7, "x" * 19 + "ü"])
def test_a_longer_text_is_refused_of_devices_and_of_operators(text):
    document = codec.encode("TextMessage", message(text))
    escaped = document.decode().encode("ascii", "xmlcharrefreplace")
    for body in (document, escaped):
        with pytest.raises(Refused, match=f"TextMessage/originator: '{text}' is longer than 20 octets of"):
            codec.decode(body)
    with pytest.raises(Refused, match="Shorten it"):
        codec.check_data("TextMessage", message(text))
    with pytest.raises(Refused, match="Shorten it"):
        bulkcodec.check_all("TextMessage", [codec.fragment("TextMessage", message(text), WHOLE)])
