"""Physics: energy is kept, limits hold, stores stay within their bounds, whatever is asked."""
from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from clients.devices.battery import Battery
from clients.devices.devicemodel import DeviceModel
from clients.devices.evcharger import EvCharger, current_session
from clients.devices.inverter import Inverter
from clients.devices.thermostat import Thermostat
from clients.events.control import PowerOrder
from clients.events.curves import Curve
from clients.events.loadcontrol import Load
from clients.simulation import weather
from clients.simulation.weather import DAY, Site

SITE = Site("seed", -33.9, 151.2)
MIDNIGHT = 1_790_000_000 // DAY * DAY - int(151.2 / 15 * 3600)     # by the sun of the site
NOON, EVENING = MIDNIGHT + DAY // 2, MIDNIGHT + 20 * 3600
PLANTS: list[DeviceModel] = [
    Inverter(site=SITE),
    Battery(site=SITE, panel_w=4000),
    EvCharger(site=SITE),
    Thermostat(site=SITE),
    EvCharger(site=SITE, max_discharge_w=5000.0, spare=9000.0),
]
watts = some.none() | some.floats(-9000, 9000)
limit = some.just(math.inf) | some.floats(0, 9000)
load = some.builds(
    Load,
    heating=some.floats(-5, 5),
    cooling=some.floats(-5, 5),
    heat_to=some.none() | some.floats(5, 35),
    cool_to=some.none() | some.floats(5, 35),
    duty=some.floats(0, 1),
    since=some.integers(0, NOON),
    share=some.floats(0, 2),
    less=some.floats(0, 9000),
    appliance=some.sampled_from([None, 0, 1]),
)
orders = some.builds(
    PowerOrder,
    load=load,
    connect=some.booleans(),
    target=watts,
    inject=limit,
    absorb=limit,
    site_export=limit,
    site_import=limit,
    gradient=some.just(math.inf) | some.floats(1, 500),
    power_factor=some.none() | some.floats(0.7, 1),
    var=some.none() | some.floats(-3000, 3000),
    volt_var=some.sampled_from([None, Curve(((92, 44), (98, 0), (102, 0), (108, -44)), 1)]),
    volt_watt=some.sampled_from([None, Curve(((106, 100), (110, 20)), 1)]),
    freq_watt=some.none(),
)
whiles = some.lists(some.tuples(orders, some.integers(1, 7200)), min_size=1, max_size=6)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.kind)
@given(whiles, some.integers(0, 2 * DAY))
@settings(max_examples=25)
def test_ratings_hold_and_the_meter_counts(
    plant: DeviceModel, asked: list[tuple[PowerOrder, int]], start: int
) -> None:
    now = MIDNIGHT + start
    for order, seconds in asked:
        for step in range(0, seconds, 60):
            part = min(60, seconds - step)
            after = plant.step(order, now, part)
            energy = after.injected - plant.injected - (after.absorbed - plant.absorbed)
            assert energy * 3600 == pytest.approx(after.power * part, abs=1e-3)
            assert -after.max_charge_w - 1e-6 <= after.power <= max(after.max_w, after.max_discharge_w) + 1e-6
            assert abs(after.var) <= after.max_var
            if isinstance(after, Inverter):
                assert after.power <= after.available_w + 1e-6, "whatever the ramp, the sun gives no more"
            if not order.connect:
                assert after.power == after.var == 0
            if order.gradient == math.inf and order.connect:
                load = weather.household_load_w(SITE, now)
                assert after.power <= order.inject + 1e-6
                assert -after.power <= order.absorb + 1e-6
                if after.kind == "inverter":
                    assert after.power - load <= order.site_export + 1e-6
            assert after.charge is None or 0 <= after.charge <= 1 + 1e-9
            plant, now = after, now + part


