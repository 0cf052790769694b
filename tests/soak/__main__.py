"""`python -m tests.soak`: all proofs in turn for about an hour, or one of them."""
from __future__ import annotations

import secrets
import sys
import time
import traceback
from collections.abc import Callable, Sequence

import click

from tests.soak.outcome import Outcome, show

ENGINES = ("sqlite", "postgres")
# The parts of the time that the proofs have in a run of all; they have less work where they are done earlier.
SHARES = {"kills": 0.42, "fuzz": 0.28, "attackers": 0.1, "documented": 0.1}  # the rest is for the others


def attempt(name: str, proof: Callable[[], Outcome | list[Outcome]]) -> list[Outcome]:
    """Run a proof; one that cannot go on is a fault."""
    click.echo(f"{time.strftime('%H:%M:%S')} {name}", err=True)
    try:
        outcomes = proof()
        return outcomes if isinstance(outcomes, list) else [outcomes]
    except Exception:
        return [Outcome(name, "", faults=[traceback.format_exc()[-3000:]])]


def conclude(outcomes: Sequence[Outcome]) -> None:
    """Show the table and end, with 1 where anything was lost or wrong."""
    show(outcomes)
    sys.exit(not all(outcome.passed for outcome in outcomes))


engines = click.option("--engine", "names", multiple=True, type=click.Choice(ENGINES), default=ENGINES,
                       show_default=True, help="Database engines.")
seeds = click.option("--seed", type=int,
                     help="What is random follows from it; another one each time if not given.")


def _seed(seed: int | None) -> int:
    return secrets.randbelow(1_000_000) if seed is None else seed


