"""What DERCapability and DERSettings say of reactive power."""
from __future__ import annotations

import math

from server.grid.fleet import reactivecapability


def quantity(value: float) -> dict[str, int]:
    return {"multiplier": 0, "value": round(value)}


def test_settings_override_ratings_and_absorption_follows_injection() -> None:
    rated = {"rtgMaxVar": quantity(2000), "rtgMaxVA": quantity(5000),
             "rtgMinPFOverExcited": {"displacement": 850, "multiplier": -3}}
    der = reactivecapability.of_documents(rated, {"setMaxVar": quantity(1500)}, frozenset({"opModFixedVar"}))
    assert (der.max_injection_var, der.max_absorption_var, der.max_va) == (1500, 1500, 5000)
    assert (der.min_pf_over, der.min_pf_under) == (0.85, 0.0)
    own = reactivecapability.of_documents({**rated, "rtgMaxVarNeg": quantity(-900)}, {}, frozenset())
    assert (own.max_injection_var, own.max_absorption_var) == (2000, 900)


def test_what_is_not_reported_is_none() -> None:
    der = reactivecapability.of_documents({}, {}, frozenset())
    assert der.limit_var(True, 0) == der.limit_var(False, 0) == 0 and der.max_va is None


def test_apparent_power_bounds_it() -> None:
    der = reactivecapability.of_documents(
        {"rtgMaxVar": quantity(4500), "rtgMaxVA": quantity(5000)}, {}, frozenset())
    assert der.limit_var(True, 4000) == 3000 and der.limit_var(True, -4000) == 3000
    assert der.limit_var(True, 6000) == 0 and math.isclose(der.limit_var(True, 0), 4500)
