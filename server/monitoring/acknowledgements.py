"""Alarms that somebody has seen and takes care of."""
from __future__ import annotations

from collections.abc import Sequence

from server import actors, alarms, clock
from server.alarms import AlarmRow
from server.audit import audited
from server.errors import Refused
from server.models import AlarmRecord, changes
from server.resources import store


def acknowledge_all(numbers: Sequence[int], reason: str = "") -> list[AlarmRow]:
    """Acknowledge alarms, all or none, and return them.

    Refused (404) where there is no alarm of a number, (409) where one is over or is acknowledged already.
    """
    with store.transaction():
        return [acknowledge(number, reason) for number in dict.fromkeys(numbers)]


def _state(number: int) -> AlarmRow:
    row = AlarmRecord.get_or_none(AlarmRecord.id == number)
    if row is None:
        raise Refused(404, f"there is no alarm {number}; `counterpoise alarm list --all` has those there are")
    return alarms.describe(row)


@audited("alarm ack", "alarm {id}, {kind}, {source}", state=_state)
def acknowledge(number: int, reason: str = "") -> AlarmRow:
    """Acknowledge an alarm as the operator who acts, and return it."""
    alarm, actor = _state(number), actors.actor()
    if alarm["cleared_at"] is not None:
        raise Refused(409, f"alarm {number} is over; there is nothing left to acknowledge")
    if alarm["acknowledged_by"] is not None:
        raise Refused(409, f"alarm {number} was acknowledged already, by {alarm['acknowledged_by']}")
    AlarmRecord.update(
        acknowledged_at=clock.now(),
        acknowledged_by=actor.who if actor is not None else "",
        acknowledged_reason=reason or (actor.reason if actor is not None else ""),
    ).where((AlarmRecord.id == number) & AlarmRecord.cleared_at.is_null()).execute()
    changes.note(changes.ALARM, "acknowledged", number, type=alarm["kind"], source=alarm["source"],
                 severity=alarm["severity"])
    return _state(number)
