"""The performance of events: delivered against expected, by device and for the group.

Powers are means over the part of the event that is over, as injection in W: `expected_w` is the change that
was ordered, `delivered_w` the change against the baseline, `performance` the one as a fraction of the other.
The baseline of a single home is uncertain. What is fit for settlement is the group's figure, with its
uncertainty and coverage.
"""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from server import clock
from server.grid.controls import responses
from server.grid.groups import virtualders
from server.grid.groups.tree import Tree
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import Floats, np
from server.grid.reports import (baselines, erasedmembers, evaluatedevents, eventresponses, powerrows,
                                 reboundenergy)
from server.grid.reports.baselines import BaselineRequest, MemberBaseline
from server.grid.reports.erasedmembers import MemberFigures
from server.grid.reports.evaluatedevents import EvaluatedEvent, Expectation
from server.grid.reports.powerrows import DeviceSteps
from server.grid.reports.results import DevicePerformance, EventPerformance, GroupPerformance, NonresponderRow
from server.grid.series import devicereadings
from server.grid.series.intervals import STEP
from server.models import Device, DispatchOrder, ResponseRecord, among

SETTLEMENT_COVERAGE = 0.8  # fraction of the readings without which an event is not settled
MIN_EXPECTED_W = 1.0  # below which a group has no performance
NOT_DELIVERED = "delivered less than a fifth"


class _DeviceLoads(NamedTuple):
    """The load of a device [steps] by its baseline, its readings and the plan; W, NaN where not known."""
    baseline: MemberBaseline
    metered_w: Floats
    planned_w: Floats

    @property
    def baseline_w(self) -> Floats:
        return self.baseline.load_w[:len(self.metered_w)]


def event_performance(name: str | int) -> EventPerformance:
    """Return the performance of an order (its number) or a load control event (its href).

    Refused (404) where there is none.
    """
    return evaluate(evaluatedevents.find(name))


def evaluate(event: EvaluatedEvent) -> EventPerformance:
    """Return the performance of an event, as far as it is over."""
    now = clock.now()
    devices = sorted(among(Device.select(), Device.lfdi, event.expectations), key=lambda device: device.id)
    kinds = baselines.device_kinds(devices)
    records = eventresponses.read(event)
    steps, step = _steps(event, now)
    loads = _loads(event, devices, kinds, steps, step)
    erased = erasedmembers.read(event.name)
    members = _members(event, devices, kinds, records, loads, now) + erased
    group, rows = _group(members), [member.row for member in members]
    duration_s = steps * step
    return {
        "event": event.name,
        "vder": event.vder,
        "kind": event.kind,
        "start": event.start,
        "end": event.end,
        "published_at": event.published_at,
        "group": group,
        "responses": eventresponses.summary(records, event),
        "opted_out": sum(row["opted_out"] for row in rows),
        "nonresponders": sum(bool(row["nonresponse"]) for row in rows),
        "rebound": reboundenergy.rebound(event, devices, kinds, group["delivered_w"], duration_s,
                                         [member.excess_w for member in erased]),
        "power": powerrows.power_rows(
            [DeviceSteps(load.baseline_w, load.planned_w, load.metered_w) for load in loads],
            event.start, step) if steps else [],
        "devices": rows,
    }


def member_figures(event: EvaluatedEvent, device: Device) -> MemberFigures:
    """Return the figures of one of the devices of an event, as far as it is over."""
    now, kinds = clock.now(), baselines.device_kinds([device])
    loads = _loads(event, [device], kinds, *_steps(event, now))
    figures = _members(event, [device], kinds, eventresponses.read(event), loads, now)[0]
    excess_w = reboundenergy.excess_w(event, [device], kinds)
    return figures._replace(excess_w=tuple(round(watts, 1) for watts in excess_w.tolist()))


def _members(
    event: EvaluatedEvent,
    devices: Sequence[Device],
    kinds: Mapping[int, str],
    records: Mapping[str, Sequence[ResponseRecord]],
    loads: list[_DeviceLoads],
    now: int,
) -> list[MemberFigures]:
    rows = [
        _device_row(event, device, kinds[device.id], load, records.get(device.lfdi, []), now)
        for device, load in zip(devices, loads, strict=True)
    ]
    _mark_nonresponders(rows, loads, _steps(event, now)[0])
    return [MemberFigures(row, _baseline_error_w(row, load)) for row, load in zip(rows, loads, strict=True)]


def _baseline_error_w(row: DevicePerformance, load: _DeviceLoads) -> float:
    """Return the standard deviation of a device's baseline; 0 where the device was not read."""
    if row["delivered_w"] is None:
        return 0.0
    return baselines.RELATIVE_ERRORS.get(row["method"], 1.0) * float(np.nanmean(np.abs(load.baseline_w)))


