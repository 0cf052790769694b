"""`envelope`: schedules of import, export, generation and load limits per connection point."""
from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated

from server.grid.controls import operatingenvelopes
from server.grid.controls.results import ClearedEnvelope, EnvelopeDetail, EnvelopeRow, PutEnvelopes
from server.operations import progress, seriesinput
from server.operations.declaration import Arg, DryRun, Group, Role, UploadedFile
from server.units import Instant

envelope = Group("envelope", """
    Operating envelopes: limits of connection points over time, in W, as magnitudes.

    A connection point is a device, or a virtual DER whose members are all behind it.
    """)
GROUPS = (envelope,)
Point = Annotated[str, Arg("A device or virtual DER.", metavar="POINT")]


@envelope.operation("put", role=Role.OPERATOR, in_parts=True)
def put(
    point: Annotated[str | None, Arg(
        "A device or virtual DER, where the file does not name any.", metavar="POINT")] = None,
    *,
    csv_file: Annotated[UploadedFile, Arg(
        "CSV: start and import_limit, export_limit, generation_limit, load_limit, and connection_point where "
        "it is of several; - for standard input.", option="csv", metavar="FILE")],
    unit: seriesinput.Unit = "W",
    step_s: seriesinput.Step = None,
    dates: seriesinput.Dates = None,
    dry_run: DryRun = False,
) -> PutEnvelopes:
    """Put schedules of limits, in steps of 5 to 30 minutes; where they reach, they take the place of earlier
    ones.

    An empty cell limits nothing; no row may be missing. Times without zone are local (`timezone`).
    """
    return operatingenvelopes.put(
        csv_file.text(), csv_file.name, point, factor=seriesinput.UNITS[unit], step_s=step_s, dates=dates,
        dry_run=dry_run, progress=partial(progress.report, "publishing envelopes"))


@envelope.operation("list", role=Role.VIEWER)
def list_envelopes() -> Iterator[EnvelopeRow]:
    """List the envelopes of all connection points: what holds now, how far they reach, what is published."""
    return operatingenvelopes.list_envelopes()


@envelope.operation("show", role=Role.VIEWER)
def show(point: Point) -> EnvelopeDetail:
    """Show the envelope of a connection point, and by which modes its members are told."""
    return operatingenvelopes.show(point)


@envelope.operation("clear", role=Role.OPERATOR)
def clear(
    point: Point,
    *,
    start: Annotated[Instant | None, Arg("From this instant on; now if not given.", option="from")] = None,
    dry_run: DryRun = False,
) -> ClearedEnvelope:
    """Let an envelope end."""
    return operatingenvelopes.clear(point, start, dry_run)
