"""Businesses as simulated devices: a table of behaviours, each a kind of device and its ratings. Pure.

The powers suit a street of some twenty homes; an entry of a devices.json may have other `ratings`.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from clients.devices.devicemodel import DeviceModel
from clients.devices.generator import Generator
from clients.devices.interruptible import InterruptibleLoad


class Business(NamedTuple):
    """A behaviour: the device model, and the fields in which it differs from others of its kind."""
    model: type[DeviceModel]
    ratings: Mapping[str, Any]


BUSINESSES: Mapping[str, Business] = {
    "cold_store": Business(InterruptibleLoad, {}),
    "pumps": Business(InterruptibleLoad, {
        "max_charge_w": 40_000.0, "steady_w": 25_000.0, "working_w": 0.0, "sheddable_w": 25_000.0,
        "hold_s": 6 * 3600.0}),
    "factory": Business(InterruptibleLoad, {
        "max_charge_w": 120_000.0, "steady_w": 15_000.0, "working_w": 80_000.0, "working_hours": (6.0, 18.0),
        "sheddable_w": 40_000.0, "hold_s": 4 * 3600.0, "made_up": 0.0}),
    "gas_engine": Business(Generator, {}),
    "diesel": Business(Generator, {
        "least_w": 15_000.0, "start_s": 30.0, "least_run_s": 900.0, "ramp_w_per_s": 6000.0}),
}
