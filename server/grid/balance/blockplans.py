"""Businesses in the plan of an area: what can be planned of their blocks, and who is called in time.

A plan calls a block at least one step ahead. What is planned can be changed by the next plan until the notice
of the block comes near; then the call is made, and stands. Powers are W by which more is injected.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from server import clock
from server.config import settings
from server.grid.balance.netdemand import NetDemand
from server.grid.balance.results import PlannedCall
from server.grid.dispatch import blockcommands
from server.grid.dispatch.shares import ShareRow, record_shares
from server.grid.fleet import blockcalls, memberqueries, siteblocks
from server.grid.fleet.blockcalls import NewCall
from server.grid.fleet.fleetstate import FleetState
from server.grid.fleet.siteblocks import SiteBlock
from server.grid.optimisation import blockterms
from server.grid.optimisation.arrays import Bools, Whole, np
from server.grid.optimisation.blockprogram import Commitment, PlannableBlock
from server.grid.optimisation.blockschedule import CallRules
from server.grid.optimisation.blockterms import GENERATOR, BlockTerms, Period
from server.grid.series.intervals import Span
from server.models import Balance, DispatchOrder, Plan, VirtualDER
from server.units import Seconds

QUANTITY = "call"  # of the orders by which a plan calls blocks
DESCRIPTION = "balance"
MARGIN_S = 60  # before its notice, a call is made: a step may be decided a little late


def callable_blocks(state: FleetState) -> list[SiteBlock]:
    """Return the blocks that a plan may call: those under contract that can give something."""
    return [block for block in state.blocks
            if block.contracted and not block.reason and block.available_w > 0]


def with_blocks(demand: NetDemand, area: VirtualDER, state: FleetState, span: Span) -> NetDemand:
    """Return the net demand with the blocks that can be called, less what is called already: that has notice,
    so a plan goes around it."""
    called = blockcalls.called_w(area, span.start, span.steps, span.step)
    total_w = sum((power_w for _, power_w in called), np.zeros(span.steps))
    group_of = dict(zip(state.columns.device.tolist(), state.columns.group.tolist(), strict=True))
    limits = [
        replace(limit, net=limit.net - sum((power_w for device, power_w in called
                                            if group_of.get(device) in limit.groups), np.zeros(span.steps)))
        for limit in demand.horizon.limits
    ]
    horizon = replace(demand.horizon, net=demand.horizon.net - total_w, limits=limits,
                      blocks=plannable(callable_blocks(state), span))
    return replace(demand, horizon=horizon, uncorrected_w=demand.uncorrected_w - total_w)


def plannable(blocks: Iterable[SiteBlock], span: Span) -> list[PlannableBlock]:
    """Return blocks as they can be planned for over a span."""
    begins = span.start + np.arange(span.steps) * span.step
    day, names = _days(begins)
    return [_plannable(block, span, begins, day, names) for block in blocks]


def _days(begins: Whole) -> tuple[Whole, list[str]]:
    """The number [T] of the local day of each step, and the days."""
    calendar = siteblocks.calendar()
    days = [calendar.day(int(at)) for at in begins]
    names = list(dict.fromkeys(days))
    return np.array([names.index(day) for day in days], dtype=np.intp), names


def _plannable(
    block: SiteBlock, span: Span, begins: Whole, day: Whole, names: Sequence[str]
) -> PlannableBlock:
    terms, calendar = block.terms, siteblocks.calendar()
    shortest = max(-(-terms.shortest_s // span.step), 1)
    longest = min(min(block.longest_s, terms.most_s) // span.step, span.steps)
    events = blockterms.events(block.calls)
    season = [event for event in events
              if event.start >= span.start - calendar.season_days * blockterms.DAY_S]
    today = [calendar.day(event.start) for event in events]
    events_day = np.array([max(terms.events_day - today.count(name), 0) if terms.events_day is not None
                           else span.steps for name in names], dtype=np.intp)
    left_s = (span.steps * span.step if terms.hours_season is None
              else terms.hours_season * 3600 - sum(event.seconds for event in season))
    starts = _starts(block, span, begins, shortest * span.step)
    return PlannableBlock(
        power_w=block.available_w,
        least_power_w=_least_w(block),
        group=block.group,
        rules=CallRules(
            starts=starts if shortest <= longest else np.zeros(span.steps, dtype=bool),
            shortest=shortest,
            longest=max(longest, 1),
            rest=-(-terms.rest_s // span.step),
            day=day,
            events_day=events_day,
            events=max(terms.events_season - len(season), 0) if terms.events_season is not None
            else span.steps,
            steps=max(int(left_s // span.step), 0),
        ),
        price_kwh=terms.cost_kwh(settings.emission_price),
        price_event=terms.price_event,
        turn=len(block.calls),
    )


def _least_w(block: SiteBlock) -> float:
    """The least power that a block can be called for: of a load all of it."""
    least_w = block.terms.least_power_w
    return block.available_w if block.kind != GENERATOR or least_w is None else least_w


def _starts(block: SiteBlock, span: Span, begins: Whole, shortest_s: Seconds) -> Bools:
    """Where a call may begin [T]: not in the first step, nor before a call that is made already is over."""
    made_until = max((period.end + block.terms.rest_s for period in block.calls), default=0)
    possible = np.zeros(span.steps, dtype=bool)
    for step, start in enumerate(begins.tolist()):
        if step and start >= made_until:
            possible[step] = not blockterms.breaches(
                block.terms, block.calls, Period(start, start + shortest_s), span.at, siteblocks.calendar())
    return possible


def planned_calls(
    commitment: Commitment | None, blocks: Sequence[SiteBlock], span: Span
) -> list[dict[str, Any]]:
    """Return the calls of a plan as they are kept in its body."""
    if commitment is None:
        return []
    calls = []
    for block, power in zip(blocks, commitment.power, strict=True):
        on = np.concatenate(([False], power > 0, [False]))
        edges = np.flatnonzero(on[1:] != on[:-1]).reshape(-1, 2)
        calls += [
            {"device": block.device, "block": block.name, "kind": block.kind,
             "start": span.start + int(first) * span.step, "until": span.start + int(last) * span.step,
             "called_w": round(float(power[first]), 1)}
            for first, last in edges
        ]
    return sorted(calls, key=lambda call: (call["start"], call["device"], call["block"]))


def described(body: Mapping[str, Any]) -> list[PlannedCall]:
    """Return the calls of a plan's body for people."""
    calls = body.get("calls", [])
    names = memberqueries.names_of(call["device"] for call in calls)
    return [{"device": names.get(call["device"], str(call["device"])), "block": call["block"],
             "start": call["start"], "end": call["until"], "called_w": call["called_w"]} for call in calls]


