"""The performance of events: delivered against asked, by device and for the group.

This is the one place where it is computed: `dispatch show`, reports of events, days and months, settlement
and charts take it from here (see `measurement.performance` for the rule). Powers are means over the part of
the event that is over and was read, as a change of injection against the baseline, in W. The baseline of a
single home is uncertain. What is fit for settlement is the group's figure, with its uncertainty and coverage.
"""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from server import clock
from server.grid.controls import responses
from server.grid.fleet.stops import STOP
from server.grid.groups import virtualders
from server.grid.groups.tree import Tree
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.measurement import DirectionEnergy
from server.grid.reports import (baselines, erasedmembers, evaluatedevents, eventresponses, membersteps,
                                 powerrows, reboundenergy)
from server.grid.reports.erasedmembers import MemberFigures
from server.grid.reports.evaluatedevents import EvaluatedEvent
from server.grid.reports.membersteps import MemberSteps
from server.grid.reports.results import (DevicePerformance, DirectionPerformance, EventPerformance,
                                         GroupPerformance, NonresponderRow)
from server.grid.series import intervals
from server.models import Device, DispatchOrder, ResponseRecord, among

SETTLEMENT_COVERAGE = 0.8  # fraction of the readings without which an event is not settled
NOT_DELIVERED = "delivered less than a fifth"


def event_performance(name: str | int) -> EventPerformance:
    """Return the performance of an order (its number) or a load control event (its href).

    Refused (404) where there is none.
    """
    return evaluate(evaluatedevents.find(name))


def evaluate(event: EvaluatedEvent) -> EventPerformance:
    """Return the performance of an event, as far as it is over."""
    now = clock.now()
    devices, kinds = _devices(event)
    records = eventresponses.read(event)
    hours = membersteps.hours(event, now)
    steps = membersteps.read(event, devices, kinds, now)
    erased = erasedmembers.read(event.name, len(hours))
    members = _members(event, devices, kinds, records, steps, now) + erased
    group, rows = _group(members, hours), [member.row for member in members]
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
        "rebound": reboundenergy.rebound(event, devices, kinds, group["delivered_w"],
                                         float(hours.sum()) * 3600, [member.excess_w for member in erased]),
        "power": powerrows.power_rows(steps, intervals.edges(event.start, membersteps.until(event, now))),
        "devices": rows,
    }


def delivery(event: EvaluatedEvent) -> tuple[GroupPerformance, list[DevicePerformance]]:
    """Return what `evaluate` does of the group and its devices alone."""
    now = clock.now()
    devices, kinds = _devices(event)
    hours = membersteps.hours(event, now)
    steps = membersteps.read(event, devices, kinds, now)
    members = (_members(event, devices, kinds, eventresponses.read(event), steps, now)
               + erasedmembers.read(event.name, len(hours)))
    return _group(members, hours), [member.row for member in members]


def _devices(event: EvaluatedEvent) -> tuple[list[Device], dict[int, str]]:
    """Return the devices of an event, and their kinds."""
    devices = sorted(among(Device.select(), Device.lfdi, event.expectations), key=lambda device: device.id)
    return devices, baselines.device_kinds(devices)


def member_figures(event: EvaluatedEvent, device: Device) -> MemberFigures:
    """Return the figures of one of the devices of an event, as far as it is over."""
    now, kinds = clock.now(), baselines.device_kinds([device])
    steps = membersteps.read(event, [device], kinds, now)
    figures = _members(event, [device], kinds, eventresponses.read(event), steps, now)[0]
    excess_w = reboundenergy.excess_w(event, [device], kinds)
    return figures._replace(excess_w=tuple(round(watts, 1) for watts in excess_w.tolist()))


def _members(
    event: EvaluatedEvent,
    devices: Sequence[Device],
    kinds: Mapping[int, str],
    records: Mapping[str, Sequence[ResponseRecord]],
    steps: Sequence[MemberSteps],
    now: int,
) -> list[MemberFigures]:
    hours = membersteps.hours(event, now)
    rows = [
        _device_row(event, device, kinds[device.id], member, records.get(device.lfdi, []), now, hours)
        for device, member in zip(devices, steps, strict=True)
    ]
    _mark_nonresponders(rows, steps)
    return [MemberFigures(row, _baseline_error_w(row, member, hours), member.asked_w, member.delivered_w)
            for row, member in zip(rows, steps, strict=True)]


