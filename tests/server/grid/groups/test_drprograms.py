"""Which devices support demand response, and the names of categories. The rules are in tests/standard."""
from __future__ import annotations

from typing import Any

import pytest

from server.grid.groups import drprograms
from server.resources.codes import DeviceCategory, FunctionsImplemented

THERMOSTAT = {"deviceCategory": "00000001"}
PHOTOVOLTAIC = {"deviceCategory": f"{DeviceCategory.PHOTOVOLTAIC:08X}"}
DR = f"{FunctionsImplemented.DEMAND_RESPONSE:016X}"


@pytest.mark.parametrize(
    "end_device, information, has_load_shed, supports",
    [
        ({}, None, False, False),
        ({}, None, True, True),
        (THERMOSTAT, None, False, True),
        (PHOTOVOLTAIC, None, False, False),
        (PHOTOVOLTAIC, {"DRLCCapabilities": {}}, False, True),
        (PHOTOVOLTAIC, {"functionsImplemented": DR}, False, True),
        (THERMOSTAT, {"functionsImplemented": "00"}, False, False),
        (THERMOSTAT, {"functionsImplemented": "00"}, True, True),
        (THERMOSTAT, {}, False, True),
    ],
)
def test_which_devices_support_demand_response(
    end_device: dict[str, Any], information: dict[str, Any] | None, has_load_shed: bool, supports: bool
) -> None:
    assert drprograms.supports_dr(end_device, information, has_load_shed) is supports


def test_categories_of_loads_have_names_for_operators() -> None:
    assert drprograms.CATEGORIES["pool-pump"] is DeviceCategory.POOL_PUMP
    assert drprograms.CATEGORIES["appliance"] is DeviceCategory.SMART_APPLIANCE
    assert drprograms.CATEGORIES["ev"] is DeviceCategory.ELECTRIC_VEHICLE
    assert drprograms.LOADS == (1 << 18) - 1 and len(drprograms.CATEGORIES) == 18