def issue(balance: Balance, state: FleetState, lfdis: Mapping[int, str], reason: str) -> int:
    """Make the calls of the plan in force whose notice has come, in the caller's transaction.

    Return how many. Those that the contract does not allow any more are not made.
    """
    plan = Plan.get_or_none(Plan.id == balance.plan_id)
    made = 0
    for call, block in _due(plan.body if plan else {}, state, clock.now(), balance.step_s):
        _call(balance, state.dispatch_groups[block.group], call, block, lfdis[block.device], reason,
              float(_injection_w(state, block.device)))
        made += 1
    return made


def _due(
    body: Mapping[str, Any], state: FleetState, now: int, step_s: Seconds
) -> Iterator[tuple[NewCall, SiteBlock]]:
    """The calls that have to be made now, since the next step is decided too late for their notice."""
    blocks = {(block.device, block.name): block for block in callable_blocks(state)}
    for row in body.get("calls", []):
        block = blocks.get((row["device"], row["block"]))
        if block is None or row["start"] - block.terms.notice_s > now + step_s + MARGIN_S:
            continue
        if row["start"] > now and not block.breaches(row["start"], row["until"] - row["start"], now):
            power_w = min(row["called_w"], block.available_w)
            yield NewCall(block.device, block.name, row["start"], row["until"], power_w, block.terms), block


def _injection_w(state: FleetState, device: int) -> float:
    index = int(state.columns.indices([device])[0])
    return float(np.nan_to_num(state.columns.meters.injection_w[index]))


def _call(
    balance: Balance, vder: VirtualDER, call: NewCall, block: SiteBlock, lfdi: str, reason: str,
    baseline_w: float
) -> None:
    """Make a call: publish its events, and record it as an order of the plan."""
    events = blockcommands.publish(vder.primacy, [call], {(call.device, call.block): block.kind}, DESCRIPTION)
    order = DispatchOrder.create(
        vder=vder,
        quantity=QUANTITY,
        value=call.called_w,
        addressing="device",
        start=call.start,
        duration_s=call.until - call.start,
        target_w=baseline_w + call.called_w,
        planned_w=baseline_w + call.called_w,
        reason=reason,
        requested_by="automatic" if balance.automatic else "plan",
        plan_id=balance.plan_id or 0,
        created_at=clock.now(),
    )
    cost = _price_in_words(block.terms)
    record_shares(order, [ShareRow(lfdi, events[call.device], baseline_w + call.called_w, baseline_w,
                                   f"{reason}; calls {call.block}, {cost}")])
    blockcalls.record([call], order.id, events)


def _price_in_words(terms: BlockTerms) -> str:
    return f"{terms.price_event:g} an event and {terms.cost_kwh(settings.emission_price):g} a kWh"
