"""Gates of the objective in money: solar that nobody can curtail, and days of prices.

Consumption is positive, in W.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from server.grid.optimisation import balanceprogram, clusters
from server.grid.optimisation.balanceproblem import BalanceProblem
from server.grid.optimisation.clusters import Sessions
from server.grid.optimisation.disaggregation import Fleet
from server.grid.optimisation.prices import Prices, Tariff, tariff
from server.grid.optimisation.rollinghorizon import HorizonForecast
from tests.load.grid import exact, naive
from tests.load.grid.day import DayResult, Foresight, Readings, Truth, beginning, run_day
from tests.load.grid.fleet import DAY, DAYS, EFFICIENCY, HOURS
from tests.load.grid.gates import Cut, Gate, Violations, cut, days, mean, planner

INTEGER_SECONDS = 60.0  # for the exact program with whole numbers, a day
SPIKE_DAY, SPIKE, SPIKE_HOURS = 336, 3.00, slice(24, 28)  # 18:00 to 19:00, in steps after noon


def gates_of() -> Iterator[Gate]:
    """Measure all of them."""
    violations = Violations()
    yield from solar_at_positive_prices()
    yield from uncurtailable(17, violations)
    yield from uncurtailable(100, violations, DAYS[::4])
    yield from price_days(100, violations)
    yield from violations.gates()


def solar_at_positive_prices() -> Iterator[Gate]:
    """Measure what is curtailed of two inverters of 6 kW while prices of 0.10 and 0.30 alternate by the hour,
    and where one hour is at -0.05."""
    solar = 12_000 * np.maximum(np.sin((np.arange(DAY) / 4 - 6) / 12 * np.pi), 0)
    nobody = clusters.sessions(
        Sessions(*np.zeros((2, 0), dtype=int), *np.zeros((2, 0)), np.zeros(0, dtype=int)), DAY, HOURS)[0]
    price = np.where(np.arange(DAY) // 4 % 2, 0.30, 0.10)
    negative = np.where(np.arange(DAY) // 4 == 12, -0.05, price)
    curtailed = []
    for prices in (price, negative):
        plan = balanceprogram.solve(BalanceProblem(
            -solar, HOURS, nobody, solar, tariff=tariff(prices, None, -solar), tracked=False))
        assert plan is not None
        curtailed.append(plan.curtailed)
    wrongly = curtailed[0] + curtailed[1] * (negative > 0)
    yield Gate("solar curtailed at positive prices", float(wrongly.max()), 0.0, True, "W")
    below_zero = curtailed[1][negative < 0].sum() / solar[negative < 0].sum()
    yield Gate("  at a price below zero, of its generation", float(below_zero), 1 - 1e-6)


def uncurtailable(count: int, violations: Violations, chosen: tuple[int, ...] = DAYS) -> Iterator[Gate]:
    """Measure, where no generation can be curtailed, the fraction of what the exact program with whole
    numbers reaches; of what the linear bound reaches, where the exact program takes too long."""
    ours: list[Cut] = []
    others: dict[str, list[Cut]] = {"integer": [], "bound": []}
    gaps, limit = [0.0], f"{INTEGER_SECONDS:g} s each"
    for truth in days(count, chosen=chosen):
        asked = exact.problem(truth, controllable=False)
        others["bound"].append(cut(truth, exact.linear_bound(asked).imbalance))
        best = exact.integer(asked, INTEGER_SECONDS)
        if best is not None:
            others["integer"].append(cut(truth, best.schedule.imbalance))
            gaps.append(best.gap)
        result = violations.check(run_day(truth, Foresight(truth, controllable=False), planner(truth)))
        ours.append(cut(truth, result.imbalance))
    reached, bound = mean(ours), mean(others["bound"])
    solved = len(others["integer"])
    effort = f"{solved} of {len(ours)} days solved within {limit}, gap up to {max(gaps):.2%}"
    name = f"{count} homes, solar not controlled: share of the"
    if solved == len(ours) and max(gaps) <= 0.01:
        best_cut = mean(others["integer"])
        yield Gate(f"{name} integer program's RMS cut", reached.rms / best_cut.rms, 0.97,
                   note=f"{reached.rms:.1%} of {best_cut.rms:.1%}; {effort}")
        yield Gate("  share of its peak cut", reached.peak / best_cut.peak, 0.9,
                   note=f"{reached.peak:.1%} of {best_cut.peak:.1%}")
        return
    yield Gate(f"{name} linear bound's RMS cut, no gate", reached.rms / bound.rms, -np.inf,
               note=f"{reached.rms:.1%} of {bound.rms:.1%}; integer program: {effort}")
    yield Gate("  share of its peak cut, no gate", reached.peak / bound.peak, -np.inf,
               note=f"{reached.peak:.1%} of {bound.peak:.1%}")


class Priced:
    """What is known of a day, where the area follows a price alone."""

    def __init__(self, known: Foresight | Readings, buy: np.ndarray, sell: np.ndarray) -> None:
        self.known, self.buy, self.sell, self.truth = known, buy, sell, known.truth

    def forecast(self, step: int, now: Fleet) -> HorizonForecast:
        known = self.known.forecast(step, now)
        exchange = known.net + self.truth.supply[step:]
        return HorizonForecast(
            exchange, known.base, known.generation, known.coming,
            tariff=tariff(self.buy[step:], self.sell[step:], exchange), tracked=False)

    def base(self, step: int) -> np.ndarray:
        return self.known.base(step)


class Bill(NamedTuple):
    """What a day costs: energy, with what is missing in stores at its end bought back at the price of the
    last four hours, and wear of batteries."""
    energy: float
    wear: float

    @property
    def total(self) -> float:
        return self.energy + self.wear


def bill(paid: Tariff, exchange: np.ndarray, moved_wh: float, missing_wh: float) -> Bill:
    kwh = exchange * HOURS / 1000
    energy = float((paid.buy * np.maximum(kwh, 0) + paid.sell * np.minimum(kwh, 0)).sum())
    refill = max(missing_wh, 0) / 1000 * max(float(paid.buy[-16:].mean()), 0) / EFFICIENCY
    return Bill(energy + refill, moved_wh / 1000 * Prices().wear)


def _bill_of(truth: Truth, paid: Tariff, result: DayResult) -> Bill:
    return bill(paid, result.imbalance + truth.supply, result.moved_wh, result.missing_wh)


def _spot(truth: Truth, day: int) -> np.ndarray:
    """Return prices by the hour, in money per kWh: high where load is more than wind and sun, below zero
    where it is far less, and a spike in the evening of one day."""
    residual = (truth.load + truth.thermal - 2.5 * truth.pv).sum(axis=0) - truth.supply
    residual = residual.reshape(-1, 4).mean(axis=1).repeat(4)
    price = 0.20 + 0.15 * residual / np.abs(residual).max() - 0.08 * (residual < 0)
    if day == SPIKE_DAY:
        price[SPIKE_HOURS] = SPIKE
    return np.asarray(price)


def price_days(count: int, violations: Violations) -> Iterator[Gate]:
    """Measure the bill of days with prices of the hour, beside doing nothing, a simple rule and the exact
    program; where injection earns the price, and where it earns a quarter of it."""
    chosen = DAYS[::2] + (SPIKE_DAY,)
    for name, earns in (("injection earns the price", 1.0), ("injection earns a quarter", 0.25)):
        totals: dict[str, float] = dict.fromkeys(("nothing", "ours", "read", "rule", "exact"), 0.0)
        worst, peaks = -np.inf, [0.0, 0.0]
        for day, truth in zip(chosen, days(count, chosen=chosen), strict=True):
            buy = _spot(truth, day)
            sell = np.where(buy > 0, earns * buy, buy)
            paid = tariff(buy, sell, truth.net.sum(axis=0))
            nothing = bill(paid, truth.uncontrolled + truth.supply, 0.0, 0.0)
            runs: dict[str, tuple[Any, Any]] = {
                "ours": (Foresight(truth), planner(truth)),
                "read": (Readings(truth), planner(truth, every=1)),
                "rule": (Foresight(truth), naive.Threshold(buy))}
            bills = {}
            for run, (known, used) in runs.items():
                result = run_day(truth, Priced(known, buy, sell), used)
                bills[run] = _bill_of(truth, paid, result).total
                if run == "ours":
                    violations.check(result)
                    exchange = result.imbalance + truth.supply
                    peaks = [max(peaks[0], exchange.max()),
                             max(peaks[1], (truth.uncontrolled + truth.supply).max())]
            bills["exact"] = _exact_bill(truth, paid)
            for run, total in {**bills, "nothing": nothing.total}.items():
                totals[run] += total
            worst = max(worst, (bills["ours"] - nothing.total) / nothing.total)
        saved = {run: 1 - total / totals["nothing"] for run, total in totals.items()}
        yield Gate(f"{count} homes, {name}: bill above doing nothing, worst day", worst, 0.0, True,
                   note=f"greatest import {peaks[0] / 1000:.0f} kW, without control {peaks[1] / 1000:.0f} kW")
        yield Gate("  share of the exact program's saving", saved["ours"] / saved["exact"], 0.9,
                   note=f"saves {saved['ours']:.1%} of the bill, exact {saved['exact']:.1%}")
        yield Gate("  beside it, no gate: threshold rule", saved["rule"], -np.inf, note="saves of the bill")
        yield Gate("  beside it, no gate: forecasts from readings", saved["read"], -np.inf,
                   note="saves of the bill")


def _exact_bill(truth: Truth, paid: Tariff) -> float:
    asked = exact.problem(truth, paid)
    plan = balanceprogram.solve(asked, 300, "ipm")
    assert plan is not None
    stores = asked.clusters.kind == clusters.BATTERY
    moved = float(np.abs(plan.power[stores]).sum() * HOURS)
    heat = asked.clusters.kind == clusters.THERMAL
    missing = float(beginning(truth).batteries.energy.sum() - plan.energy[stores, -1].sum())
    missing -= float(plan.energy[heat, -1].sum())
    exchange = truth.net.sum(axis=0) + plan.power.sum(axis=0) + plan.curtailed
    return bill(paid, exchange, moved, missing).total
