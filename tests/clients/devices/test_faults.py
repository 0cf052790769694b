"""Devices that misbehave, at the real device interface."""
from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from clients.devices import faults
from clients.devices.faults import NONE, Faults
from clients.devices.inverter import Inverter
from clients.simulation.weather import Site
from server import clock
from server.config import settings
from server.devices import enrolment
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.resources import meterreadings, store
from tests.clients import fixtures
from tests.clients.fixtures import LFDI, PIN, DeviceFixture

Start = Callable[[Faults], DeviceFixture]


@pytest.fixture
def start(server: None, application: Flask) -> Start:
    """Start an inverter with faults, enrolled and in `street`."""
    settings.poll_rate, settings.post_rate = 120, 300
    enrolment.enrol(LFDI, pin=PIN, name="one")
    virtualders.create("street", members=["one"])

    def start_device(faults: Faults) -> DeviceFixture:
        device = fixtures.create(application, Inverter(name="one", site=Site("seed")))
        device.device.set_faults(faults)
        return device
    return start_device


def responses() -> list[tuple[int, int]]:
    return sorted(
        (response.submitted["createdDateTime"] % 43200, response.submitted["status"])
        for response in fixtures.stored_responses()
    )


def test_a_good_one_follows(start: Start) -> None:
    device = start(NONE)
    dercontrols.post("street", {"opModMaxLimW": 1000}, 600, clock.now() + 60)
    device.run(400)
    assert device.model.injection_w == 500 and responses() == [(0, 1), (60, 2)]


def test_a_silent_one_is_there_and_reads_its_meter_but_follows_nothing(start: Start) -> None:
    device = start(Faults(non_responding=True))
    dercontrols.post("street", {"opModMaxLimW": 1000}, 600, clock.now() + 60)
    device.run(700)
    assert device.model.injection_w > 500 and not responses()
    assert device.transport.count("GET", "/derp/1/derc") == 6
    assert device.transport.count("PUT", "/edev/1/der/1/ders") == 3
    meter = store.items("/upt/1/mr")[0].href
    assert [value > 500 for _, _, value in meterreadings.between(meter, 0, 2 ** 40)] == [True, True]
    assert not device.details("error")


def test_one_that_has_gone_goes_on_by_what_it_knows_until_it_is_back(start: Start) -> None:
    device = start(NONE)
    dercontrols.post("street", {"opModMaxLimW": 1000}, 300, clock.now() + 200)
    device.run(100)
    count = len(device.transport.requests)
    device.device.set_faults(Faults(offline=True))
    device.run(170)
    assert device.model.injection_w == 500 and len(device.transport.requests) == count
    device.run(330)
    assert device.model.injection_w > 500 and responses() == [(0, 1)]
    device.device.set_faults(NONE)
    device.run(100)
    assert responses() == [(0, 1), (200, 2), (500, 3)], "and says then what has been"
    meter = store.items("/upt/1/mr")[0].href
    assert [at % 43200 for at, _, _ in meterreadings.between(meter, 0, 2 ** 40)] == [0, 300]


def test_one_that_never_called_runs_all_the_same(start: Start) -> None:
    device = start(Faults(offline=True))
    device.run(1000)
    assert device.model.injected_wh > 0 and not device.transport.requests


def test_a_customer_leaves_in_the_middle_of_an_event(start: Start) -> None:
    device = start(Faults(opt_out=1.0))
    dercontrols.post("street", {"opModMaxLimW": 1000}, 600, clock.now() + 100, response_required=7)
    device.run(390)
    assert device.model.injection_w == 500
    device.run(100)
    assert device.model.injection_w > 500 and [status for _, status in responses()] == [1, 2, 4]


@pytest.mark.parametrize("skew", [60, -60])
def test_a_clock_that_is_off_is_off_whatever_the_server_says(start: Callable, skew: int) -> None:
    device = start(Faults(skew_s=skew))
    dercontrols.post("street", {"opModMaxLimW": 1000}, 300, clock.now() + 200)
    device.run(600)
    assert device.device.now - clock.now() == pytest.approx(skew, abs=1)
    assert [at - skew for at, status in responses() if status > 1] == [200 - skew, 500 - skew] or [
        (at, status) for at, status in responses() if status > 1] == [(200, 2), (500, 3)]


def test_fractions_of_many_are_drawn_once_and_for_all() -> None:
    lfdis = [f"{number:040X}" for number in range(2000)]
    drawn = [faults.draw_faults(lfdi, 0.1, 0.2, 0.05, 60) for lfdi in lfdis]
    assert drawn == [faults.draw_faults(lfdi, 0.1, 0.2, 0.05, 60) for lfdi in lfdis]
    assert sum(faulty.non_responding for faulty in drawn) == pytest.approx(200, abs=40)
    assert sum(faulty.offline for faulty in drawn) == pytest.approx(400, abs=60)
    assert not [faulty for faulty in drawn if faulty.non_responding and faulty.offline]
    assert {faulty.skew_s for faulty in drawn} == {60, -60}
    opt_outs = sum(faulty.opts_out(lfdi, "A") for faulty, lfdi in zip(drawn, lfdis, strict=True))
    assert opt_outs == pytest.approx(100, abs=40)
    assert NONE == faults.draw_faults(lfdis[0]) and not NONE.opts_out(lfdis[0], "A")