@given(whiles)
@settings(max_examples=40)
def test_a_battery_keeps_energy_less_its_losses(asked: list[tuple[PowerOrder, int]]) -> None:
    battery, now = Battery(site=SITE), float(EVENING)
    for order, seconds in asked:
        after = battery.run(order, now, now + seconds)
        out, into = after.injected - battery.injected, after.absorbed - battery.absorbed
        assert after.stored - battery.stored == pytest.approx(
            into * after.one_way - out / after.one_way, abs=1e-3
        )
        assert min(battery.stored, after.reserve * after.max_wh) - 1e-6 <= after.stored <= after.max_wh
        battery, now = after, now + seconds


def test_a_battery_gives_back_its_round_trip() -> None:
    empty = Battery(site=SITE, stored=1350.0)
    full = empty.run(PowerOrder(target=-5000), NOON, NOON + 6 * 3600)
    assert full.charge == pytest.approx(1) and full.headroom == pytest.approx(0) and full.power == 0
    again = full.run(PowerOrder(target=5000), NOON, NOON + 6 * 3600)
    assert again.usable == pytest.approx(0, abs=1e-6)
    assert again.injected / again.absorbed == pytest.approx(0.9)


def test_a_battery_left_alone_serves_its_household() -> None:
    after = Battery(site=SITE).step(PowerOrder(), EVENING, 60)
    assert after.power == pytest.approx(weather.household_load_w(SITE, EVENING))
    surplus = Battery(site=SITE, panel_w=20000).step(PowerOrder(), NOON, 60)
    assert surplus.power == max(
        -5000, weather.household_load_w(SITE, NOON) - weather.irradiance_w_per_m2(SITE, NOON) * 20
    )


@pytest.mark.parametrize(
    "order, least, most",
    [
        (PowerOrder(), 500, 5000),
        (PowerOrder(inject=400), 400, 400),
        (PowerOrder(target=300), 300, 300),
        (PowerOrder(target=-300), 0, 0),
        (PowerOrder(volt_watt=Curve(((90, 10),), 1)), 500, 500),
        (PowerOrder(freq_watt=Curve(((49, 4), (51, 4)), 1)), 200, 200),
        (PowerOrder(connect=False), 0, 0),
    ],
)
def test_an_inverter_gives_what_the_sun_gives_less_what_it_is_asked(
    order: PowerOrder, least: float, most: float
) -> None:
    plant = Inverter(site=SITE).run(order, NOON - 600, NOON)
    assert least <= plant.power <= most
    assert plant.limited is (plant.power < plant.available_w - 1)
    night = plant.run(order, EVENING, EVENING + 600)
    assert night.power == 0 and not night.limited


def test_an_inverter_ramps_no_faster_than_it_may() -> None:
    plant = Inverter(site=SITE).run(PowerOrder(), NOON - 600, NOON)
    after = plant.step(PowerOrder(inject=0, gradient=10), NOON, 60)
    assert after.power == pytest.approx(plant.power - 600)


@pytest.mark.parametrize(
    "order, of_power",
    [
        (PowerOrder(power_factor=0.95), 0.3287),
        (PowerOrder(power_factor=-0.95), -0.3287),
        (PowerOrder(power_factor=0.95, var=100.0), None),
        (PowerOrder(volt_var=Curve(((90, 44), (120, 44)), 1)), None),
    ],
)
def test_var_is_the_least_that_is_asked(order: PowerOrder, of_power: float | None) -> None:
    plant = Inverter(site=SITE).run(order, NOON - 600, NOON)
    expected = plant.power * of_power if of_power else 100.0 if order.var else 2200.0
    assert plant.var == pytest.approx(expected, rel=1e-3)


def test_a_car_charges_from_arrival_until_full_and_leaves_full() -> None:
    stay = current_session(SITE, MIDNIGHT + DAY)
    assert stay is not None
    assert current_session(SITE, stay.arrival - 1) is None and current_session(SITE, stay.departure) is None
    assert current_session(SITE, stay.arrival) == current_session(SITE, stay.departure - 1) == stay
    plant: DeviceModel = EvCharger(site=SITE).run(PowerOrder(), stay.arrival - 3600, stay.arrival)
    assert (plant.power, plant.charge) == (0, None)
    plant = plant.run(PowerOrder(), stay.arrival, stay.arrival + 600)
    assert plant.power == -7400 and 0 < (plant.charge or 0) < 1 and not plant.unwilling
    plant = plant.run(PowerOrder(), stay.arrival + 600, stay.departure - 60)
    assert plant.charge == pytest.approx(1) and plant.power == 0
    assert plant.absorbed == pytest.approx(stay.energy)
    assert plant.run(PowerOrder(), stay.departure, stay.departure + 60).charge is None


