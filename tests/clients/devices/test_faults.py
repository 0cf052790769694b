"""Devices that misbehave, at the real device interface."""
from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from clients.devices import faults
from clients.devices.device import Device, Identity
from clients.devices.faults import NONE, Faults
from clients.devices.inverter import Inverter
from clients.reports.reporter import Trace
from clients.simulation.weather import Site
from server import clock
from server.config import settings
from server.devices import enrolment, identity
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.resources import meterreadings, store
from tests import peers
from tests.clients.inprocess import InProcess

ME, PIN = peers.lfdi(1), 123455
Make = Callable[[Faults], tuple[Device, InProcess, list[Trace]]]


@pytest.fixture
def device(server: None, application: Flask) -> Make:
    """An inverter of this manner, enrolled and in `street`."""
    settings.poll_rate, settings.post_rate = 120, 300
    enrolment.enrol(ME, pin=PIN, name="one")
    virtualders.create("street", members=["one"])

    def made(faults: Faults) -> tuple[Device, InProcess, list[Trace]]:
        line, told = InProcess(application, ME), []
        device = Device(
            Identity(ME, identity.sfdi(ME), PIN),
            Inverter(name="one", site=Site("seed")),
            line.connection(),
            on_event=told.append,
            clock=clock.precise,
        )
        device.set_faults(faults)
        return device, line, told
    return made


def live(device: Device, seconds: int) -> None:
    until, wake = clock.precise() + seconds, clock.precise()
    while wake <= until:
        clock.turn_to(max(wake, clock.precise()))
        wake = device.step(clock.precise())
    clock.turn_to(until)


def answered() -> list[tuple[int, int]]:
    return sorted(
        (one.submitted["createdDateTime"] % 43200, one.submitted["status"])
        for one in store.items("/rsps/1/rsp")
    )


def test_a_good_one_follows(device: Make) -> None:
    made, _, _ = device(NONE)
    dercontrols.post("street", {"opModMaxLimW": 1000}, 600, clock.now() + 60)
    live(made, 400)
    assert made.model.injection_w == 500 and answered() == [(0, 1), (60, 2)]


def test_a_silent_one_is_there_and_reads_its_meter_but_follows_nothing(device: Make) -> None:
    made, line, told = device(Faults(non_responding=True))
    dercontrols.post("street", {"opModMaxLimW": 1000}, 600, clock.now() + 60)
    live(made, 700)
    assert made.model.injection_w > 500 and not answered() and line.count("GET", "/derp/1/derc") == 6
    assert line.count("PUT", "/edev/1/der/1/ders") == 3
    meter = store.items("/upt/1/mr")[0].href
    assert [value > 500 for _, _, value in meterreadings.between(meter, 0, 2 ** 40)] == [True, True]
    assert not [one for one in told if one.kind == "error"]


def test_one_that_has_gone_goes_on_by_what_it_knows_until_it_is_back(device: Make) -> None:
    made, line, _ = device(NONE)
    dercontrols.post("street", {"opModMaxLimW": 1000}, 300, clock.now() + 200)
    live(made, 100)
    asked = len(line.asked)
    made.set_faults(Faults(offline=True))
    live(made, 170)
    assert made.model.injection_w == 500 and len(line.asked) == asked
    live(made, 330)
    assert made.model.injection_w > 500 and answered() == [(0, 1)]
    made.set_faults(NONE)
    live(made, 100)
    assert answered() == [(0, 1), (200, 2), (500, 3)], "and says then what has been"
    meter = store.items("/upt/1/mr")[0].href
    assert [at % 43200 for at, _, _ in meterreadings.between(meter, 0, 2 ** 40)] == [0, 300]


def test_one_that_never_called_runs_all_the_same(device: Make) -> None:
    made, line, _ = device(Faults(offline=True))
    live(made, 1000)
    assert made.model.injected_wh > 0 and not line.asked


def test_a_customer_leaves_in_the_middle_of_an_event(device: Make) -> None:
    made, _, _ = device(Faults(opt_out=1.0))
    dercontrols.post("street", {"opModMaxLimW": 1000}, 600, clock.now() + 100, response_required=7)
    live(made, 390)
    assert made.model.injection_w == 500
    live(made, 100)
    assert made.model.injection_w > 500 and [status for _, status in answered()] == [1, 2, 4]


@pytest.mark.parametrize("skew", [60, -60])
def test_a_clock_that_is_off_is_off_whatever_the_server_says(device: Callable, skew: int) -> None:
    made, _, _ = device(Faults(skew_s=skew))
    dercontrols.post("street", {"opModMaxLimW": 1000}, 300, clock.now() + 200)
    live(made, 600)
    assert made.now - clock.now() == pytest.approx(skew, abs=1)
    assert [at - skew for at, status in answered() if status > 1] == [200 - skew, 500 - skew] or [
        (at, status) for at, status in answered() if status > 1] == [(200, 2), (500, 3)]


def test_shares_of_many_are_drawn_once_and_for_all() -> None:
    lfdis = [f"{number:040X}" for number in range(2000)]
    drawn = [faults.draw_faults(lfdi, 0.1, 0.2, 0.05, 60) for lfdi in lfdis]
    assert drawn == [faults.draw_faults(lfdi, 0.1, 0.2, 0.05, 60) for lfdi in lfdis]
    assert sum(one.non_responding for one in drawn) == pytest.approx(200, abs=40)
    assert sum(one.offline for one in drawn) == pytest.approx(400, abs=60)
    assert not [one for one in drawn if one.non_responding and one.offline]
    assert {one.skew_s for one in drawn} == {60, -60}
    leaves = sum(one.opts_out(lfdi, "A") for one, lfdi in zip(drawn, lfdis, strict=True))
    assert leaves == pytest.approx(100, abs=40)
    assert NONE == faults.draw_faults(lfdis[0]) and not NONE.opts_out(lfdis[0], "A")
