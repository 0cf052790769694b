"""The DERMS: virtual DERs, what they can do, orders on them, and the balance of areas.

Power is in W, positive for injection (generation, discharge) and negative for consumption (load, charging),
as in DERControl, wherever a name does not say otherwise; energy is in Wh, fractions run from 0 to 1.

Packages, each of which imports only those before it: `optimisation` (pure mathematics), `groups` (virtual
DERs), `series` (signals, measurements, forecasts), `customers` (bills and prepaid accounts) and
`fleet` (what is known of members), `controls` (single events), `flexibility` (what a group can do),
`dispatch` (orders), `reports`, `balance` (areas kept in balance).
"""
from __future__ import annotations


def load() -> None:
    """Import what registers hooks of the store (see resources/hooks.py)."""
    from server.grid.controls import reservationanswers  # noqa: F401
    from server.grid.fleet import participation, rebuild  # noqa: F401
    from server.grid.groups import assignments, singledevices, virtualders  # noqa: F401