def _baseline_error_w(row: DevicePerformance, member: MemberSteps, hours: Floats) -> float:
    """Return the standard deviation of a device's baseline; 0 where the device was not read."""
    if row["delivered_w"] is None:
        return 0.0
    return (baselines.RELATIVE_ERRORS.get(row["method"], 1.0)
            * (_mean(np.abs(member.baseline.load_w), hours) or 0.0))


def _device_row(
    event: EvaluatedEvent,
    device: Device,
    kind: str,
    steps: MemberSteps,
    records: Sequence[ResponseRecord],
    now: int,
    hours: Floats,
) -> DevicePerformance:
    known = np.isfinite(steps.delivered_w)
    return {
        "name": device.name or device.lfdi,
        "lfdi": device.lfdi,
        "kind": kind,
        "method": steps.baseline.method,
        "answer": eventresponses.answer(event, device.lfdi, records, now),
        "expected_w": _mean(np.where(known, steps.asked_w, np.nan) if known.any() else steps.asked_w, hours),
        "delivered_w": _mean(steps.delivered_w, hours),
        "performance": measurement.performance(steps.asked_w, steps.delivered_w, hours).figure,
        "coverage": steps.coverage,
        "readings_left_out": steps.left_out,
        "readings_split": steps.split,
        "opted_out": eventresponses.opted_out(records),
        "nonresponse": "",
    }


def _mean(values_w: Floats, hours: Floats) -> float | None:
    """Return the mean over time of what is known; None where nothing is."""
    known = np.isfinite(values_w)
    return float(values_w[known] @ hours[known] / hours[known].sum()) if known.any() else None


def _mark_nonresponders(rows: list[DevicePerformance], steps: Sequence[MemberSteps]) -> None:
    """Write into the rows why devices count as not responding; those that opted out do not."""
    if not rows:
        return
    not_delivering = measurement.non_responding(
        np.array([member.delivered_w for member in steps]),
        np.nan_to_num([member.asked_w for member in steps]))
    for row, failed in zip(rows, not_delivering, strict=True):
        if row["opted_out"]:
            continue
        if row["answer"] == responses.NO_RESPONSE:
            row["nonresponse"] = responses.NO_RESPONSE
        elif failed:
            row["nonresponse"] = NOT_DELIVERED


def _group(members: Sequence[MemberFigures], hours: Floats) -> GroupPerformance:
    """Return the sum over the devices that were read, and its uncertainty.

    Devices without a plan in W (a thermostat with an offset) deliver, but nothing is expected of them.
    """
    rows = [member.row for member in members]
    read = [(delivered_w, row["expected_w"], row["method"]) for row in rows
            if (delivered_w := row["delivered_w"]) is not None]
    planned = [expected_w for _, expected_w, _ in read if expected_w is not None]
    coverage = math.fsum(row["coverage"] for row in rows) / len(rows) if rows else 0.0
    shape = len(members), len(hours)
    energies = measurement.performance(
        np.array([member.asked_w for member in members], dtype=float).reshape(shape),
        np.array([member.delivered_w for member in members], dtype=float).reshape(shape), hours)
    return {
        "members": len(rows),
        "devices_read": len(read),
        "expected_w": math.fsum(planned) if planned else None,
        "delivered_w": math.fsum(delivered_w for delivered_w, *_ in read) if read else None,
        "performance": energies.figure,
        "up": _direction(energies.up),
        "down": _direction(energies.down),
        "uncertainty_w": round(math.hypot(*(member.baseline_error_w for member in members)), 1)
        if read else None,
        "coverage": round(coverage, 4),
        "readings_left_out": sum(row["readings_left_out"] for row in rows),
        "devices_split": sum(row["readings_split"] for row in rows),
        "methods": dict(sorted(Counter(method for _, _, method in read).items())),
        "settled": bool(read) and coverage >= SETTLEMENT_COVERAGE,
    }


def _direction(energy: DirectionEnergy) -> DirectionPerformance | None:
    if not energy.asked:
        return None
    return {
        "asked_wh": round(energy.asked, 1),
        "delivered_wh": round(energy.delivered, 1),
        "credited_wh": round(energy.credited, 1),
        "performance": energy.figure,
    }


def area_performance(vder: str, start: int, end: int) -> list[EventPerformance]:
    """Return the performance of every order on a virtual DER, or below it, that began in [start, end), the
    oldest first. A stop is none: it was not bought."""
    area = virtualders.find(vder)
    begun = DispatchOrder.select().where(
        (DispatchOrder.start >= start) & (DispatchOrder.start < end) & (DispatchOrder.quantity != STOP))
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