def test_a_car_that_would_leave_empty_is_unwilling() -> None:
    stay = current_session(SITE, MIDNIGHT + DAY)
    assert stay is not None
    plant = EvCharger(site=SITE).run(PowerOrder(target=0), stay.arrival, stay.arrival + 3600)
    assert plant.power == 0 and not plant.unwilling
    latest = stay.departure - stay.energy / 7400 * 3600
    assert plant.run(PowerOrder(target=0), stay.arrival + 3600, latest + 120).unwilling


def test_a_car_does_not_charge_under_its_least_current() -> None:
    stay = current_session(SITE, MIDNIGHT + DAY)
    assert stay is not None
    powers = [
        EvCharger(site=SITE).step(PowerOrder(absorb=most), stay.arrival, 60).power
        for most in (1379.0, 1400.0, 9000.0)
    ]
    assert powers == [0, -1400, -7400]


def test_sessions_are_believable() -> None:
    stays = [current_session(SITE._replace(seed=str(seed)), MIDNIGHT + DAY) for seed in range(200)]
    assert all(stay is not None for stay in stays)
    energies = [stay.energy for stay in stays if stay]
    assert 5000 <= min(energies) < 9000 and 19000 < max(energies) <= 23000
    assert all(stay.energy < 7400 * (stay.departure - stay.arrival) / 3600 for stay in stays if stay)


@pytest.mark.parametrize("longitude, latitude, "
                         "noon", [(151.2, -33.9, MIDNIGHT + DAY // 2), (0, 60, 1_768_478_400)])
def test_a_room_left_alone_stays_near_its_setpoint(longitude: float, latitude: float, noon: int) -> None:
    plant, now, temperatures = Thermostat(site=Site("x", latitude, longitude)), noon, []
    for _ in range(2 * 1440):
        plant, now = plant.step(PowerOrder(), now, 60), now + 60
        temperatures.append(plant.room)
    assert 20.3 < min(temperatures) and max(temperatures) < 21.7
    assert plant.absorbed > 0 or min(temperatures) > 20.5


def test_a_room_that_may_not_be_heated_cools_and_becomes_unwilling() -> None:
    winter, cold = Site("x", 60.0, 0.0), 1_768_478_400
    plant = Thermostat(site=winter)
    shed = plant.run(PowerOrder(target=0), cold, cold + 3600)
    assert shed.power == 0 and 19 < shed.room < 21 and not shed.unwilling
    assert shed.run(PowerOrder(target=0), cold, cold + DAY).unwilling


def test_a_room_warms_ahead_as_far_as_comfort_goes() -> None:
    winter, cold = Site("x", 60.0, 0.0), 1_768_478_400
    plant = Thermostat(site=winter).run(PowerOrder(target=-2000), cold, cold + 12 * 3600)
    assert 21.5 < plant.room <= 23.2


def test_the_same_day_is_lived_the_same() -> None:
    for plant in PLANTS:
        assert plant.run(PowerOrder(), NOON, NOON + 7200) == plant.run(PowerOrder(), NOON, NOON + 7200)


@pytest.mark.parametrize("rise, alarms", [(30.0, 2), (1.0, 0), (-30.0, 4)])
def test_alarms_follow_the_voltage(rise: float, alarms: int) -> None:
    plant = Inverter(site=SITE._replace(rise=rise)).run(PowerOrder(), NOON - 600, NOON)
    assert plant.alarms == alarms and plant.volts > 110 if rise > 1 else plant.volts < 110
