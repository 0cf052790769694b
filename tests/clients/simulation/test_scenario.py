"""The made-up town: the same every time, believable, and supplied with as much as it uses."""
from __future__ import annotations

from collections import Counter

import pytest

from clients.devices.battery import Battery
from clients.simulation import scenario

MIDNIGHT = 1_781_000_000 // 86400 * 86400


def test_a_seed_is_a_town() -> None:
    assert scenario.devices() == scenario.devices() != scenario.devices(seed=2)
    kinds = Counter(entry["model"] for entry in scenario.devices())
    assert kinds == {"inverter": 27, "battery": 15, "evcharger": 30, "thermostat": 24}
    assert len({entry["name"] for entry in scenario.devices()}) == 96
    assert {entry["labels"]["feeder"] for entry in scenario.devices(feeder="F2")} == {"F2"}


def test_another_street_has_other_homes_and_its_businesses_grow_with_it() -> None:
    names, others = ({entry["name"] for entry in scenario.devices(20, first=first)} for first in (1, 21))
    assert not names & others
    small, large = (scenario.device_models(scenario.businesses(homes, "F2")) for homes in (2, 20))
    for fewer, more in zip(small, large, strict=True):
        assert more.rating_w == pytest.approx(10 * fewer.rating_w) and more.site.feeder == "F2"
    assert [model.kind for model in large] == ["interruptible", "generator"]


def test_the_price_has_a_spike_in_the_evening() -> None:
    prices = scenario.prices(MIDNIGHT + 12 * 3600, 96)
    assert prices[23:33] == [scenario.PRICE] + [scenario.SPIKE_PRICE] * 8 + [scenario.PRICE]
    assert prices.count(scenario.SPIKE_PRICE) == 8


def test_plants_are_as_the_entries_say_and_a_battery_rests_by_itself() -> None:
    known = scenario.devices(20)
    for entry, model in zip(known, scenario.device_models(known), strict=True):
        assert (model.name, model.kind) == (entry["name"], entry["model"])
        for name, value in entry["ratings"].items():
            assert name == "site" or getattr(model, name) == value
        if isinstance(model, Battery):
            assert scenario.uncontrolled_load_w(model, MIDNIGHT, 8) == [0.0] * 8


def test_a_home_is_one_site_for_all_its_devices() -> None:
    seeds = {(entry["labels"]["home"], entry["ratings"]["site"]["seed"]) for entry in scenario.devices()}
    assert len(seeds) == len({home for home, _ in seeds}) == len({seed for _, seed in seeds})


def test_a_day_left_alone_nets_to_zero_and_a_forecast_errs_a_little() -> None:
    known = scenario.devices(20)
    drawn = [
        sum(entry)
        for entry in zip(
            scenario.inflexible_load_w(20, MIDNIGHT),
            *(scenario.uncontrolled_load_w(model, MIDNIGHT) for model in scenario.device_models(known)),
            strict=True,
        )
    ]
    delivered = scenario.supply_w(drawn, MIDNIGHT)
    truth = [load - supply for load, supply in zip(drawn, delivered, strict=True)]
    assert sum(truth) == pytest.approx(0, abs=1) and max(truth) > 20 * 250
    expected = scenario.forecast_w(truth, MIDNIGHT)
    errors_w = [abs(true_w - expected_w) for true_w, expected_w in zip(truth, expected, strict=True)]
    error = sum(errors_w) / sum(map(abs, truth))
    assert 0.02 < error < 0.2


def test_cars_come_about_when_they_were_expected() -> None:
    models = scenario.device_models(scenario.devices(20))
    chargers = [model for model in models if model.kind == "evcharger"]
    visits = scenario.expected_sessions(models, MIDNIGHT, 2)
    assert len(visits) == 2 * len(chargers) and all(
        energy > 0 and power >= 3700 for *_, energy, power in visits
    )
    first = scenario.evening_session(chargers[0].site, scenario.local_day(chargers[0].site, MIDNIGHT))
    assert abs(visits[0][0] - first.arrival) <= scenario.MAX_LATENESS_S and visits[0][1] == first.departure
