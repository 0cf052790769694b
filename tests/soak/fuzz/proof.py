"""The fuzzer as a proof: so many cases, what failed, and what repeats it."""
from __future__ import annotations

import os
import re
import time

import click

from tests import postgres
from tests.soak.fuzz import campaign, checks, minimise
from tests.soak.fuzz.campaign import Failure, Found
from tests.soak.fuzz.world import World, world
from tests.soak.outcome import Outcome

SHOWN = 20  # failures that are made small and told; more are counted


def prove(engine: str, cases: int, seed: int, until: float = float("inf")) -> Outcome:
    """Try so many cases, or fewer if `until` (time.monotonic) comes first."""
    outcome = Outcome(f"fuzzer, {engine}", "")
    if engine == "postgres" and not postgres.URL:
        outcome.skipped = "COUNTERPOISE_TEST_POSTGRES names no server"
        return outcome
    with world(engine) as place:
        _expect(place)
        found = campaign.run(place, seed, cases, until=until, on_batch=_say)
        outcome.tried = f"{found.tried} requests, seed {seed}"
        outcome.figures = {"slowest": f"{found.cpu_s:.2f} s", **{
            str(status): count for status, count in sorted(found.statuses.items())}}
        outcome.faults = tell(place, seed, found)
    return outcome


def tell(place: World, seed: int, found: Found) -> list[str]:
    """A sentence for each kind of failure: what was wrong, and what repeats it."""
    kinds: dict[str, Failure] = {}
    for failure in found.failures:
        kinds.setdefault(_kind(failure), failure)
    told = [f"{failure.faults[0][-1500:]} — {minimise.replayed(place, seed, failure)}"
            for failure in list(kinds.values())[:SHOWN]]
    return told + [f"{len(kinds) - SHOWN} more kinds"] * (len(kinds) > SHOWN)


def _kind(failure: Failure) -> str:
    """What failures have in common that have one cause, as a rule."""
    fault = failure.faults[0]
    return re.sub(r"/[a-z0-9/]+|[0-9]+", "#", fault[-150:] if "Traceback" in fault else fault[:110])


def replay(engine: str, seed: int, only: int | None, batch: int | None, cases: int) -> list[str]:
    """What is wrong with one case at a fresh server, or with a batch up to that case."""
    with world(engine) as place:
        _expect(place)
        if batch is None:
            assert only is not None
            click.echo(campaign.case(place, seed, only).encode()[:4000])
            return minimise.alone(place, seed, only)
        found = Found()
        last = batch + campaign.BATCH if only is None else only + 1
        campaign.run_batch(place, seed, range(batch, min(last, batch + cases)), found)
        return [f"case {failure.number}: {fault}" for failure in found.failures for fault in failure.faults]


def _expect(place: World) -> None:
    with place.fresh(), checks.listening():
        place.expected = checks.expectations(place)


def _say(found: Found) -> None:
    if os.environ.get("SOAK_QUIET"):
        return
    click.echo(f"{time.strftime('%H:%M:%S')} {found.tried} requests, {len(found.failures)} failures",
               err=True)
