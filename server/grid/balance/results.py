"""What the operations on plans and on the balance return: rows with fixed keys, for tables and JSON."""
from __future__ import annotations

from typing import NotRequired, TypedDict

from server.units import Fraction, Instant, Seconds, SecondsExact, Watts


class BalanceSettings(TypedDict):
    """How an area is kept in balance.

    `plan` is the plan in force, `last_step_start` the start of the last step that was decided, `last_error`
    what was wrong with it. `meter` says in words whether the area's meter is believed, empty where it has not
    been read. `warnings` say what keeps it from following its signal.
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
    meter: str
    warnings: list[str]


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


class PlannedCall(TypedDict):
    """A call of a block of a business in a plan, by how much more it is to inject."""
    device: str
    block: str
    start: Instant
    end: Instant
    called_w: Watts


class PlanStep(TypedDict):
    """A step of a plan: the imbalance before and after, consumption positive.

    `injection_w` is what each virtual DER and kind ("batteries storage") is to inject beside its baseline;
    `curtailed_w` is there where generation is curtailed in any step.
    """
    start: Instant
    before_w: Watts
    after_w: Watts
    injection_w: dict[str, Watts]
    curtailed_w: NotRequired[Watts]


class PlanDetail(PlanSummary):
    """A plan step by step.

    `calls` are those of businesses, which are made when their notice comes near; `cost` is the money of the
    whole plan with them, `bound` what no plan can cost less than, `gap` their distance as a part of the cost,
    None where there is nobody to call.
    """
    calls: list[PlannedCall]
    cost: float | None
    bound: float | None
    gap: Fraction | None
    steps: list[PlanStep]
    dry_run: NotRequired[bool]


class PlanDifference(TypedDict):
    """A step in which two plans differ.

    `net_w` is the change of net demand, `after_1_w` and `after_2_w` the imbalance that each plan leaves,
    `injection_w` by how much more (+) the second has each virtual DER and kind inject.
    """
    start: Instant
    net_w: Watts
    after_1_w: Watts
    after_2_w: Watts
    injection_w: dict[str, Watts]


class PlanState(TypedDict):
    """The state of a plan, for the audit log."""
    id: int
    vder: str
    state: str
    approved_by: str
