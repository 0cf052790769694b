"""The prices of the objective are the settings."""
from __future__ import annotations

from dataclasses import fields

import pytest

from server.config import settings
from server.config.declarations import SETTINGS
from server.grid.balance import planprices
from server.grid.optimisation.prices import Prices


def test_each_price_is_a_setting_and_has_its_default() -> None:
    assert planprices.prices() == Prices()
    assert {f"price_{field.name}" for field in fields(Prices)} == {
        name for name in SETTINGS if name.startswith("price_")}


def test_a_setting_is_the_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "price_wear", 0.05)
    assert planprices.prices() == Prices(wear=0.05)
