"""`make bench-scale`: what devices cost, many beside few, on both databases. Exit status 1 where a bound is
missed."""
from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from server.models import db
from tests.load import databases
from tests.load.__main__ import BETWEEN, machine
from tests.load.scale import operations, operatorrequests, population, readings, requests
from tests.load.scale.operations import Operation
from tests.load.scale.requests import Cost

GROWTH = 1.2  # of a cost from FEW devices to many
LONGEST_GET_S = 1.0
FEW = 1000
Measured = dict[tuple[str, int], tuple[dict[str, Cost], list[Operation], dict[int, float]]]


def measure(many: int, console: Console) -> Measured:
    """Measure on each engine, with FEW devices and with many."""
    measured: Measured = {}
    for size in (FEW, many):
        with tempfile.TemporaryDirectory() as folder, databases.urls(Path(folder)) as urls:
            for engine, url in urls.items():
                began = time.monotonic()
                databases.connect(url)
                population.build(size)
                console.print(f"{engine}, {size} devices: made in {time.monotonic() - began:.0f} s")
                databases.connect(url, keep_plans=True)
                asked = requests.measure() | operatorrequests.measure()
                posted = readings.measure()
                databases.connect(url)
                measured[engine, size] = asked, list(operations.measure()), posted
                db.close()
    return measured


def show(measured: Measured, many: int, console: Console) -> int:
    """Print the table and return how many bounds are missed."""
    table = Table("what", title=f"Cost of {many:,} devices beside {FEW:,}; {machine()}", title_justify="left")
    for heading in ("database", f"{FEW:,}", f"{many:,}", "times", "bound", ""):
        table.add_column(heading, justify="right")
    missed = 0

    def add(name: str, engine: str, few: str, much: str, value: float, bound: float, unit: str = "") -> None:
        nonlocal missed
        met = round(value, 2) <= bound
        missed += not met
        table.add_row(name, engine, few, much, f"{value:.2f}{unit}", f"{bound:g}{unit}",
                      "[green]met[/]" if met else "[red]missed[/]")

    engines = sorted({engine for engine, _ in measured}, reverse=True)
    for engine in engines:
        costs_few, operations_few, posted_few = measured[engine, FEW]
        costs, done, posted = measured[engine, many]
        for name, cost in costs.items():
            few = costs_few[name].total_ms
            add(name, engine, f"{few:.3f} ms", f"{cost.total_ms:.3f} ms", cost.total_ms / few, GROWTH)
        for before, after in zip(operations_few, done, strict=True):
            add(f"{after.name}, each", engine, f"{before.each_ms:.2f} ms", f"{after.each_ms:.2f} ms",
                after.each_ms / before.each_ms, GROWTH)
            add("  the longest GET meanwhile", engine, f"{before.longest_get_s:.2f} s",
                f"{after.longest_get_s:.2f} s", after.longest_get_s, LONGEST_GET_S, " s")
        for size, each_ms in posted.items():
            add(f"readings in sets of {size}, {1000 / each_ms:,.0f} a second", engine,
                f"{posted_few[size]:.3f} ms", f"{each_ms:.3f} ms", each_ms, readings.MOST_EACH_MS, " ms")
    if len(engines) > 1:
        for name, cost in measured["SQLite", many][0].items():
            if name.startswith("GET"):
                other = measured["PostgreSQL", many][0][name].total_ms
                add(f"{name}, SQLite and PostgreSQL", "", f"{cost.total_ms:.3f} ms", f"{other:.3f} ms",
                    other / cost.total_ms, BETWEEN)
    console.print(table)
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.load.scale", description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000, help="how many (default 100000)")
    many = parser.parse_args().devices
    console = Console(width=None if sys.stdout.isatty() else 130)
    missed = show(measure(many, Console(stderr=True)), many, console)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