def _steps(event: EvaluatedEvent, now: int) -> tuple[int, int]:
    """Return the number of steps that are over, and their length in s, shorter than STEP where none is over
    yet."""
    past_s = min(event.end, now) - event.start
    if past_s <= 0:
        return 0, STEP
    return (past_s // STEP, STEP) if past_s >= STEP else (1, past_s)


def _loads(
    event: EvaluatedEvent, devices: Sequence[Device], kinds: Mapping[int, str], steps: int, step: int
) -> list[_DeviceLoads]:
    end = event.start + steps * step
    metered_w = -devicereadings.mean_injection_w([device.id for device in devices], event.start, end, step)
    loads = []
    for device, device_metered_w in zip(devices, metered_w, strict=True):
        expectation = event.expectations[device.lfdi]
        if steps:
            request = BaselineRequest(
                device.id, device.lfdi, kinds[device.id], event.start, end, excluding=expectation.mrid,
                ordered_w=baselines.load_of(expectation.baseline_w), continuous=event.continuous,
            )
            baseline = baselines.member_baseline(request)
        else:
            baseline = MemberBaseline(np.zeros(0), baselines.NO_BASELINE)
        loads.append(_DeviceLoads(baseline, device_metered_w, _planned_load(expectation, steps)))
    return loads


def _planned_load(expectation: Expectation, steps: int) -> Floats:
    load_w = baselines.load_of(expectation.planned_w)
    return np.full(steps, np.nan if load_w is None else load_w)


def _device_row(
    event: EvaluatedEvent,
    device: Device,
    kind: str,
    loads: _DeviceLoads,
    records: Sequence[ResponseRecord],
    now: int,
) -> DevicePerformance:
    baseline_w, metered_w, planned_w = loads.baseline_w, loads.metered_w, loads.planned_w
    expected_w, delivered_w = baseline_w - planned_w, baseline_w - metered_w
    known = np.isfinite(delivered_w)
    energies = measurement.performance(baseline_w, metered_w, planned_w, STEP / 3600)
    return {
        "name": device.name or device.lfdi,
        "lfdi": device.lfdi,
        "kind": kind,
        "method": loads.baseline.method,
        "answer": eventresponses.answer(event, device.lfdi, records, now),
        "expected_w": _mean(expected_w[known] if known.any() else expected_w),
        "delivered_w": _mean(delivered_w),
        "performance": energies.figure,
        "coverage": float(known.mean()) if len(known) else 0.0,
        "opted_out": eventresponses.opted_out(records),
        "nonresponse": "",
    }


def _mean(values_w: Floats) -> float | None:
    """Return the mean of what is known, None where nothing is."""
    known_w = values_w[np.isfinite(values_w)]
    return round(float(known_w.mean()), 1) if len(known_w) else None


def _mark_nonresponders(rows: list[DevicePerformance], loads: list[_DeviceLoads], steps: int) -> None:
    """Write into the rows why devices count as not responding; those that opted out do not."""
    if not rows:
        return
    not_delivering = np.zeros(len(rows), dtype=bool)
    if steps:
        changes_w = np.array([load.metered_w - load.baseline_w for load in loads])
        expected_w = np.array([load.planned_w - load.baseline_w for load in loads])
        not_delivering = measurement.non_responding(changes_w, np.nan_to_num(expected_w))
    for row, failed in zip(rows, not_delivering, strict=True):
        if row["opted_out"]:
            continue
        if row["answer"] == responses.NO_RESPONSE:
            row["nonresponse"] = responses.NO_RESPONSE
        elif failed:
            row["nonresponse"] = NOT_DELIVERED


def _group(members: Sequence[MemberFigures]) -> GroupPerformance:
    """Return the sum over the devices that were read, and its uncertainty.

    Devices without a plan in W (a thermostat with an offset) deliver, but nothing is expected of them.
    """
    rows = [member.row for member in members]
    read = [(delivered_w, row["expected_w"], row["method"]) for row in rows
            if (delivered_w := row["delivered_w"]) is not None]
    planned = [(delivered_w, expected_w) for delivered_w, expected_w, _ in read if expected_w is not None]
    expected_w = math.fsum(expected_w for _, expected_w in planned)
    delivered_w = math.fsum(delivered_w for delivered_w, _ in planned)
    coverage = math.fsum(row["coverage"] for row in rows) / len(rows) if rows else 0.0
    return {
        "members": len(rows),
        "devices_read": len(read),
        "expected_w": expected_w if planned else None,
        "delivered_w": math.fsum(delivered_w for delivered_w, *_ in read) if read else None,
        "performance": delivered_w / expected_w if planned and abs(expected_w) > MIN_EXPECTED_W else None,
        "uncertainty_w": round(math.sqrt(math.fsum(member.baseline_error_w ** 2 for member in members)), 1),
        "coverage": round(coverage, 4),
        "methods": dict(sorted(Counter(method for _, _, method in read).items())),
        "settled": bool(read) and coverage >= SETTLEMENT_COVERAGE,
    }


def area_performance(vder: str, start: int, end: int) -> list[EventPerformance]:
    """Return the performance of every order on a virtual DER, or below it, that began in [start, end), the
    oldest first."""
    area = virtualders.find(vder)
    begun = DispatchOrder.select().where((DispatchOrder.start >= start) & (DispatchOrder.start < end))
    orders = sorted(among(begun, DispatchOrder.vder, Tree.read(include=[area]).subtree(area.id)),
                    key=lambda order: (order.start, order.id))
    return [evaluate(evaluatedevents.of_order(order.id)) for order in orders]


def nonresponders(vder: str, start: int, end: int) -> list[NonresponderRow]:
    """Return the devices that did not respond to orders of [start, end), how often and why, the worst
    first."""
    rows: dict[str, NonresponderRow] = {}
    for event in area_performance(vder, start, end):
        for device in event["devices"]:
            row = rows.setdefault(
                device["lfdi"],
                {
                    "name": device["name"],
                    "lfdi": device["lfdi"],
                    "kind": device["kind"],
                    "events": 0,
                    "no_answer": 0,
                    "not_delivered": 0,
                    "opted_out": 0,
                },
            )
            row["events"] += 1
            row["no_answer"] += device["nonresponse"] == responses.NO_RESPONSE
            row["not_delivered"] += device["nonresponse"] == NOT_DELIVERED
            row["opted_out"] += device["opted_out"]
    failing = [row for row in rows.values() if row["no_answer"] or row["not_delivered"]]
    return sorted(failing, key=lambda row: (-(row["no_answer"] + row["not_delivered"]), row["name"]))
