"""`stop` and `resume`: the backstop for all generation of a virtual DER, and its end."""
from __future__ import annotations

from functools import partial
from typing import Annotated

from server.grid.dispatch import stops
from server.grid.dispatch.results import ResumedVder, StoppedVder, StopRow
from server.operations import progress
from server.operations.declaration import Arg, DryRun, Group, Reason, Role, VderName

stop_group = Group("stop", """
    Stop all generation of a virtual DER: `stop VDER`; see `stop order --help`.

    It holds until `resume VDER`. Meanwhile its members are in no plan and no other order.
    """, default="order")
resume_group = Group("resume")
GROUPS = (stop_group, resume_group)


@stop_group.operation("order", role=Role.OPERATOR, in_subtree=True, in_parts=True)
def order(vder: VderName, *, reason: Reason = "", dry_run: DryRun = False) -> StoppedVder:
    """Stop all generation and export of a virtual DER's members, within a poll and until it is resumed.

    Each member is told by what it takes: limits of generation and export of 0, else a power of 0, else to
    cease to energize. A dry run says for each kind how many, by which modes, and who cannot be stopped.
    """
    return stops.stop(vder, reason, dry_run, partial(progress.report, "stopping devices"))


@stop_group.operation("list", role=Role.VIEWER, in_subtree=True)
def list_stops() -> list[StopRow]:
    """List what is stopped, since when and by whom."""
    return stops.list_stops()


@resume_group.operation("", role=Role.OPERATOR, in_subtree=True, in_parts=True)
def resume(
    vder: VderName,
    *,
    staggered: Annotated[bool, Arg("Let devices begin again one by one, over five minutes.")] = False,
    reason: Reason = "",
    dry_run: DryRun = False,
) -> ResumedVder:
    """Let a virtual DER that was stopped generate again, as far as its controls allow."""
    return stops.resume(vder, staggered, reason, dry_run, partial(progress.report, "resuming devices"))
