"""What a proof tried and what it found, and the table of all of them."""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "var" / "soak"


@dataclass
class Outcome:
    """One row. `lost` counts what was promised and is not there; `faults` are sentences."""
    proof: str
    tried: str
    lost: int = 0
    faults: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)
    skipped: str = ""

    @property
    def passed(self) -> bool:
        return not self.lost and not self.faults


def show(outcomes: Sequence[Outcome]) -> None:
    """Print the table, and write it and everything in detail to var/soak."""
    table = Table("proof", "tried", "lost", "faults", "figures", title="Soak", show_lines=True)
    for outcome in outcomes:
        figures = ", ".join(f"{name} {value}" for name, value in outcome.figures.items())
        table.add_row(outcome.proof, outcome.skipped and f"skipped: {outcome.skipped}" or outcome.tried,
                      str(outcome.lost), str(len(outcome.faults)), figures)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "table.txt").open("w") as file:
        Console(file=file, width=150).print(table)
    (FOLDER / "outcomes.json").write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    Console().print(table)
    for outcome in outcomes:
        for fault in outcome.faults[:10]:
            Console().print(f"{outcome.proof}: {fault}", markup=False, highlight=False)
        if len(outcome.faults) > 10:
            Console().print(f"{outcome.proof}: {len(outcome.faults) - 10} more in {FOLDER / 'outcomes.json'}")
