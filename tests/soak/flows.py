"""Repeated runs of the tests of real processes, to find what fails once in a hundred runs.

`make soak FLOWS=1`, or `python -m tests.soak.flows --restarts 50 --others 10`. Those marked `restart` are run
`restarts` times, the others of the same files `others` times, each time in a new pytest. What pytest printed
in a round that failed is kept in var/soak.
"""
from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
PATHS = ("tests/flows", "tests/server/protocol/test_listen.py", "tests/server/protocol/test_fairness.py",
         "tests/server/protocol/test_credentials.py")
FOLDER = ROOT / "var" / "soak"


def run_round(number: int, marker: str | None) -> bool:
    """Run the tests once, all or those that the marker selects; return whether all passed."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "loadfile",
        "-p",
        "no:cacheprovider",
        *PATHS,
    ]
    start = time.monotonic()
    process = subprocess.run(command + (["-m", marker] if marker else []), cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    summary = process.stdout.strip().rpartition("\n")[2].strip("= ")
    click.echo(f"round {number}, {marker or 'all'}, {time.monotonic() - start:.0f} s: {summary}")
    if process.returncode:
        log = FOLDER / f"round-{number}.log"
        log.write_text(process.stdout)
        click.echo(f"    see {log.relative_to(ROOT)}")
    return process.returncode == 0


@click.command()
@click.option("--restarts", default=50, show_default=True, type=click.IntRange(0),
              help="How often tests run that kill, stop or start processes anew.")
@click.option("--others", default=10, show_default=True, type=click.IntRange(0), help="How often the others "
                                                                                      "run.")
def main(restarts: int, others: int) -> None:
    """Run the tests of real processes again and again."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    failed = 0
    for number in range(1, max(restarts, others) + 1):
        if number <= min(restarts, others):
            marker = None
        else:
            marker = "restart" if number <= restarts else "not restart"
        failed += not run_round(number, marker)
    click.echo(f"{failed} rounds failed" if failed else "no round failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
