"""Plans of areas, and how each area is kept in balance."""
from __future__ import annotations

from peewee import AutoField, BigIntegerField, BooleanField, DoubleField, ForeignKeyField, TextField

from server.models.base import JSON, Table
from server.models.groups import VirtualDER


class Plan(Table):
    """A plan for a virtual DER: what it is to do in each of `steps` steps of `step_s` seconds from `start`
    on, and what was expected of that (`body`, see plans). `supersedes` is the plan that it took the place
    of."""
    vder_id: int
    DRAFT, APPROVED, PUBLISHED, SUPERSEDED, FAILED = "draft", "approved", "published", "superseded", "failed"
    id = AutoField()
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE")
    state = TextField(default=DRAFT)
    start = BigIntegerField()
    step_s = BigIntegerField()
    steps = BigIntegerField()
    created_at = BigIntegerField()
    solver = TextField(default="")
    solver_s = DoubleField(default=0.0)
    requested_by = TextField(default="")
    approved_by = TextField(default="")
    reason = TextField(default="")
    warnings = JSON(default=list)
    body = JSON()
    supersedes = BigIntegerField(null=True)


class Balance(Table):
    """How a virtual DER is kept in balance: on its own (`automatic`) or by plans that people publish, which a
    second person approves where `approval` says so. `replan_steps` steps there is a new plan; `reserve` is
    the part of each battery's span that is kept for what forecasts do not see, `addressing` one of
    balancing.ADDRESSINGS; `last_step_start` is the start of the last step that was published."""
    vder = ForeignKeyField(VirtualDER, primary_key=True, on_delete="CASCADE")
    automatic = BooleanField(default=False)
    approval = BooleanField(default=False)
    step_s = BigIntegerField(default=900)
    horizon_steps = BigIntegerField(default=96)
    replan_steps = BigIntegerField(default=4)
    reserve = DoubleField(default=0.1)
    addressing = TextField(default="hybrid")
    last_step_start = BigIntegerField(null=True)
    plan_id = BigIntegerField(null=True)
    last_error = TextField(default="")
