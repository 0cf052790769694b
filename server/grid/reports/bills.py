"""The bill of an area that has a price: what its exchange with the network cost, and what it would have cost.

The exchange is what the balance recorded of each step: what the area drew, and what it would have drawn if
nobody had been told anything. What is in a battery at the end of a day is not in the bill of that day. Energy
is in kWh, money in that of the price signal.
"""
from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple, TypedDict

from server import clock
from server.errors import Refused
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import Bools, Floats, np
from server.grid.optimisation.prices import tariff
from server.grid.reports import callsettlement, reports
from server.grid.series import issuedseries, measurements
from server.grid.series.intervals import STEP
from server.models import VirtualDER
from server.units import Hours, Instant, KilowattHours

HOURS = STEP / 3600


class BillRow(TypedDict):
    """The bill of a local day, of the hours that were measured; `missing_h` were not, or had no price.

    `cost` is what the exchange cost, `cost_without` what it would have cost without Counterpoise, `calls`
    what is due to businesses for calls that began on that day (None where a delivery is unknown), and `saved`
    what is left: `cost_without` less `cost` and `calls`.
    """
    day: str
    drawn_kwh: KilowattHours
    injected_kwh: KilowattHours
    cost: float
    cost_without: float
    calls: float | None
    saved: float | None
    missing_h: Hours


class Exchange(NamedTuple):
    """What an area exchanged with the network in each step [T] (W, consumption +), with Counterpoise and
    without; NaN where that is unknown. `buy` and `sell` [T] are the prices per kWh."""
    load_w: Floats
    uncontrolled_w: Floats
    buy: Floats
    sell: Floats

    @property
    def known(self) -> Bools:
        """[T]: whether a step counts."""
        flags: Bools = np.isfinite(self.load_w) & np.isfinite(self.uncontrolled_w) & np.isfinite(self.buy)
        return flags


def bills(vder: str | int | VirtualDER, first: date, last: date) -> list[BillRow]:
    """Return the bill of each local day from `first` to `last`, as far as it has come.

    Refused (400) where the days are in the wrong order, (409) where no price is known, or where the area has
    an imbalance signal: then it is not its exchange that is measured.
    """
    if last < first:
        raise Refused(400, f"{last} is before {first}: name the first day first")
    area, today = virtualders.find(vder), reports.today()
    days = [first + timedelta(days=number) for number in range((min(last, today) - first).days + 1)]
    rows = [_row(area, day) for day in days]
    if not any(row for row in rows):
        raise Refused(409, f"{area.name} has no price for these days: put a signal of the kind price")
    return [row for row in rows if row is not None]


def _row(area: VirtualDER, day: date) -> BillRow | None:
    """The bill of a day; None where no price is known."""
    start, end = reports.midnight(day), reports.midnight(day + timedelta(days=1))
    until = min(end, clock.now())
    exchange = _exchange(area, start, max((until - start) // STEP, 0))
    if exchange is None:
        return None
    known = exchange.known
    cost, cost_without = (cost_of(power_w[known], exchange.buy[known], exchange.sell[known])
                          for power_w in (exchange.load_w, exchange.uncontrolled_w))
    due = [call["due"] for call in callsettlement.calls(area, start, end)]
    calls = None if None in due else round(sum(part for part in due if part is not None), 2)
    load_w = exchange.load_w[known]
    return {
        "day": day.isoformat(),
        "drawn_kwh": round(float(np.maximum(load_w, 0).sum()) * HOURS / 1000, 3),
        "injected_kwh": round(float(np.maximum(-load_w, 0).sum()) * HOURS / 1000, 3),
        "cost": round(cost, 2),
        "cost_without": round(cost_without, 2),
        "calls": calls,
        "saved": None if calls is None else round(cost_without - cost - calls, 2),
        "missing_h": round(float((~known).sum()) * HOURS, 2),
    }


def _exchange(area: VirtualDER, start: Instant, steps: int) -> Exchange | None:
    """What an area exchanged from `start` on; None where no price is known."""
    price, export, schedule_w, imbalance_w = (
        issuedseries.known(area, kind, start, steps, STEP)
        for kind in ("price", "export_price", "schedule", "imbalance"))
    if not np.isfinite(price).any():
        return None
    if np.isfinite(imbalance_w).any():
        raise Refused(409, f"{area.name} has an imbalance signal: its meter reads the imbalance, and what it "
                           "draws is not known")
    after, before = (measurements.read(area, name, start, steps) for name in ("after", "before"))
    buy, sell, _ = tariff(price, export, after)
    scheduled_w = np.nan_to_num(schedule_w)
    return Exchange(after + scheduled_w, before + scheduled_w,
                    np.where(np.isfinite(price), buy, np.nan), sell)


def cost_of(load_w: Floats, buy: Floats, sell: Floats) -> float:
    """Return what a load [T] (W, consumption +) costs at these prices per kWh [T]. Pure."""
    price = np.where(load_w > 0, buy, sell)
    return float((load_w * price).sum()) * HOURS / 1000
