"""What the balance keeps: signals and forecasts as they were said, what was measured, and plans."""
from __future__ import annotations

from peewee import (AutoField, BigIntegerField, BooleanField, CompositeKey, DoubleField, ForeignKeyField,
                    SmallIntegerField, TextField)

from server.models.base import JSON, Table
from server.models.groups import VirtualDER


class Series(Table):
    """A signal or a forecast for a virtual DER, as `source` said it at `issued`: a value for each `step` seconds from
    `start` until `until`, null where nothing was said. `what` is one of signals.KINDS or of outlook.GIVEN, `quantiles`
    has values likewise by probability. `every` is in how many seconds the next issue was promised. Nothing is ever
    changed: who says it anew adds a row, and a replay sees what was known at its time."""
    id = AutoField()
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
    what = TextField()
    issued = BigIntegerField()
    start = BigIntegerField()
    step = BigIntegerField()
    until = BigIntegerField()
    values = JSON()
    quantiles = JSON(default=dict)
    source = TextField(default="")
    tolerance = DoubleField(default=0.0)
    priority = SmallIntegerField(default=0)
    every = BigIntegerField(null=True)

    class Meta:
        indexes = ((("vder", "what", "issued"), False), (("vder", "what", "until"), False))


class Interval(Table):
    """What was measured of a virtual DER, or reckoned from that, for the STEP seconds from `start` on: `value` in W, or
    what `what` says; `read` is of how many members."""
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
    what = TextField()
    start = BigIntegerField()
    value = DoubleField(null=True)
    read = BigIntegerField(default=0)

    class Meta:
        primary_key = CompositeKey("vder", "what", "start")


class Plan(Table):
    """A plan for a virtual DER: what it is to do in each of `steps` steps of `step` seconds from `start` on, and what was
    expected of that (`body`, see plans). `supersedes` is the plan that it took the place of."""
    vder_id: int
    DRAFT, APPROVED, PUBLISHED, SUPERSEDED, FAILED = "draft", "approved", "published", "superseded", "failed"
    id = AutoField()
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE")
    state = TextField(default=DRAFT)
    start = BigIntegerField()
    step = BigIntegerField()
    steps = BigIntegerField()
    created = BigIntegerField()
    solver = TextField(default="")
    seconds = DoubleField(default=0.0)
    requested_by = TextField(default="")
    approved_by = TextField(default="")
    reason = TextField(default="")
    warnings = JSON(default=list)
    body = JSON()
    supersedes = BigIntegerField(null=True)


class Balance(Table):
    """How a virtual DER is kept in balance: on its own (`automatic`) or by plans that people publish, which a second person
    approves where `approval` says so. `every` steps there is a new plan; `reserve` is the part of each battery's span that
    is kept for what forecasts do not see, `addressing` one of balancing.ADDRESSINGS; `done` is the start of the last step that was published."""
    vder = ForeignKeyField(VirtualDER, primary_key=True, on_delete="CASCADE")
    automatic = BooleanField(default=False)
    approval = BooleanField(default=False)
    step = BigIntegerField(default=900)
    horizon = BigIntegerField(default=96)
    every = BigIntegerField(default=4)
    reserve = DoubleField(default=0.1)
    addressing = TextField(default="hybrid")
    done = BigIntegerField(null=True)
    plan = BigIntegerField(null=True)
    trouble = TextField(default="")