def _kills(names: Sequence[str], count: int, seed: int, minutes: float = float("inf")) -> list[Outcome]:
    from tests.soak import kills
    return [outcome for name in names for outcome in attempt(f"kills, {name}", lambda name=name: kills.prove(
        name, count // len(names), seed, time.monotonic() + minutes * 60 / len(names)))]


def _fuzz(names: Sequence[str], cases: int, seed: int, minutes: float = float("inf")) -> list[Outcome]:
    from tests.soak.fuzz import proof
    return [outcome for name in names for outcome in attempt(f"fuzzer, {name}", lambda name=name: proof.prove(
        name, cases // len(names), seed, time.monotonic() + minutes * 60 / len(names)))]


def _access(names: Sequence[str], tls: bool = False) -> list[Outcome]:
    from tests.soak import access
    proof = access.prove_over_tls if tls else access.prove
    title = "access matrix over TLS" if tls else "access matrix"
    return [outcome for name in names
            for outcome in attempt(f"{title}, {name}", lambda name=name: proof(name))]


def _attackers(minutes: float) -> list[Outcome]:
    from tests.soak import attackers
    return attempt("attackers", lambda: attackers.prove(minutes * 60))


def _documented(names: Sequence[str], examples: int, seed: int, minutes: float = float("inf")
                ) -> list[Outcome]:
    from tests.soak import documented
    return [outcome for name in names
            for outcome in attempt(f"REST as documented, {name}", lambda name=name: documented.prove(
                name, examples, seed, time.monotonic() + minutes * 60 / len(names)))]


def _pages(devices: int) -> list[Outcome]:
    from tests.soak import consolepages
    return attempt("pages of the console", lambda: consolepages.prove(devices))


def _day(homes: int, hours: float, rate: float) -> list[Outcome]:
    from tests.soak import day
    return attempt("a day", lambda: day.prove(homes, hours, rate))


@click.group(invoke_without_command=True)
@click.option("--minutes", default=60.0, show_default=True, type=click.FloatRange(1), help="For all of them.")
@click.option("--kills", default=200, show_default=True, type=click.IntRange(1),
              help="How many, on both engines.")
@click.option("--cases", default=100_000, show_default=True, type=click.IntRange(1),
              help="How many of the fuzzer.")
@seeds
@click.pass_context
def main(context: click.Context, minutes: float, kills: int, cases: int, seed: int | None) -> None:
    """Try to break the server. Without a command: in every way, for about an hour."""
    if context.invoked_subcommand is None:
        chosen = _seed(seed)
        click.echo(f"seed {chosen}", err=True)
        outcomes = _access(ENGINES) + _access(ENGINES, tls=True)
        outcomes += _kills(ENGINES, kills, chosen, minutes * SHARES["kills"])
        outcomes += _attackers(minutes * SHARES["attackers"])
        outcomes += _pages(100_000)
        outcomes += _day(12, 24 if minutes >= 30 else 4, 600)
        outcomes += _documented(ENGINES, 200, chosen, minutes * SHARES["documented"])
        outcomes += _fuzz(ENGINES, cases, chosen, minutes * SHARES["fuzz"])
        conclude(outcomes)


@main.command("kills")
@click.option("--count", default=200, show_default=True, type=click.IntRange(1),
              help="How many, on all engines.")
@engines
@seeds
def kills_command(count: int, names: tuple[str, ...], seed: int | None) -> None:
    """Kill every process under load; what was acknowledged must be there, once."""
    conclude(_kills(names, count, _seed(seed)))


@main.command("fuzz")
@click.option("--cases", default=100_000, show_default=True, type=click.IntRange(1),
              help="How many, on all engines.")
@click.option("--only", type=int, help="Repeat this case alone, or with --batch after those before it.")
@click.option("--batch", type=int, help="Repeat the batch that begins with this case.")
@engines
@seeds
def fuzz_command(cases: int, only: int | None, batch: int | None, names: tuple[str, ...],
                 seed: int | None) -> None:
    """Send mutated requests to every writable resource."""
    if only is None and batch is None:
        chosen = _seed(seed)
        click.echo(f"seed {chosen}", err=True)
        conclude(_fuzz(names, cases, chosen))
    from tests.soak.fuzz import proof
    if seed is None:
        raise click.UsageError("--only and --batch need the --seed of the run that found it")
    faults = [fault for name in names for fault in proof.replay(name, seed, only, batch, cases)]
    click.echo("\n".join(faults) or "nothing is wrong")
    sys.exit(bool(faults))


@main.command("documented")
@click.option("--examples", default=200, show_default=True, type=click.IntRange(1),
              help="For each operation.")
@engines
@seeds
def documented_command(examples: int, names: tuple[str, ...], seed: int | None) -> None:
    """Send REST what schemathesis makes of its OpenAPI document."""
    chosen = _seed(seed)
    click.echo(f"seed {chosen}", err=True)
    conclude(_documented(names, examples, chosen))


@main.command("access")
@click.option("--tls", is_flag=True, help="Ask `serve` over mutual TLS; without what callers may change.")
@engines
def access_command(names: tuple[str, ...], tls: bool) -> None:
    """Ask every resource by every method with every kind of certificate."""
    conclude(_access(names, tls))


@main.command("attackers")
@click.option("--minutes", default=8.0, show_default=True, type=click.FloatRange(0.1),
              help="For all attacks.")
def attackers_command(minutes: float) -> None:
    """Attack slowly, idly and without end, while honest clients poll."""
    conclude(_attackers(minutes))


@main.command("pages")
@click.option("--devices", default=100_000, show_default=True, type=click.IntRange(1000))
def pages_command(devices: int) -> None:
    """Open every page of the console with many devices; none takes more than a second."""
    conclude(_pages(devices))


@main.command("day")
@click.option("--homes", default=12, show_default=True, type=click.IntRange(1, 500))
@click.option("--hours", default=24.0, show_default=True, type=click.FloatRange(0.25, 24))
@click.option("--rate", default=600.0, show_default=True, help="How many times as fast as real time.")
def day_command(homes: int, hours: float, rate: float) -> None:
    """Run a day of the demonstration fast."""
    conclude(_day(homes, hours, rate))


if __name__ == "__main__":
    main()
