"""Devices by their labels."""
from __future__ import annotations

import pytest

from server.devices import devicelabels, enrolment
from server.errors import Refused
from server.models import Device
from tests import peers

LABELS = [{"feeder": "F1"}, {"feeder": "F12", "an 'odd\" $name": "é, \"x\""}, {}, {"phase": "F1"}]


@pytest.fixture
def fleet(server: None) -> None:
    for number, labels in enumerate(LABELS):
        enrolment.enrol(peers.lfdi(number + 1), 123455, f"n{number}", "pv", labels)


def called(label: str, value: str) -> list[str]:
    return [device.name for device in Device.select().where(devicelabels.condition(label, value))]


@pytest.mark.usefixtures("fleet")
def test_who_has_a_value_of_a_label() -> None:
    assert (called("feeder", "F1"), called("phase", "F1")) == (["n0"], ["n3"])
    assert called("an 'odd\" $name", "é, \"x\"") == ["n1"]


@pytest.mark.usefixtures("fleet")
def test_what_was_probably_meant_by_a_label_that_no_device_has() -> None:
    for label, hint in (("feder", "; did you mean feeder?"), ("zone", "")):
        with pytest.raises(Refused) as refused:
            devicelabels.condition(label, "F1")
        assert (refused.value.status, refused.value.why) == (404, f"no device has a label {label!r}{hint}")
    assert called("feeder", "F2") == []
