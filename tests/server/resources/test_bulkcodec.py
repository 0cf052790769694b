"""Many documents at once are written and refused as one by one."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import Refused
from server.resources import bulkcodec, codec, ranges, schema
from server.resources.variants import EDITION_2023, EXTENDED, PLAIN, WHOLE

BASES: list[dict[str, Any]] = [
    {"opModFixedW": 2000}, {"opModFixedW": -1}, {"opModMaxLimW": 5000, "rampTms": 100},
    {"opModConnect": True},
    {"csipaus:opModImpLimW": {"value": 5, "multiplier": 3}},
    {"opModTargetW": {"value": 7, "multiplier": 0}}, {"opModMaxLimWInject": {"value": 7, "multiplier": 0}}]
VALUES = {
    "mRID": st.integers(0, 3).map(lambda number: f"{number:032X}"),
    "description": st.sampled_from(["a & b", "<c>", ""]),
    "creationTime": st.integers(1_700_000_000, 1_700_000_002),
    "EventStatus": st.builds(lambda status, at: {
        "currentStatus": status, "dateTime": at, "potentiallySuperseded": False},
        st.integers(0, 4), st.integers(1_700_000_000, 1_700_000_001)),
    "interval": st.just({"duration": 900, "start": 1_700_000_000}),
    "randomizeStart": st.none() | st.integers(0, 2),
    "deviceCategory": st.sampled_from(["00000001", "00000002"]),
    "DERControlBase": st.sampled_from(BASES),
    "href": st.integers(1, 3).map("/derp/1/derc/{}".format),
    "replyTo": st.just("/rsps/1/rsp"), "responseRequired": st.just("03")}
NEEDED = {"mRID", "creationTime", "EventStatus", "interval", "DERControlBase"}
CONTROLS = st.lists(st.fixed_dictionaries(
    {key: values for key, values in VALUES.items() if key in NEEDED},
    optional={key: values for key, values in VALUES.items() if key not in NEEDED}), min_size=1, max_size=6)


@given(CONTROLS)
def test_fragments_are_those_of_each(controls: list[dict[str, Any]]) -> None:
    writer = bulkcodec.Writer("DERControl")
    for control in controls:
        for variant in (PLAIN, EXTENDED, EDITION_2023, WHOLE):
            assert writer.written(control, variant) == codec.written("DERControl", control, variant)


@pytest.mark.parametrize("extra", [
    {"hex:submitted": {"mRID": "1"}}, {"{urn:other}note": ["<note xmlns='urn:other'/>"]}, {"@other": "x"}])
def test_what_is_not_of_the_schema_is_written_as_ever(extra: dict[str, Any]) -> None:
    data = {"mRID": f"{1:032X}", "primacy": 1, "href": "/derp/1"}
    writer = bulkcodec.Writer("DERProgram")
    for each in (data, {**data, **extra}, data):
        assert writer.written(each, WHOLE) == codec.written("DERProgram", each, WHOLE)


def test_an_unknown_element_is_named() -> None:
    writer = bulkcodec.Writer("DERProgram")
    with pytest.raises(ValueError, match="DERProgram has no element or attribute 'nothing'"):
        writer.written({"mRID": "01", "nothing": 1}, PLAIN)
    with pytest.raises(ValueError, match="DERProgram/primacy: 'much' is not a value of its type"):
        writer.written({"mRID": "01", "primacy": "much"}, PLAIN)


def program(**changes: Any) -> bytes:
    return codec.fragment("DERProgram", {"mRID": f"{1:032X}", "primacy": 1, **changes})


def control(**changes: Any) -> bytes:
    return codec.fragment("DERControl", {
        "mRID": f"{1:032X}", "creationTime": 1_700_000_000, "EventStatus": {
            "currentStatus": 0, "dateTime": 1_700_000_000, "potentiallySuperseded": False},
        "interval": {"duration": 900, "start": 1_700_000_000}, "DERControlBase": {"opModFixedW": 1},
        **changes})


WRONG = [("DERProgram", program(primacy=256)), ("DERProgram", program(description="x" * 33)),
         ("DERControl", control(creationTime=10 ** 13)),
         ("DERControl", control(DERControlBase={"opModTargetW": {"value": 1, "multiplier": 10}})),
         ("DERControl", control(DERControlBase={"opModFixedW": 1 << 15})),
         ("DERProgram", program(description="x" * 9000))]


@pytest.mark.parametrize("kind, wrong", WRONG)
def test_one_that_is_wrong_is_refused_with_its_own_words(kind: str, wrong: bytes) -> None:
    right = program() if kind == "DERProgram" else control()
    with pytest.raises(Refused) as alone:
        codec.check(kind, wrong)
    with pytest.raises(Refused) as among:
        bulkcodec.check_all(kind, [right, wrong, right])
    assert str(among.value) == str(alone.value) and among.value.status == alone.value.status == 400


def test_those_that_are_right_are_validated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "check", lambda *_: pytest.fail("one by one"))
    bulkcodec.check_all("DERProgram", [program(), program(primacy=255)])
    bulkcodec.check_all("DERControl", [control(), control(DERControlBase=BASES[5])])


def test_every_kind_has_its_ranges() -> None:
    """The types of the schema are no circle, and the ranges of nested elements are found."""
    names = [tag.rpartition("}")[2] for tag in schema.elements()]
    for name in names:
        try:
            ranges._ranged(schema.type_spec(name))
        except KeyError:
            continue
    ranged = {tag.rpartition("}")[2] for tag in ranges._ranged(schema.type_spec("DERControl"))}
    assert ranged == {"creationTime", "EventStatus", "interval", "randomizeStart", "randomizeDuration",
                      "DERControlBase", "description"}
