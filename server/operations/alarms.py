"""`alarm`: what is wrong at the moment, and what to do about it."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from server import alarms
from server.alarmfindings import ConditionRow
from server.alarmkinds import KINDS
from server.operations.declaration import Arg, Group, Reason, Role

alarm = Group("alarm", "What is wrong: since when, where, and what to do about it.", default="list")
GROUPS = (alarm,)


@alarm.operation("list", role=Role.VIEWER)
def list_alarms(
    *,
    cleared: Annotated[bool, Arg("Also alarms that are over.", option="all")] = False,
    source: Annotated[str, Arg("Only of this source, such as `device 7`, or of those that begin so.")] = "",
    kind: Annotated[str | None, Arg("Only of this kind.", choices=sorted(KINDS))] = None,
    unacknowledged: Annotated[bool, Arg("Only those that nobody has acknowledged.")] = False,
    limit: Annotated[int, Arg("The newest so many.", least=1, option="n/lines")] = 100,
) -> list[alarms.AlarmRow]:
    """List the alarms that stand, the newest first.

    Alarms clear by themselves once their cause is over.
    """
    return alarms.rows(cleared=cleared, source=source, limit=limit, kind=kind or "",
                       unacknowledged=unacknowledged)


@alarm.operation("ack", role=Role.OPERATOR)
def ack(
    numbers: Annotated[Sequence[int], Arg("The numbers of the alarms.", metavar="NUMBER", least=1)],
    *,
    reason: Reason = "",
) -> list[alarms.AlarmRow]:
    """Acknowledge alarms: somebody has seen them and takes care of them.

    An acknowledged alarm stands until its cause is over. Once it is raised again after that, nobody has
    acknowledged it.
    """
    from server.monitoring import acknowledgements  # which loads the store
    return acknowledgements.acknowledge_all(numbers, reason)


@alarm.operation("conditions", role=Role.VIEWER)
def list_conditions() -> list[ConditionRow]:
    """List the conditions that are watched, with the settings that are their thresholds."""
    from server.monitoring import conditions  # which loads most of the grid
    return conditions.rows()
