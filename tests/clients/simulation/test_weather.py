"""Sun, air, load and voltage at a site."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from clients.simulation import weather
from clients.simulation.weather import DAY, Site

SYDNEY, LONDON = Site("a", -33.9, 151.2), Site("a", 51.5, -0.1)
JUNE, DECEMBER = 1781956800, 1797768000     # 2026-06-20 12:00 and 2026-12-20 12:00 UTC
NOW = some.integers(1_700_000_000, 1_900_000_000)


def day(site: Site, noon: int) -> float:
    """Wh per m2 over the day around this instant."""
    return sum(weather.irradiance_w_per_m2(site, noon - DAY // 2 + step) for step in range(0, DAY, 600)) / 6


@given(NOW)
def test_the_sun_is_the_sun(now: int) -> None:
    for site in (SYDNEY, LONDON):
        light = weather.irradiance_w_per_m2(site, now)
        assert 0 <= light < 1100
        assert light == 0 if weather.elevation(site, now) <= 0 else light > 0
        assert light == weather.irradiance_w_per_m2(site, now), "a day can be lived twice"


@pytest.mark.parametrize("site, summer, winter", [(LONDON, JUNE, DECEMBER), (SYDNEY, DECEMBER, JUNE)])
def test_summer_gives_more_than_winter(site: Site, summer: int, winter: int) -> None:
    mean = {season: sum(day(site._replace(seed=str(seed)), season) for seed in range(20)) / 20
            for season in (summer, winter)}
    assert mean[summer] > 2 * mean[winter] > 100
    assert weather.outdoor_c(site, summer) > weather.outdoor_c(site, winter)


def test_noon_is_where_the_sun_stands_highest() -> None:
    heights = {now: weather.elevation(SYDNEY, now) for now in range(JUNE - DAY // 2, JUNE + DAY // 2, 60)}
    highest = max(heights, key=lambda now: heights[now])
    assert weather.solar_hour(SYDNEY, highest) == pytest.approx(12, abs=0.02)


def test_clouds_are_a_sites_own() -> None:
    assert len({weather.irradiance_w_per_m2(Site(str(seed)), JUNE) for seed in range(10)}) == 10


@given(NOW, some.text(max_size=5), some.floats(-1, 1))
def test_the_rest_stays_within_what_is_believable(now: int, seed: str, loading: float) -> None:
    site = Site(seed)
    assert -1 <= weather.noise(seed, now, 300) <= 1
    assert -15 < weather.outdoor_c(site, now) < 48
    assert 0.04 * site.peak_load_w < weather.household_load_w(site, now) < 1.6 * site.peak_load_w
    assert 90 < weather.voltage_percent(site, now, loading) < 113
    assert weather.voltage_percent(site, now, 1) > weather.voltage_percent(site, now, -1)
    assert abs(weather.frequency_hz(site, now) - 50) < 0.05
