"""What the operations on plans and on the balance return: rows with fixed keys, for tables and JSON."""
from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from server.units import Fraction, Instant, Seconds, SecondsExact, Watts


class BalanceSettings(TypedDict):
    """How an area is kept in balance.

    `plan` is the plan in force, `last_step_start` the start of the last step that was decided, `last_error`
    what was wrong with it.
    """
    vder: str
    automatic: bool
    approval: bool
    addressing: str
    step_s: Seconds
    horizon_steps: int
    replan_steps: int
    reserve: Fraction
    plan: int | None
    last_step_start: Instant | None
    last_error: str


class PlanSummary(TypedDict):
    """A plan: the RMS and the peak of the imbalance before and after, and the part of the RMS that is cut.

    `id` is None in a dry run.
    """
    id: int | None
    vder: str
    state: str
    start: Instant
    end: Instant
    step_s: Seconds
    rms_before_w: Watts
    rms_after_w: Watts
    rms_cut: Fraction | None
    peak_before_w: Watts
    peak_after_w: Watts
    solver: str
    solver_s: SecondsExact
    requested_by: str
    approved_by: str
    reason: str
    created_at: Instant
    supersedes: int | None
    warnings: list[str]


class PlanDetail(PlanSummary):
    """A plan step by step.

    Each row of `steps` has `start`, `before_w` and `after_w` (the imbalance, consumption positive),
    `curtailed_w` where generation is curtailed, and a key for each virtual DER and kind ("batteries
    storage"), whose value is the injection planned beside the baseline in W.
    """
    steps: list[dict[str, Any]]
    dry_run: NotRequired[bool]


class PlanState(TypedDict):
    """The state of a plan, for the audit log."""
    id: int
    vder: str
    state: str
    approved_by: str
