"""Sun, temperature, household load and the feeder's voltage at one site: functions of the site and the
instant.  Pure.

Everything that looks like chance is drawn from the site's seed, so a day can be lived twice.
"""
from __future__ import annotations

import math
import zlib
from typing import NamedTuple

DAY = 86400


class Site(NamedTuple):
    """Where a device stands. Degrees, + is north and east; `peak_load` is the household's evening peak in W;
    `rise` is by how many percent the voltage rises when the site injects its device's full power."""
    seed: str = ""
    latitude: float = 38.0
    longitude: float = 0.0
    peak_load: float = 2500.0
    rise: float = 4.0
    nominal_volts: float = 230.0
    nominal_hertz: float = 50.0


def noise(seed: str, now: float, period: float) -> float:
    """A smooth value in -1..1 that wanders with the period (seconds); the same for the same seed and
    instant."""
    knot, part = divmod(now / period, 1.0)
    here, there = (zlib.crc32(f"{seed} {int(knot) + step}".encode()) / 0xFFFFFFFF * 2 - 1 for step in (0, 1))
    blend = (1 - math.cos(math.pi * part)) / 2
    return here + (there - here) * blend


def solar_hour(site: Site, now: float) -> float:
    """Hour of the day by the sun, 12.0 when it stands highest."""
    return (now / 3600 + site.longitude / 15) % 24


def elevation(site: Site, now: float) -> float:
    """Sine of the sun's height over the horizon; negative at night."""
    day_of_year = (now / DAY) % 365.25
    declination = math.radians(-23.44 * math.cos(math.tau * (day_of_year + 10) / 365.25))
    angle = math.radians(15 * (solar_hour(site, now) - 12))
    latitude = math.radians(site.latitude)
    return (math.sin(latitude) * math.sin(declination)
            + math.cos(latitude) * math.cos(declination) * math.cos(angle))


def irradiance_w_per_m2(site: Site, now: float) -> float:
    """W per m2 on the ground: Haurwitz' clear sky, dimmed by the day's weather and by passing clouds."""
    height = elevation(site, now)
    if height <= 0:
        return 0.0
    clear = 1098 * height * math.exp(-0.057 / height)
    weather = 0.75 + 0.25 * noise(f"{site.seed} weather", now, 2 * DAY)
    clouds = max(0.0, noise(f"{site.seed} clouds", now, 900)) * (1.2 - weather)
    return clear * weather * (1 - 0.8 * min(1.0, clouds))


def outdoor_c(site: Site, now: float) -> float:
    """Degrees Celsius: the season, the hour (warmest at three in the afternoon), and some weather."""
    season = -math.cos(math.tau * ((now / DAY) % 365.25 - 20) / 365.25) * math.copysign(1, site.latitude)
    hour = math.cos(math.tau * (solar_hour(site, now) - 15) / 24)
    mean = 27 - 0.3 * abs(site.latitude)
    return mean + 8 * season + 5 * hour + 3 * noise(f"{site.seed} air", now, DAY)


def household_load_w(site: Site, now: float) -> float:
    """W that the household uses beside the device: always some, more in the morning and the evening."""
    hour = solar_hour(site, now)
    morning, evening = (math.exp(-((hour - peak) / width) ** 2) for peak, width in ((7.5, 1.2), (19, 2.2)))
    shape = 0.12 + 0.5 * morning + 0.88 * evening
    return site.peak_load * max(0.05, shape * (1 + 0.35 * noise(f"{site.seed} load", now, 600)))


def voltage_percent(site: Site, now: float, loading: float) -> float:
    """Percent of nominal at the connection point; `loading` is power over rated power, + = injection."""
    evening = math.exp(-((solar_hour(site, now) - 19) / 2.5) ** 2)
    return 101.5 - 2.5 * evening + site.rise * loading + 1.5 * noise(f"{site.seed} volts", now, 300)


def frequency_hz(site: Site, now: float) -> float:
    """Hertz; the same for all sites, since they hang on one grid."""
    return site.nominal_hertz + 0.04 * noise("grid", now, 45)
