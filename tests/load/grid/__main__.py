"""`make bench-grid`: every gate of the balance, the value it reaches, and exit status 1 where one is missed.
`ARGS=arrays`, `ARGS=meters`, `ARGS=money`, `ARGS=placebo`, `ARGS=businesses`, `ARGS=heat`, `ARGS=site` and
`ARGS=wire` measure a part of them."""
from __future__ import annotations

import sys
import time
from itertools import chain
from math import isinf

from rich.console import Console
from rich.table import Table

from tests.load.grid import businessgates, gates, heatgates, meterfaults, moneygates, placebo, site, wire


def main() -> int:
    start = time.perf_counter()
    violations = gates.Violations()
    table = Table(
        "gate",
        "reached",
        "bound",
        "",
        "beside it",
        title="The balance on SimBench's profiles, 8 days of a year",
    )
    missed = 0
    # Times first: the others fill the memory.
    arrays = chain(
        gates.times(),
        gates.from_rows(),
        gates.against_exact(100, 0.95, violations),
        gates.against_exact(300, 0.97, violations),
        gates.from_readings(1000, violations),
        gates.under_limits(1000, 10, violations),
        violations.gates(),
    )
    parts = {"arrays": arrays, "meters": meterfaults.gates(), "money": moneygates.gates_of(),
             "placebo": placebo.gates_of(), "businesses": businessgates.gates_of(), "site": site.gates_of(),
             "heat": heatgates.gates_of(), "wire": wire.gates_of()}
    for gate in chain.from_iterable(parts[name] for name in sys.argv[1:] or parts):
        bound = "" if isinf(gate.bound) else f"{'≤' if gate.at_most else '≥'} {gate.bound:g} {gate.unit}"
        result = "" if isinf(gate.bound) else "[green]met[/]" if gate.met else "[bold red]MISSED[/]"
        table.add_row(gate.name, f"{gate.reached:.3f} {gate.unit}", bound, result, gate.note)
        missed += not gate.met
        print(".", end="", file=sys.stderr, flush=True)
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print()
    console.print(table)
    console.print(f"{missed} missed; {time.perf_counter() - start:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
