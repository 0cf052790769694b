"""The kinds of signals.

Powers are in W. `imbalance` is by how much the area will draw too much if no flexibility is used, `schedule`
what it is to draw from outside, `measured` what it drew (with a schedule) or by how much it was out of
balance, with our dispatch: all with consumption positive, as a net operator reads the area's meter.
`import_limit` and `export_limit` are magnitudes. `price` is per kWh drawn; `export_price` is what an injected
kWh earns, where that is not the price. `outdoor_temperature` is in degrees Celsius, forecast or measured:
heat pumps follow it, and it holds for all virtual DERs below the one that has it.
"""
from __future__ import annotations

import math
from typing import NamedTuple

from server.errors import Refused


class Kind(NamedTuple):
    """A kind of signal.

    Areas are balanced by a `governing` kind, so it has to reach as far as their plans. A gap in a `complete`
    kind is a fault; another has no values where there is no limit. Values beyond `minimum` and `maximum` are
    refused.
    """
    unit: str
    minimum: float = -math.inf
    maximum: float = math.inf
    governing: bool = False
    complete: bool = True


KINDS = {
    "imbalance": Kind("W", governing=True),
    "schedule": Kind("W", governing=True),
    "measured": Kind("W"),
    "price": Kind("per kWh"),
    "export_price": Kind("per kWh"),
    "import_limit": Kind("W", 0.0, complete=False),
    "export_limit": Kind("W", 0.0, complete=False),
    # no weather is beyond; degrees Fahrenheit of a warm day are
    "outdoor_temperature": Kind("degC", -90.0, 60.0, complete=False),
}
MEASURED, TEMPERATURE = "measured", "outdoor_temperature"


def find(name: str) -> Kind:
    """Return the kind of this name. Refused (400) where there is none."""
    if name not in KINDS:
        raise Refused(400, f"there is no kind of signal {name!r}; there are {', '.join(KINDS)}")
    return KINDS[name]
