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
from clients.events.loadcontrol import LoadControl
from clients.simulation import weather
from clients.simulation.weather import DAY, Site

SITE = Site("seed", -33.9, 151.2)
MIDNIGHT = 1_790_000_000 // DAY * DAY - int(151.2 / 15 * 3600)     # by the sun of the site
NOON, EVENING = MIDNIGHT + DAY // 2, MIDNIGHT + 20 * 3600
MODELS: list[DeviceModel] = [
    Inverter(site=SITE),
    Battery(site=SITE, panel_w=4000),
    EvCharger(site=SITE),
    Thermostat(site=SITE),
    EvCharger(site=SITE, max_discharge_w=5000.0, spare_wh=9000.0),
]
watts = some.none() | some.floats(-9000, 9000)
limit = some.just(math.inf) | some.floats(0, 9000)
load = some.builds(
    LoadControl,
    heating_offset_k=some.floats(-5, 5),
    cooling_offset_k=some.floats(-5, 5),
    heating_setpoint_c=some.none() | some.floats(5, 35),
    cooling_setpoint_c=some.none() | some.floats(5, 35),
    duty_cycle=some.floats(0, 1),
    duty_cycle_start=some.integers(0, NOON),
    load_fraction=some.floats(0, 2),
    reduction_w=some.floats(0, 9000),
    appliance_reduction=some.sampled_from([None, 0, 1]),
)
orders = some.builds(
    PowerOrder,
    load_control=load,
    connect=some.booleans(),
    target_w=watts,
    max_injection_w=limit,
    max_absorption_w=limit,
    max_export_w=limit,
    max_import_w=limit,
    gradient_w_per_s=some.just(math.inf) | some.floats(1, 500),
    power_factor=some.none() | some.floats(0.7, 1),
    target_var=some.none() | some.floats(-3000, 3000),
    volt_var=some.sampled_from([None, Curve(((92, 44), (98, 0), (102, 0), (108, -44)), 1)]),
    volt_watt=some.sampled_from([None, Curve(((106, 100), (110, 20)), 1)]),
    freq_watt=some.none(),
)
whiles = some.lists(some.tuples(orders, some.integers(1, 7200)), min_size=1, max_size=6)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.kind)
@given(whiles, some.integers(0, 2 * DAY))
@settings(max_examples=25)
def test_ratings_hold_and_the_meter_counts(
    model: DeviceModel, asked: list[tuple[PowerOrder, int]], start: int
) -> None:
    now = MIDNIGHT + start
    for order, seconds in asked:
        for step in range(0, seconds, 60):
            part = min(60, seconds - step)
            after = model.step(order, now, part)
            energy = after.injected_wh - model.injected_wh - (after.absorbed_wh - model.absorbed_wh)
            assert energy * 3600 == pytest.approx(after.injection_w * part, abs=1e-3)
            highest = max(after.max_w, after.max_discharge_w) + 1e-6
            assert -after.max_charge_w - 1e-6 <= after.injection_w <= highest
            assert abs(after.reactive_var) <= after.max_var
            if isinstance(after, Inverter):
                assert after.injection_w <= after.available_w + 1e-6, "whatever the ramp"
            if not order.connect:
                assert after.injection_w == after.reactive_var == 0
            if order.gradient_w_per_s == math.inf and order.connect:
                load = weather.household_load_w(SITE, now)
                assert after.injection_w <= order.max_injection_w + 1e-6
                assert -after.injection_w <= order.max_absorption_w + 1e-6
                if after.kind == "inverter":
                    assert after.injection_w - load <= order.max_export_w + 1e-6
            assert after.soc is None or 0 <= after.soc <= 1 + 1e-9
            model, now = after, now + part


@given(whiles)
@settings(max_examples=40)
def test_a_battery_keeps_energy_less_its_losses(asked: list[tuple[PowerOrder, int]]) -> None:
    battery, now = Battery(site=SITE), float(EVENING)
    for order, seconds in asked:
        after = battery.run(order, now, now + seconds)
        out, into = after.injected_wh - battery.injected_wh, after.absorbed_wh - battery.absorbed_wh
        assert after.stored_wh - battery.stored_wh == pytest.approx(
            into * after.one_way_efficiency - out / after.one_way_efficiency, abs=1e-3
        )
        lowest = min(battery.stored_wh, after.reserve_soc * after.max_wh) - 1e-6
        assert lowest <= after.stored_wh <= after.max_wh
        battery, now = after, now + seconds


