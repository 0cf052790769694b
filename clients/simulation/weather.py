"""Irradiance, temperature, household load and voltage at one site: functions of the site and the instant.
Pure.

All variation is drawn from the site's seed, so that a day can be repeated.
"""
from __future__ import annotations

import math
import zlib
from typing import NamedTuple

DAY = 86400


class Site(NamedTuple):
    """The place of a device on earth and on the feeder, whose name is `feeder`.

    Latitude and longitude are in degrees, north and east positive. `peak_load_w` is the household's evening
    peak. `voltage_rise_percent` is by how much the voltage rises when the device injects its full power.
    """
    seed: str = ""
    latitude: float = 38.0
    longitude: float = 0.0
    peak_load_w: float = 2500.0
    voltage_rise_percent: float = 4.0
    nominal_volts: float = 230.0
    nominal_hertz: float = 50.0
    feeder: str = ""


def noise(seed: str, now: float, period_s: float) -> float:
    """Return a smooth value in -1..1 that varies with the period; a function of seed and instant."""
    knot, fraction = divmod(now / period_s, 1.0)
    previous, following = (
        zlib.crc32(f"{seed} {int(knot) + step}".encode()) / 0xFFFFFFFF * 2 - 1 for step in (0, 1)
    )
    blend = (1 - math.cos(math.pi * fraction)) / 2
    return previous + (following - previous) * blend


def solar_hour(site: Site, now: float) -> float:
    """Return the solar time in hours: 12.0 when the sun is highest."""
    return (now / 3600 + site.longitude / 15) % 24


def elevation(site: Site, now: float) -> float:
    """Return the sine of the sun's elevation; negative at night."""
    day_of_year = (now / DAY) % 365.25
    declination = math.radians(-23.44 * math.cos(math.tau * (day_of_year + 10) / 365.25))
    angle = math.radians(15 * (solar_hour(site, now) - 12))
    latitude = math.radians(site.latitude)
    return (math.sin(latitude) * math.sin(declination)
            + math.cos(latitude) * math.cos(declination) * math.cos(angle))


def irradiance_w_per_m2(site: Site, now: float) -> float:
    """Return the irradiance on the ground: Haurwitz' clear sky, less the day's weather and passing clouds."""
    sine = elevation(site, now)
    if sine <= 0:
        return 0.0
    clear = 1098 * sine * math.exp(-0.057 / sine)
    weather = 0.75 + 0.25 * noise(f"{site.seed} weather", now, 2 * DAY)
    clouds = max(0.0, noise(f"{site.seed} clouds", now, 900)) * (1.2 - weather)
    return clear * weather * (1 - 0.8 * min(1.0, clouds))


def outdoor_c(site: Site, now: float) -> float:
    """Return the outdoor temperature from the season, the hour (warmest at 15:00) and the weather."""
    season = -math.cos(math.tau * ((now / DAY) % 365.25 - 20) / 365.25) * math.copysign(1, site.latitude)
    hour = math.cos(math.tau * (solar_hour(site, now) - 15) / 24)
    mean = 27 - 0.3 * abs(site.latitude)
    return mean + 8 * season + 5 * hour + 3 * noise(f"{site.seed} air", now, DAY)


def household_load_w(site: Site, now: float) -> float:
    """Return what the household consumes besides the device, with a peak in the morning and the evening."""
    hour = solar_hour(site, now)
    morning, evening = (math.exp(-((hour - peak) / width) ** 2) for peak, width in ((7.5, 1.2), (19, 2.2)))
    shape = 0.12 + 0.5 * morning + 0.88 * evening
    return site.peak_load_w * max(0.05, shape * (1 + 0.35 * noise(f"{site.seed} load", now, 600)))


def voltage_percent(site: Site, now: float, loading: float) -> float:
    """Return the voltage at the connection point in percent of nominal.

    `loading` is the device's injection as a fraction of its rating.
    """
    evening = math.exp(-((solar_hour(site, now) - 19) / 2.5) ** 2)
    variation = 1.5 * noise(f"{site.seed} volts", now, 300)
    return 101.5 - 2.5 * evening + site.voltage_rise_percent * loading + variation


def frequency_hz(site: Site, now: float) -> float:
    """Return the frequency, which is that of the grid at every site."""
    return site.nominal_hertz + 0.04 * noise("grid", now, 45)
