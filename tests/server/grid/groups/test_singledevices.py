"""Virtual DERs of a single device."""
from __future__ import annotations

import pytest

from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import singledevices, virtualders
from server.models import VirtualDER
from server.resources import store
from tests import peers


def enrolled(number):
    return enrolment.enrol(peers.lfdi(number), name=f"d{number}", kind="battery")


def names(vder):
    return [device["name"] for device in virtualders.show(vder)["devices"]]


def assigned(device):
    """The names of a device's FunctionSetAssignments."""
    return [document.submitted["description"] for document in store.items(f"{enrolment.href(device)}/fsa")]


def test_a_virtual_der_of_one_device(server, peer):
    device, other = enrolled(1), enrolled(2)
    virtualders.create("both", "*", primacy=80)

    def single(stronger_than):
        return singledevices.ensure([device], stronger_than)[device.id]
    alone = single(80)
    assert alone.primacy == 79 and names(alone) == ["d1"]
    assert single(80) == alone and single(90).primacy == 79
    assert single(70).primacy == 69
    assert peer(1).get(alone.program).data["primacy"] == 69
    assert peer(2).get(alone.program).status == 404 and assigned(other) == ["both"]
    assert "device" not in {vder["purpose"] for vder in virtualders.list_vders()}
    every = list(virtualders.list_vders(single=True))
    assert every[-1] == {**virtualders.describe(virtualders.find(every[-1]["id"])), "depth": 0}
    assert every[-1]["device"] and every[-1]["members"] == 1
    with pytest.raises(Refused, match="nothing beats primacy 0"):
        single(0)
    virtualders.delete(alone)
    assert assigned(device) == ["both"]


def test_it_goes_with_its_device(server):
    device = enrolled(1)
    singledevices.ensure([device], 90)
    store.remove(enrolment.href(device))
    assert VirtualDER.select().count() == 0 and store.items("/derp") == []
