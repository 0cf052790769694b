"""What is visible to somebody whose rights end at a virtual DER."""
from __future__ import annotations

import pytest

from server import scopes
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import singledevices, virtualders
from server.models import Device, VirtualDER
from tests import peers

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture
def numbers() -> dict[str, int]:
    """The numbers of two trees and their devices, and of a virtual DER of each device alone."""
    for number, name in enumerate(("one", "two", "three"), 1):
        enrolment.enrol(peers.lfdi(number), name=name)
    virtualders.create("street")
    virtualders.create("solar", parent="street", members=["one"])
    virtualders.create("pumps", parent="solar", members=["two"])
    virtualders.create("road", members=["three"])
    singledevices.ensure([enrolment.find(name) for name in ("one", "three")], 90)
    return {vder.name: vder.id for vder in VirtualDER.select()}


def visible() -> tuple[set[str], set[str]]:
    return ({vder.name for vder in scopes.vders(VirtualDER.select())},
            {device.name for device in scopes.devices(Device.select())})


def test_outside_everything_is_visible(numbers: dict[str, int]) -> None:
    assert visible() == (set(numbers), {"one", "two", "three"})
    assert scopes.sees_vder(numbers["road"]) and scopes.sees_device(3) and scopes.sees_vder(None)
    scopes.require_whole("it")


def test_inside_a_virtual_der_those_below_and_their_members_are(numbers: dict[str, int]) -> None:
    with scopes.within(virtualders.find("solar")):
        vders, devices = visible()
        assert {"solar", "pumps"} < vders and not {"street", "road"} & vders and devices == {"one", "two"}
        assert len(vders) == 3  # and that of the device alone
        assert [scopes.sees_vder(numbers[name]) for name in ("solar", "pumps", "street", "road")] == [
            True, True, False, False]
        assert [scopes.sees_device(number) for number in (1, 2, 3)] == [True, True, False]
        assert not scopes.sees_vder(None)
        with pytest.raises(Refused, match="it concerns more than solar"):
            scopes.require_whole("it")
    assert scopes.top() is None


def test_a_member_that_leaves_is_not_visible_any_more(numbers: dict[str, int]) -> None:
    with scopes.within(virtualders.find("pumps")):
        assert visible() == ({"pumps"}, {"two"})
        virtualders.update("pumps", remove=["two"])
        assert visible() == ({"pumps"}, set())
