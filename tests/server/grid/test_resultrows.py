"""The fields of results: a key that ends in a unit is of the type with that unit, and the other way round."""
import importlib
import inspect
import typing

import pytest

from tests.typedresults import unit_of

MODULES = [
    "server.grid.balance.results",
    "server.grid.controls.results",
    "server.grid.dispatch.results",
    "server.grid.groups.results",
    "server.grid.series.results",
    "server.grid.flexibility.results",
    "server.grid.fleet.participation",
    "server.grid.reports.results",
    "server.grid.reports.unmetresults",
]
ROWS = [
    row
    for module in map(importlib.import_module, MODULES)
    for _, row in inspect.getmembers(module, typing.is_typeddict)
]
# a price per kWh is money, which has no unit
SUFFIXES = {"price_kwh": None, "_w_per_s": "W/s", "_w": "W", "_wh": "Wh", "_kwh": "kWh", "_s": "s",
            "_h": "h", "_at": "instant"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_keys_and_units_agree(row: type) -> None:
    hints = typing.get_type_hints(row, include_extras=True)
    units = {key: unit_of(hint) for key, hint in hints.items()}
    expected = {
        key: next((unit for suffix, unit in SUFFIXES.items() if key.endswith(suffix)), None) for key in hints
    }
    assert {key: units[key] for key, unit in expected.items() if unit is not None} == {
        key: unit for key, unit in expected.items() if unit is not None
    }
    assert [key for key, unit in units.items() if unit in ("W", "Wh", "s") and expected[key] is None] == []
