"""Businesses at the real device interface, in one process, with the clock turned: called by contract, they
answer, follow, and report."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from clients.devices.interruptible import InterruptibleLoad
from clients.simulation.businesses import BUSINESSES
from clients.simulation.neighbourhood import device_model
from server import clock
from server.config import settings
from server.devices import enrolment, lastcontact
from server.grid.dispatch import ordercreation
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.fleet import contracts
from server.grid.groups import virtualders
from server.grid.reports import callsettlement
from server.resources import store
from tests.clients import fixtures
from tests.clients.fixtures import LFDI, PIN, DeviceFixture, mean_injection_w, statuses
from tests.conftest import NOON

Start = Callable[[str, str], DeviceFixture]


@pytest.fixture
def start(server: None, application: Callable[..., object]) -> Start:
    """Start a business of this name in the table, enrolled as this kind and in `park`, for an hour."""
    def start_business(name: str, kind: str) -> DeviceFixture:
        clock.turn_to(NOON)
        settings.poll_rate = settings.post_rate = 300
        enrolment.enrol(LFDI, pin=PIN, name="one", kind=kind)
        virtualders.create("park", members=["one"])
        device = fixtures.create(application, device_model(name, "one", LFDI))  # type: ignore[arg-type]
        device.run(3600)
        lastcontact.flush()
        assert not device.details("error")
        return device
    return start_business


def call(power_w: float) -> None:
    """Call the business for half an hour, in an hour."""
    ordercreation.create_order(OrderRequest(
        vder="park", quantity="watts", value=power_w, start=clock.now() + 3600, duration_s=1800))


def test_a_cold_store_says_what_it_can_shed_and_sheds_it(start: Start) -> None:
    store_ = start("cold_store", "load_switch")
    shed, = (document.submitted for document in store.items("/edev/1/lsl"))
    assert shed["sheddablePower"] == {"multiplier": 0, "value": 24_000}
    assert shed["availabilityDuration"] == 3 * 3600 and 6000 < shed["sheddablePercent"] < 8000
    contracts.set_block("one", "compressors", "load", {"power_w": 20_000.0, "notice_s": 1800})
    before_w, start_at = store_.model.injection_w, clock.now() + 3600
    call(20_000)
    store_.run(2 * 3600)
    assert statuses() == [1, 2, 3]
    assert mean_injection_w(start_at, 1800) - before_w == pytest.approx(20_000, abs=2500)
    row, = callsettlement.calls("park", NOON, clock.now())
    assert (row["block"], row["called_w"]) == ("compressors", 20_000)


def test_an_engine_is_warm_when_its_event_begins(start: Start) -> None:
    engine = start("gas_engine", "generator")
    contracts.set_block("one", "engine", "generator", {
        "power_w": 50_000.0, "least_power_w": 20_000.0, "notice_s": 600, "ramp_w_per_s": 400.0})
    start_at = clock.now() + 3600
    call(40_000)
    engine.run(3600 + 300)
    assert engine.model.injection_w == pytest.approx(40_000, abs=50)
    engine.run(3600)
    assert statuses() == [1, 2, 3] and engine.model.injection_w == 0
    assert mean_injection_w(start_at, 1800) > 37_000, "all but the ramp"


@pytest.mark.parametrize("name", BUSINESSES)
def test_a_business_keeps_to_what_it_is(name: str) -> None:
    model = device_model(name, "one", LFDI)
    assert model == device_model(name, "one", LFDI) and model.kind == BUSINESSES[name].model.kind
    if isinstance(model, InterruptibleLoad):
        assert 0 < model.sheddable_w <= model.steady_w + model.working_w <= model.max_charge_w
