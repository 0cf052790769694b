"""The prices of the objective, in money: one table, and the order of what is kept. Pure.

Each is priced well above the next: limits, energy that cars and heating need, ramps, imbalance and its peak,
the bill, wear, earliness. Reserves of batteries and the power of every device are bounds, never priced. The
unit of money is that of the price signals; nothing is normalised or centred, so a spike of 3.00 beside 0.30
is ten times one of 0.30.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from server.grid.optimisation.arrays import Floats, np


@dataclass(frozen=True)
class Prices:
    """Prices per kWh, where nothing else is said. The settings `price_*` have the reasons of the defaults.

    `limit` is of energy beyond a limit, `limit_peak` of the worst excess, per kW. `unserved` is of energy
    that a car leaves without, or by which a thermal load falls below its comfort band. `ramp` is of a change
    of power beyond the allowed one, kept for an hour. `imbalance` is the mean price of the greatest imbalance
    without control: a smaller one costs proportionally less per kWh, so the cost is its square. `peak` is of
    the greatest imbalance that remains, per kW. `spread` and `demand` take the place of these two where an
    area follows a price alone: the same square for its exchange, and a charge per kW of its greatest import.
    `curtailment` is what a curtailed kWh costs where no price is known, `premium` what it costs beside a
    known price. `wear` is per kWh charged, per kWh discharged, and where a price is known per kWh that a
    thermal load shifts. `lateness` is per kWh and hour by which a car charges later, and `scarcity` the same
    where cars need all the room that a limit leaves them: with the square of the part of it that they need.
    """
    limit: float = 1000.0
    limit_peak: float = 1000.0
    unserved: float = 100.0
    ramp: float = 25.0
    imbalance: float = 5.0
    peak: float = 5.0
    spread: float = 0.01
    demand: float = 0.0
    curtailment: float = 0.08
    premium: float = 0.0
    wear: float = 0.02
    lateness: float = 0.0001
    scarcity: float = 5.0


class Tariff(NamedTuple):
    """What energy costs, per kWh: `buy` [T] what is drawn, `sell` [T] what an injected kWh earns. `load` [T]
    is the area's load less its generation without control, in W: it says which of the two holds."""
    buy: Floats
    sell: Floats
    load: Floats

    @property
    def single(self) -> bool:
        """Whether both directions have one price, so that the bill does not depend on the load."""
        return bool(np.array_equal(self.buy, self.sell))


def tariff(buy: Floats, sell: Floats | None, load: Floats) -> Tariff:
    """A tariff without gaps, of prices [T] with NaN where none is known. A step without a price has the mean
    of the known ones; injection without a price of its own earns the price. It earns no more than that: where
    it did, a plan would buy and sell at once."""
    filled = np.where(np.isnan(buy), np.nanmean(buy), buy)
    return Tariff(filled, filled if sell is None else np.fmin(sell, filled), load)
