"""`clock`: whether the clock of this machine is trusted, and the decision to trust it."""
from __future__ import annotations

from typing import Any

from server import audit, timekeeping
from server.operations.declaration import DryRun, Group, Role

clock_group = Group("clock", "The clock of this machine: whether it is trusted after a jump.", default="show")
GROUPS = (clock_group,)


@clock_group.operation("show", role=Role.VIEWER, in_subtree=True)
def show() -> timekeeping.ClockRow:
    """Show the time of the server, and whether the system's clock has jumped.

    After a jump of more than 30 s the time goes on as before, and events neither begin nor end, until the
    clock has been steady for a quarter of an hour or somebody accepts it.
    """
    return timekeeping.show()


def _state(_: Any) -> dict[str, Any]:
    return {**timekeeping.show(), "time": ""}


@audit.audited("clock accept", "clock", state=_state)
def _accept() -> timekeeping.ClockRow:
    from server.functionsets import selflog  # which the look at the clock does without
    was_suspect, row = timekeeping.show()["suspect"], timekeeping.accept()
    if was_suspect:
        selflog.time_adjusted()
    return row


@clock_group.operation(
    "accept", role=Role.ADMINISTRATOR, confirm="Follow the clock of this machine as it is now?")
def accept(*, dry_run: DryRun = False) -> timekeeping.ClockRow:
    """Trust the clock of this machine as it is now, after a jump."""
    return timekeeping.accepted() if dry_run else _accept()
