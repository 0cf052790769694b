"""What devices did and what they would have done, summed by interval."""
from __future__ import annotations

from typing import Any

import pytest

from clients.devices.battery import Battery
from clients.devices.devicemodel import DeviceModel
from clients.devices.inverter import Inverter
from clients.devices.thermostat import Thermostat
from clients.events.control import PowerOrder
from clients.events.eventclient import EventClient
from clients.simulation import totals
from clients.simulation.totals import Totals
from clients.simulation.weather import Site
from clients.transport.connection import Connection
from tests.clients.controls import LFDI

NOON = 1_750_000_000 // 86400 * 86400 + 43200


class Nobody:
    """A transport that is never used."""

    def close(self) -> None:
        """Nothing is open."""


def event_clients(*models: DeviceModel) -> list[EventClient]:
    connection = Connection(Nobody())  # type: ignore[arg-type]
    return [
        EventClient(f"{number}{LFDI[1:]}", model, connection, lambda _: None)
        for number, model in enumerate(models)
    ]


def run(followed: list[EventClient], *instants: float) -> None:
    for instant in instants:
        for device in followed:
            device.run_until(instant)


@pytest.fixture
def intervals() -> list[dict[str, Any]]:
    return []


def test_what_was_ordered_is_seen_beside_what_would_have_been(intervals: list[dict[str, Any]]) -> None:
    sun, store = followed = event_clients(Inverter(site=Site("a")), Battery(site=Site("b", peak_load_w=0)))
    Totals(followed, intervals.append)
    run(followed, NOON)
    for device, order in ((sun, PowerOrder(max_injection_w=500.0)), (store, PowerOrder(target_w=-2000.0))):
        keep_order = lambda now, device=device, order=order: setattr(device, "order", order)  # noqa: E731
        device._update_order = keep_order  # type: ignore[method-assign]
        device.order = order
    run(followed, NOON + 400, NOON + 1000, NOON + 1801)
    assert [interval["at"] - NOON for interval in intervals] == [900, 1800]
    for device in intervals:
        assert device["injection_w"] == pytest.approx({"inverter": 500, "battery": -2000})
        assert device["uncontrolled_w"]["inverter"] > 1000 and device["uncontrolled_w"]["battery"] == 0
    assert intervals[0]["uncontrolled_soc"] == [0.5] and intervals[1]["soc"][0] > intervals[0]["soc"][0] > 0.5
    assert intervals[0]["devices"] == 2


def test_an_interval_is_exact_however_the_steps_fall(intervals: list[dict[str, Any]]) -> None:
    followed = event_clients(Thermostat(site=Site("cold", latitude=60.0)))
    Totals(followed, intervals.append)
    run(followed, NOON - 250, NOON - 10, NOON + 70.5, NOON + 2777.7)
    continuous = event_clients(Thermostat(site=Site("cold", latitude=60.0)))
    again: list[dict[str, Any]] = []
    Totals(continuous, again.append)
    run(continuous, NOON - 250, NOON + 2700)
    assert [interval["at"] - NOON for interval in intervals] == [900, 1800, 2700], (
        "none of the part of an interval at the beginning"
    )
    assert all(period["injection_w"] == period["uncontrolled_w"]
               for period in intervals) and again == intervals


def test_who_lags_behind_does_not_hold_the_others_up(intervals: list[dict[str, Any]]) -> None:
    ahead, behind = followed = event_clients(Inverter(), Inverter())
    Totals(followed, intervals.append)
    run(followed, NOON)
    run([ahead], NOON + 900)
    assert not intervals
    run([ahead], NOON + 1800)
    assert [(interval["at"], interval["devices"]) for interval in intervals] == [(NOON + 900, 1)]


def test_the_sums_of_processes_add_up() -> None:
    first = {"at": 900, "feeder": "F1", "devices": 2, "injection_w": {"battery": 5.0, "inverter": 1.0},
           "uncontrolled_w": {"battery": 0.0},
           "soc": [0.5], "uncontrolled_soc": [0.4]}
    two = {
        "at": 900,
        "feeder": "F1",
        "devices": 1,
        "injection_w": {"battery": -2.0},
        "uncontrolled_w": {"evcharger": -7.0},
        "soc": [],
        "uncontrolled_soc": [],
    }
    assert totals.interval(first) == (900, "F1")
    assert totals.add_totals([first, two]) == {
        "at": 900,
        "feeder": "F1",
        "devices": 3,
        "injection_w": {"battery": 3.0, "inverter": 1.0},
        "uncontrolled_w": {"battery": 0.0, "evcharger": -7.0},
        "soc": [0.5],
        "uncontrolled_soc": [0.4],
    }
