"""LFDIs are identities; SFDIs, which have 36 bits of them, may be shared."""
from __future__ import annotations

import pytest

from server.devices import enrolment, identity
from server.errors import Refused
from server.grid.groups import singledevices
from server.models import Device
from server.resources import store

FIRST, SECOND = (f"ABCDEF012{digit * 31}" for digit in "34")


@pytest.mark.usefixtures("server")
def test_two_devices_may_share_an_sfdi() -> None:
    first, second = enrolment.enrol(FIRST, name="a"), enrolment.enrol(SECOND, name="b")
    assert first.sfdi == second.sfdi == identity.sfdi(FIRST)
    assert enrolment.find(FIRST).name == "a" and enrolment.find(SECOND).name == "b"
    assert {vder.name for vder in singledevices.ensure([first, second], 100).values()} == {
        f"device {first.sfdi} (1)", f"device {first.sfdi} (2)"}
    assert store.reindex() == 0


@pytest.mark.usefixtures("server")
def test_what_is_shared_is_answered_with_the_candidates() -> None:
    for lfdi in (FIRST, SECOND):
        enrolment.enrol(lfdi, name="twin")
    for name in ("twin", str(identity.sfdi(FIRST))):
        with pytest.raises(Refused, match=f"2 devices are called '{name}': device 1 .*, device 2 "):
            enrolment.find(name)
    with pytest.raises(Refused, match="no device is called 'x'"):
        enrolment.find("x")


@pytest.mark.usefixtures("server")
def test_an_lfdi_is_enrolled_once() -> None:
    enrolment.enrol(FIRST)
    with pytest.raises(Refused, match=f"{FIRST} is enrolled already"):
        enrolment.enrol(FIRST)
    assert Device.select().count() == 1