def test_a_battery_gives_back_its_round_trip() -> None:
    empty = Battery(site=SITE, stored_wh=1350.0)
    full = empty.run(PowerOrder(target_w=-5000), NOON, NOON + 6 * 3600)
    assert full.soc == pytest.approx(1) and full.chargeable_wh == pytest.approx(0) and full.injection_w == 0
    again = full.run(PowerOrder(target_w=5000), NOON, NOON + 6 * 3600)
    assert again.dischargeable_wh == pytest.approx(0, abs=1e-6)
    assert again.injected_wh / again.absorbed_wh == pytest.approx(0.9)


def test_a_battery_left_alone_serves_its_household() -> None:
    after = Battery(site=SITE).step(PowerOrder(), EVENING, 60)
    assert after.injection_w == pytest.approx(weather.household_load_w(SITE, EVENING))
    surplus = Battery(site=SITE, panel_w=20000).step(PowerOrder(), NOON, 60)
    assert surplus.injection_w == max(
        -5000, weather.household_load_w(SITE, NOON) - weather.irradiance_w_per_m2(SITE, NOON) * 20
    )


@pytest.mark.parametrize(
    "order, least, most",
    [
        (PowerOrder(), 500, 5000),
        (PowerOrder(max_injection_w=400), 400, 400),
        (PowerOrder(target_w=300), 300, 300),
        (PowerOrder(target_w=-300), 0, 0),
        (PowerOrder(volt_watt=Curve(((90, 10),), 1)), 500, 500),
        (PowerOrder(freq_watt=Curve(((49, 4), (51, 4)), 1)), 200, 200),
        (PowerOrder(connect=False), 0, 0),
    ],
)
def test_an_inverter_gives_what_the_sun_gives_less_what_it_is_asked(
    order: PowerOrder, least: float, most: float
) -> None:
    model = Inverter(site=SITE).run(order, NOON - 600, NOON)
    assert least <= model.injection_w <= most
    assert model.limited is (model.injection_w < model.available_w - 1)
    night = model.run(order, EVENING, EVENING + 600)
    assert night.injection_w == 0 and not night.limited


def test_an_inverter_ramps_no_faster_than_it_may() -> None:
    model = Inverter(site=SITE).run(PowerOrder(), NOON - 600, NOON)
    after = model.step(PowerOrder(max_injection_w=0, gradient_w_per_s=10), NOON, 60)
    assert after.injection_w == pytest.approx(model.injection_w - 600)


@pytest.mark.parametrize(
    "order, of_power",
    [
        (PowerOrder(power_factor=0.95), 0.3287),
        (PowerOrder(power_factor=-0.95), -0.3287),
        (PowerOrder(power_factor=0.95, target_var=100.0), None),
        (PowerOrder(volt_var=Curve(((90, 44), (120, 44)), 1)), None),
    ],
)
def test_var_is_the_least_that_is_asked(order: PowerOrder, of_power: float | None) -> None:
    model = Inverter(site=SITE).run(order, NOON - 600, NOON)
    expected = model.injection_w * of_power if of_power else 100.0 if order.target_var else 2200.0
    assert model.reactive_var == pytest.approx(expected, rel=1e-3)


def test_a_car_charges_from_arrival_until_full_and_leaves_full() -> None:
    stay = current_session(SITE, MIDNIGHT + DAY)
    assert stay is not None
    assert current_session(SITE, stay.arrival - 1) is None and current_session(SITE, stay.departure) is None
    assert current_session(SITE, stay.arrival) == current_session(SITE, stay.departure - 1) == stay
    model: DeviceModel = EvCharger(site=SITE).run(PowerOrder(), stay.arrival - 3600, stay.arrival)
    assert (model.injection_w, model.soc) == (0, None)
    model = model.run(PowerOrder(), stay.arrival, stay.arrival + 600)
    assert model.injection_w == -7400 and 0 < (model.soc or 0) < 1 and not model.uncomfortable
    model = model.run(PowerOrder(), stay.arrival + 600, stay.departure - 60)
    assert model.soc == pytest.approx(1) and model.injection_w == 0
    assert model.absorbed_wh == pytest.approx(stay.energy_wh)
    assert model.run(PowerOrder(), stay.departure, stay.departure + 60).soc is None


