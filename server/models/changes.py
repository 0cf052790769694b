"""The outbox of state changes: what has become of events, orders, plans, alarms and so on.

A change is written in the transaction of its cause (`note`), so that there is none without it. Transactions
are committed in another order than they number their rows, so whoever reads the changes first gives those
that are committed their positions (see server.statechanges); what has one never moves.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from peewee import SQL, BigAutoField, BigIntegerField, TextField

from server import clock
from server.models.base import JSON, Table, db

EVENT, ORDER, PLAN, SIGNAL, FORECAST, APPROVAL, ALARM, DEVICE, RESPONSES = KINDS = (
    "event", "order", "plan", "signal", "forecast", "approval", "alarm", "device", "responses")
WHOLE = ""  # the audience of what concerns more than a part of the tree
MOST = 20  # of one kind that a transaction notes one by one


class StateChange(Table):
    """A change of state: `subject` (a number, an href or a name) of `kind` has become `change`.

    It is for those who see what has the `audience`: that of a virtual DER (`vder:ID`), a device (its LFDI),
    or WHOLE. `position` is null until it has its place among those that are committed. `at` is in UTC
    seconds.
    """
    id = BigAutoField()
    position = BigIntegerField(null=True)
    at = BigIntegerField()
    kind = TextField()
    subject = TextField()
    change = TextField()
    audience = TextField(default=WHOLE)
    data = JSON(default=dict)


StateChange.add_index(StateChange.index(StateChange.position, unique=True,
                                        where=SQL("position IS NOT NULL")))
StateChange.add_index(StateChange.id, where=StateChange.position.is_null(), name="state_change_new")


class ChangedSubject(NamedTuple):
    """What has changed, for those who see what has the audience."""
    subject: str
    audience: str = WHOLE
    data: dict[str, Any] = {}


def note(kind: str, change: str, subject: object, audience: str = WHOLE, **data: Any) -> None:
    """Write a change, in the transaction of its cause."""
    note_all(kind, change, [ChangedSubject(str(subject), audience, data)])


def note_all(kind: str, change: str, changed: Sequence[ChangedSubject]) -> None:
    """Write the same change of several; of more than MOST, their number alone."""
    assert kind in KINDS, kind
    if len(changed) > MOST:
        changed = [ChangedSubject("", WHOLE, {"count": len(changed)})]
    if changed:
        StateChange.insert_many([{"at": clock.now(), "kind": kind, "change": change, **one._asdict()}
                                 for one in changed]).execute()


class NotedTable:
    """A row whose changes of state are noted when it is written with `save` or `create`."""

    def state_change(self, created: bool, only: Any) -> tuple[str, str, str, dict[str, Any]] | None:
        """Return kind, change, audience and data; None where its state is the same."""
        raise NotImplementedError

    def save(self, force_insert: bool = False, only: Any = None) -> Any:
        """Write the row, and what it says of its state."""
        with db.atomic():
            written = super().save(force_insert=force_insert, only=only)  # type: ignore[misc]
            noted = self.state_change(force_insert, only)
            if noted is not None:
                kind, change, audience, data = noted
                note(kind, change, self.id, audience, **data)  # type: ignore[attr-defined]
        return written
