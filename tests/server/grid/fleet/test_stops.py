"""Which devices are stopped, and the plan of the statements that ask it."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server.errors import Refused
from server.grid.dispatch import stops as dispatchstops
from server.grid.fleet import members, stops
from server.grid.groups import virtualders
from server.models import Device


@pytest.fixture
def street(battery: Callable[..., Any]) -> list[Any]:
    homes = [battery(number, part="a" if number == 1 else "b") for number in (1, 2)]
    virtualders.create("street", "kind = battery")
    virtualders.create("a", "part = a", parent="street")
    return homes


def test_nobody_is_stopped_at_first(street: list[Any]) -> None:
    assert stops.in_force() == [] and stops.stopped_lfdis(home.lfdi for home in street) == set()
    assert stops.stopped_devices(virtualders.find("street")) == set()
    stops.check(virtualders.find("street"))


def test_who_is_stopped_is_known_in_every_virtual_der(street: list[Any]) -> None:
    dispatchstops.stop("a")
    assert [stop.vder for stop in stops.in_force()] == ["a"]
    assert stops.stopped_devices(virtualders.find("street")) == {street[0].device.id}
    assert stops.stopped_lfdis(home.lfdi for home in street) == {street[0].lfdi}
    assert [member.stopped for member in members.read(list(Device.select()))] == [True, False]
    stops.check(virtualders.find("street"))
    with pytest.raises(Refused, match="a is stopped since"):
        stops.check(virtualders.find("a"))
