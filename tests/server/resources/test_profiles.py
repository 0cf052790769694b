"""Which profile each device has."""
from __future__ import annotations

from server.config import settings
from server.devices import enrolment
from server.models import Device
from server.resources import profiles
from server.resources.variants import EDITION_2023, EXTENDED, PLAIN
from tests import peers


def test_a_device_has_its_own_or_that_of_the_server(server: None) -> None:
    one, two = (enrolment.enrol(peers.lfdi(number)) for number in (1, 2))
    assert profiles.of(one.lfdi) == "2030.5-2018" == settings.profile
    enrolment.update(one, "csip-aus")
    assert (profiles.of(one.lfdi), profiles.of(two.lfdi)) == ("csip-aus", "2030.5-2018")
    assert profiles.variant(one.lfdi, "-S1") is EXTENDED and profiles.variant(two.lfdi, "-S1") is PLAIN
    settings.profile = "2030.5-2023"
    assert (profiles.of(one.lfdi), profiles.of(two.lfdi)) == ("csip-aus", "2030.5-2023")
    assert profiles.default() is EDITION_2023
    enrolment.update(one, "")
    assert profiles.of(one.lfdi) == "2030.5-2023"


def test_another_process_follows_a_change(server: None) -> None:
    device = enrolment.enrol(peers.lfdi(1), profile="csip")
    assert profiles.of(device.lfdi) == "csip"
    known = profiles._own, profiles._version
    enrolment.update(device, "csip-aus")
    profiles._own, profiles._version = known  # as a process that has read before
    profiles._read()
    assert profiles.of(device.lfdi) == "csip-aus"
    Device.update(profile="").execute()  # nobody has noted a change
    profiles._read()
    assert profiles.of(device.lfdi) == "csip-aus"
