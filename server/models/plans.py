"""Plans of areas, and how each area is kept in balance."""
from __future__ import annotations

from typing import Any

from peewee import AutoField, BigIntegerField, BooleanField, DoubleField, ForeignKeyField, TextField

from server.models.base import JSON, Table
from server.models.changes import PLAN, NotedTable
from server.models.devices import vder_audience
from server.models.groups import VirtualDER


class Plan(NotedTable, Table):
    """A plan for a virtual DER over `steps` steps of `step_s` seconds from `start` on.

    `body` has the power of each step and what was expected of it (see plans.body). `supersedes` is the plan
    that it replaced.
    """
    vder_id: int
    DRAFT, APPROVED, PUBLISHED, SUPERSEDED, FAILED = "draft", "approved", "published", "superseded", "failed"
    id = AutoField()
    vder = ForeignKeyField(VirtualDER, on_delete="CASCADE")
    state = TextField(default=DRAFT)
    start = BigIntegerField(index=True)
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

    def state_change(self, created: bool, only: Any) -> tuple[str, str, str, dict[str, Any]] | None:
        """Return its state."""
        return PLAN, self.state, vder_audience(self.vder_id), {"vder": self.vder.name}


class Balance(Table):
    """How a virtual DER is kept in balance: automatically, or by plans that operators publish.

    With `approval` a second person approves each plan. There is a new plan every `replan_steps` steps.
    `reserve` is the fraction of each battery's energy range that plans keep free at either end for forecast
    errors; 0, since more gained nothing (docs/decisions/0016). `addressing` is one of
    controller.ADDRESSINGS. `last_step_start` is the start of the last step that was published, `last_error`
    why the last attempt failed. `meter` is what is thought of the area's meter (see series.areameter).
    """
    vder_id: int
    vder = ForeignKeyField(VirtualDER, primary_key=True, on_delete="CASCADE")
    automatic = BooleanField(default=False)
    approval = BooleanField(default=False)
    step_s = BigIntegerField(default=900)
    horizon_steps = BigIntegerField(default=96)
    replan_steps = BigIntegerField(default=4)
    reserve = DoubleField(default=0.0)
    addressing = TextField(default="hybrid")
    last_step_start = BigIntegerField(null=True)
    plan_id = BigIntegerField(null=True)
    last_error = TextField(default="")
    meter = JSON(null=True)
