"""`alarm`: what is wrong at the moment, and what to do about it."""
from __future__ import annotations

from typing import Annotated

from server import alarms
from server.operations.declaration import Arg, Group, Role

alarm = Group("alarm", "What is wrong: since when, where, and what to do about it.", default="list")
GROUPS = (alarm,)


@alarm.operation("list", role=Role.VIEWER)
def list_alarms(
    *,
    cleared: Annotated[bool, Arg("Also alarms that are over.", option="all")] = False,
    source: Annotated[str, Arg("Only of this source, such as `device 7`, or of those that begin so.")] = "",
    limit: Annotated[int, Arg("The newest so many.", least=1, option="n/lines")] = 100,
) -> list[alarms.AlarmRow]:
    """List the alarms that stand, the newest first.

    Alarms clear by themselves once their cause is over.
    """
    return alarms.rows(cleared=cleared, source=source, limit=limit)