def test_a_car_that_would_leave_empty_is_unwilling() -> None:
    stay = current_session(SITE, MIDNIGHT + DAY)
    assert stay is not None
    model = EvCharger(site=SITE).run(PowerOrder(target_w=0), stay.arrival, stay.arrival + 3600)
    assert model.injection_w == 0 and not model.uncomfortable
    latest = stay.departure - stay.energy_wh / 7400 * 3600
    assert model.run(PowerOrder(target_w=0), stay.arrival + 3600, latest + 120).uncomfortable


def test_a_car_does_not_charge_under_its_least_current() -> None:
    stay = current_session(SITE, MIDNIGHT + DAY)
    assert stay is not None
    powers = [
        EvCharger(site=SITE).step(PowerOrder(max_absorption_w=most), stay.arrival, 60).injection_w
        for most in (1379.0, 1400.0, 9000.0)
    ]
    assert powers == [0, -1400, -7400]


def test_sessions_are_believable() -> None:
    stays = [current_session(SITE._replace(seed=str(seed)), MIDNIGHT + DAY) for seed in range(200)]
    assert all(stay is not None for stay in stays)
    energies = [stay.energy_wh for stay in stays if stay]
    assert 5000 <= min(energies) < 9000 and 19000 < max(energies) <= 23000
    assert all(stay.energy_wh < 7400 * (stay.departure - stay.arrival) / 3600 for stay in stays if stay)


@pytest.mark.parametrize("longitude, latitude, "
                         "noon", [(151.2, -33.9, MIDNIGHT + DAY // 2), (0, 60, 1_768_478_400)])
def test_a_room_left_alone_stays_near_its_setpoint(longitude: float, latitude: float, noon: int) -> None:
    model, now, temperatures = Thermostat(site=Site("x", latitude, longitude)), noon, []
    for _ in range(2 * 1440):
        model, now = model.step(PowerOrder(), now, 60), now + 60
        temperatures.append(model.indoor_c)
    assert 20.3 < min(temperatures) and max(temperatures) < 21.7
    assert model.absorbed_wh > 0 or min(temperatures) > 20.5


def test_a_room_that_may_not_be_heated_cools_and_becomes_unwilling() -> None:
    winter, cold = Site("x", 60.0, 0.0), 1_768_478_400
    model = Thermostat(site=winter)
    shed = model.run(PowerOrder(target_w=0), cold, cold + 3600)
    assert shed.injection_w == 0 and 19 < shed.indoor_c < 21 and not shed.uncomfortable
    assert shed.run(PowerOrder(target_w=0), cold, cold + DAY).uncomfortable


def test_a_room_warms_ahead_as_far_as_comfort_goes() -> None:
    winter, cold = Site("x", 60.0, 0.0), 1_768_478_400
    model = Thermostat(site=winter).run(PowerOrder(target_w=-2000), cold, cold + 12 * 3600)
    assert 21.5 < model.indoor_c <= 23.2


def test_the_same_day_is_lived_the_same() -> None:
    for model in MODELS:
        assert model.run(PowerOrder(), NOON, NOON + 7200) == model.run(PowerOrder(), NOON, NOON + 7200)


@pytest.mark.parametrize("rise, alarms", [(30.0, 2), (1.0, 0), (-30.0, 4)])
def test_alarms_follow_the_voltage(rise: float, alarms: int) -> None:
    model = Inverter(site=SITE._replace(voltage_rise_percent=rise)).run(PowerOrder(), NOON - 600, NOON)
    assert model.alarms == alarms and model.voltage_percent > 110 if rise > 1 else model.voltage_percent < 110
