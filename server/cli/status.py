"""`vder status` and `vder capability`: what a virtual DER is doing, and what it could do."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from server.cli.common import DURATION, INSTANT, verb
from server.grid.flexibility import equivalentder

_QUANTILES = {"0.5": "p50", "0.9": "p90"}


@click.command()
@click.argument("vder")
@click.option(
    "--equivalent-der",
    "as_der",
    is_flag=True,
    help="As the documents of one equivalent DER: ratings, settings, status, availability.",
)
@verb
def status(vder: str, as_der: bool) -> Any:
    """Show members in contact, readings, state of charge, orders in effect, and members left out."""
    from server.grid.flexibility import status as room
    return equivalentder.equivalent_der(vder) if as_der else room.status(vder)


@click.command()
@click.argument("vder")
@click.option("--start", type=INSTANT, help="now, +15m, ISO 8601 or seconds since 1970; now if not given.")
@click.option("--horizon", type=DURATION, default="24h", help="How far ahead; 24h if not given.")
@click.option("--step", type=DURATION, default="15m", help="How long each step is; 15m if not given.")
@click.option("--quantile", type=click.Choice(list(_QUANTILES)), default="0.5",
              help="0.5: what can be expected, 0.9: what can be counted on nine times of ten.")
@verb
def capability(vder: str, start: Callable[[], int] | None, horizon: int, step: int, quantile: str) -> Any:
    """What it could do in each step: W above (up) and below (down) the baseline, Wh, and for how long."""
    from server.grid.flexibility import capability as room
    from server.grid.flexibility import rollup
    if not 60 <= step <= horizon or horizon // step > 1000:
        raise click.BadParameter(
            f"{step} s in {horizon} s: 1 to 1000 steps of at least a minute are possible", param_hint="--step"
        )
    found = room.horizon(vder, start and start(), horizon // step, step / 3600)
    named = _QUANTILES[quantile]
    return {
        **{
            key: found[key]
            for key in ("name", "members", "ramp_w_per_s", "unknown_up_w", "unknown_down_w", "warnings")
        },
        "quantile": float(quantile),
        "steps": list(rollup.rows(found, named)),
        "below": [
            {"name": child["name"], "members": child["members"], **rollup.row(child, named, 0)}
            for child in found["children"]
        ],
    }
