"""What is learned of thermal loads from readings, the outdoor temperature and events, once a day."""
import numpy as np
import pytest

from server import clock
from server.config import settings
from server.devices import enrolment
from server.grid.controls import drevents
from server.grid.groups import virtualders
from server.grid.reports import thermallearning
from server.grid.series import signals, thermalmodels
from server.models import DeviceType, Meter, ThermalParameters
from tests import peers
from tests.conftest import NOON
from tests.server.grid import heathouses
from tests.server.grid.reports.conftest import DAY, STEP, meter, order

COUNT, DAYS = 8, 14
FIRST = NOON - DAYS * DAY


@pytest.fixture
def pumps(server):
    """A street with heat pumps, in a town with a thermometer."""
    virtualders.create("town")
    for number in range(1, COUNT + 1):
        enrolment.enrol(peers.lfdi(number), name=f"d{number}", category=1)
        Meter.create(href=meter(number), device=number, kind="thermal", factor=1.0)
    members = [peers.lfdi(number) for number in range(1, COUNT + 1)]
    virtualders.create("street", parent="town", members=members)
    return virtualders.find("street")


def rated(group, category=1):
    for number, watts in enumerate(group.rating_w.tolist(), 1):
        DeviceType.update(max_load_w=watts, kind="thermal", category=category).where(
            DeviceType.device == number).execute()


@pytest.fixture
def read(monkeypatch):
    """Have the meters read this load, [steps, n] from FIRST on.

    How readings become power is tested elsewhere, and those of two weeks take long to store.
    """
    def of(load_w):
        def mean_injection_w(devices, start, end, step):
            injection_w = np.full((len(devices), (end - start) // step), np.nan)
            first = (FIRST - start) // step
            columns = [device - 1 for device in devices]
            injection_w[:, first:first + len(load_w)] = -load_w[:, columns].T
            return injection_w
        monkeypatch.setattr(thermallearning.devicereadings, "mean_injection_w", mean_injection_w)
    return of


def learn(at=NOON):
    clock.turn_to(at)
    turns = 0
    while thermallearning.learn_due():
        turns += 1
    return turns


def test_band_and_line_of_a_street_from_its_readings_and_events(pumps, read):
    group = heathouses.houses(COUNT, 3, cop_per_k=0.0)
    outdoor_c = heathouses.weather(DAYS, 3.0, 2)
    offsets_k = heathouses.evening_offsets(DAYS, 3)
    _, load_w = heathouses.simulate(group, outdoor_c, offsets_k)
    rated(group)
    read(load_w)
    signals.put("town", "outdoor_temperature", outdoor_c.tolist(), FIRST, STEP)
    for step in np.flatnonzero(np.diff(offsets_k, prepend=0.0) * (offsets_k != 0)):
        clock.turn_to(FIRST + int(step) * STEP - 60)
        drevents.create(
            "town" if step % 2 else "street", {"Offset": {"heatingOffset": 20}}, 8 * STEP,
            FIRST + int(step) * STEP, forward=bool(offsets_k[step] > 0))
    assert learn() == 2 and learn() == 0, "the street and, without loads of its own, the town"
    row = ThermalParameters.get()
    assert (row.vder_id, row.variety, row.learned_at) == (pumps.id, 0, NOON)
    assert row.rated_w == pytest.approx(group.rating_w.sum())
    assert row.is_learned and row.band_h_per_k == pytest.approx(group.band_h_per_k, rel=0.35)
    assert row.heating_per_k == pytest.approx(group.slope_per_k, rel=0.25) and row.response > 0.7
    known = thermalmodels.read([pumps.id])[pumps.id, 0]
    assert known.model.store == (row.band_h_per_k, row.leak_h) and known.model.line.idle == row.idle
    assert learn(NOON + DAY) == 2
    assert ThermalParameters.get().is_learned and ThermalParameters.get().learned_at == NOON + DAY


def test_without_events_the_declared_store_stands_and_follows_the_settings(pumps, read):
    group = heathouses.houses(COUNT, 3)
    outdoor_c = heathouses.weather(DAYS, 3.0, 2)
    rated(group)
    read(heathouses.simulate(group, outdoor_c, np.zeros(DAYS * 96))[1])
    learn()
    row = ThermalParameters.get()
    assert not row.is_learned and row.idle is None and row.response == 1
    settings.comfort_hours, settings.comfort_kelvin = 3.0, 1.5
    assert thermalmodels.read([pumps.id])[pumps.id, 0].model.store == (2.0, thermalmodels.LEAK_HOURS)


def test_switched_loads_that_do_half_of_what_they_are_told(pumps, read):
    group = heathouses.houses(COUNT, 3)
    rated(group, category=1 << 3)
    generator = np.random.default_rng(1)
    load_w = 1000 + 50 * generator.standard_normal((DAYS * 96, COUNT))
    for day in range(1, DAYS, 2):
        start = day * 96 + 40
        load_w[start:start + 4] -= 300
        order(pumps, FIRST + start * STEP, 4 * STEP,
              {number: (-400, -1000) for number in range(1, COUNT + 1)}, plan=1, quantity="duty")
    read(load_w)
    learn()
    row = ThermalParameters.get()
    assert row.variety == 1 and row.response == pytest.approx(0.5, abs=0.07)
