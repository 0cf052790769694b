"""The prices of the objective as the settings have them."""
from __future__ import annotations

from dataclasses import fields

from server.config import settings
from server.grid.optimisation.prices import Prices


def prices() -> Prices:
    """Return the prices of the objective: of each, the setting `price_NAME`."""
    return Prices(**{field.name: getattr(settings, f"price_{field.name}") for field in fields(Prices)})
