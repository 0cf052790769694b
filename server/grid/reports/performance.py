"""What came of an event: delivered against expected, of each member and of the group; who answered what and
how late.

Powers are means over the part of the event that is over, W of injection: `expected_w` is the change that was
asked for, `delivered_w` the change against the baseline, `figure` the part of the one that the other is (1 is
all). A single home's baseline is uncertain: the figure that is fit for settlement is the group's, with how
uncertain it is (`uncertainty_w`), how many were read, and where readings are missing.
"""
from __future__ import annotations

import math
from collections import Counter
from typing import Any, NamedTuple

from server import clock
from server.errors import Refused
from server.functionsets.response import STATUSES_2023
from server.grid.controls import drevents, responses
from server.grid.groups import virtualders
from server.grid.groups.tree import Tree
from server.grid.optimisation import measurement
from server.grid.optimisation.arrays import Floats, np
from server.grid.reports import baselines
from server.grid.reports.baselines import BaselineRequest
from server.grid.series import devicereadings
from server.grid.series.intervals import STEP
from server.models import Device, DispatchOrder, ResponseRecord, Share
from server.resources import pollrates, store
from server.resources.codes import OPT_OUTS, EventStatus, ResponseStatus

REBOUND_S = 4 * 3600  # seconds after an event in which what it moved may come back
SETTLEMENT_COVERAGE = 0.8  # of the readings have to be there for settlement
STAGES = {1: "received", 2: "started", 3: "completed"}
Data = dict[str, Any]


class EvaluatedEvent(NamedTuple):
    """What was asked, of whom: of each LFDI (its event's mRID, planned and baseline W of injection, None: not
    said)."""
    name: str
    vder: str
    start: int
    end: int
    published: int
    kind: str
    asked: dict[str, tuple[str, float | None, float | None]]
    balance: bool = False


def find_event(name: str | int) -> EvaluatedEvent:
    """The order of this number, or the load control event of this href. Refused (404) where there is none."""
    text = str(name)
    return _of_order(int(text)) if text.isdecimal() and len(text) < 19 else _of_load_event(text)


def _of_order(number: int) -> EvaluatedEvent:
    row = DispatchOrder.get_or_none(DispatchOrder.id == number)
    if row is None:
        raise Refused(404, f"there is no order {number}")
    end = min([row.start + row.duration_s, *([row.cancelled_at] if row.cancelled_at is not None else [])])
    return EvaluatedEvent(
        f"order {number}",
        row.vder.name,
        row.start,
        max(end, row.start),
        row.created_at,
        row.quantity,
        {
            share.lfdi: (share.mrid, share.planned_w, share.baseline_w)
            for share in Share.select().where(Share.order == row).order_by(Share.lfdi)
        },
        row.plan_id is not None,
    )


def _of_load_event(href: str) -> EvaluatedEvent:
    shown = drevents.show(href)
    document = store.get(href)
    assert document is not None
    said = document.submitted
    start, duration = said["interval"]["start"], said["interval"]["duration"]
    cut_short = document.status["currentStatus"] > EventStatus.ACTIVE
    ended = document.status["dateTime"] if cut_short else start + duration
    heard = {
        answer.lfdi
        for answer in ResponseRecord.select(ResponseRecord.lfdi).where(ResponseRecord.subject == said["mRID"])
    }
    return EvaluatedEvent(
        href,
        shown["vder"],
        start,
        max(min(start + duration, ended), start),
        said["creationTime"],
        " ".join(shown["action"]),
        {
            lfdi: (said["mRID"], None, None)
            for lfdi in sorted(heard | {one["lfdi"] for one in shown["devices"]})
        },
    )


def event_performance(name: str | int) -> Data:
    """The performance of an order (its number) or a load control event (its href)."""
    return evaluate(find_event(name))


def evaluate(one: EvaluatedEvent) -> Data:
    """What came of an event, in an orderly dict: `group` (for settlement), `devices`, `responses`,
    `rebound`."""
    now = clock.now()
    until = min(one.end, now)
    devices = list(Device.select().where(Device.lfdi.in_(list(one.asked))).order_by(Device.id))
    kinds = baselines.device_kinds(devices)
    said = _answers(one)
    steps = (until - one.start) // STEP
    step = STEP if steps else max(until - one.start, 1)
    steps = max(steps, 1) if until > one.start else 0
    metered = -devicereadings.mean_injection_w(
        [device.id for device in devices], one.start, one.start + steps * step, step
    )
    rows, series = [], []
    for place, device in enumerate(devices):
        mrid, planned_w, baseline_w = one.asked[device.lfdi]
        asked = BaselineRequest(
            device.id, device.lfdi, kinds[device.id], baselines.order_baseline_w(baseline_w), one.balance
        )
        usual = (
            baselines.member_baseline(asked, one.start, one.start + steps * step, mrid)
            if steps
            else baselines.MemberBaseline(np.zeros(0), baselines.NO_BASELINE)
        )
        series.append(
            (
                usual.values[:steps],
                metered[place],
                np.full(steps, np.nan if planned_w is None else -planned_w),
            )
        )
        rows.append(
            _row(device, kinds[device.id], usual.method, series[-1], said.get(device.lfdi, []), one, now)
        )
    base, drawn, planned = (
        np.array([each[number] for each in series]).reshape(len(series), steps) for number in range(3)
    )
    quiet = (
        measurement.non_responding(drawn - base, np.nan_to_num(planned - base))
        if steps
        else np.zeros(len(rows), dtype=bool)
    )
    for row, mute in zip(rows, quiet, strict=True):
        row["nonresponder"] = not row["opted_out"] and ("no answer" if row["answer"] == responses.NO_RESPONSE
                                                        else "did less than a fifth" if mute else "")
    group = _group(rows, base, drawn, planned)
    return {
        "event": one.name,
        "vder": one.vder,
        "kind": one.kind,
        "start": one.start,
        "end": one.end,
        "published": one.published,
        "group": group,
        "responses": _responses(said, one),
        "opted_out": sum(row["opted_out"] for row in rows),
        "nonresponders": sum(bool(row["nonresponder"]) for row in rows),
        "rebound": _rebound(one, devices, kinds, group, steps * step),
        "devices": rows,
    }


def _answers(one: EvaluatedEvent) -> dict[str, list[ResponseRecord]]:
    found: dict[str, list[ResponseRecord]] = {}
    for answer in (
        ResponseRecord.select()
        .where(ResponseRecord.subject.in_({asked[0] for asked in one.asked.values()}))
        .order_by(ResponseRecord.received_at, ResponseRecord.href)
    ):
        if answer.status is not None and one.asked.get(answer.lfdi, ("",))[0] == answer.subject:
            found.setdefault(answer.lfdi, []).append(answer)
    return found


def _row(
    device: Device,
    what: str,
    method: str,
    series: tuple[Floats, Floats, Floats],
    said: list[ResponseRecord],
    one: EvaluatedEvent,
    now: int,
) -> Data:
    base, drawn, planned = series
    expected, delivered = -(planned - base), -(drawn - base)
    both = np.isfinite(delivered)
    done = measurement.performance(base, drawn, planned, STEP / 3600)
    patience = one.published + responses.PATIENCE_POLLS * pollrates.poll("DERProgramList", device.lfdi)
    word = (
        STATUSES_2023.get(said[-1].status or 0, "")
        if any(each.received_at <= patience for each in said) or said and now <= patience
        else responses.NO_RESPONSE
        if now > patience
        else responses.WAITING
    )
    return {
        "name": device.name or device.lfdi,
        "lfdi": device.lfdi,
        "what": what,
        "method": method,
        "answer": word,
        "expected_w": _mean_known(expected[both] if both.any() else expected),
        "delivered_w": _mean_known(delivered),
        "figure": done.figure,
        "read": float(both.mean()) if len(both) else 0.0,
        "opted_out": _opted_out(said),
    }


def _opted_out(said: list[ResponseRecord]) -> bool:
    out = False
    for each in said:
        out = each.status in OPT_OUTS or out and each.status != ResponseStatus.OPTED_IN
    return out


def _mean_known(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return round(float(known.mean()), 1) if len(known) else None


def _group(rows: list[Data], base: Floats, drawn: Floats, planned: Floats) -> Data:
    """The sum over the members that were read, and how sure it is. Members of whom nothing is planned in W (a
    thermostat that was told degrees) deliver, but nothing is expected of them."""
    counted = [number for number, row in enumerate(rows) if row["delivered_w"] is not None]
    with_plan = [number for number in counted if rows[number]["expected_w"] is not None]
    expected, delivered = (
        math.fsum(rows[number][key] for number in with_plan) for key in ("expected_w", "delivered_w")
    )
    everything = math.fsum(rows[number]["delivered_w"] for number in counted)
    doubt = math.sqrt(
        math.fsum(
            (
                baselines.RELATIVE_ERRORS.get(rows[number]["method"], 1.0)
                * float(np.nanmean(np.abs(base[number])))
            )
            ** 2
            for number in counted
        )
    )
    share = math.fsum(row["read"] for row in rows) / len(rows) if rows else 0.0
    return {"members": len(rows), "read": len(counted), "expected_w": expected if with_plan else None,
            "delivered_w": everything if counted else None,
            "figure": delivered / expected if with_plan and abs(expected) > 1.0 else None,
            "uncertainty_w": round(doubt, 1), "coverage": round(share, 4),
            "methods": dict(sorted(Counter(rows[number]["method"] for number in counted).items())),
            "settles": bool(counted) and share >= SETTLEMENT_COVERAGE}


def _responses(said: dict[str, list[ResponseRecord]], one: EvaluatedEvent) -> Data:
    """How many answered what, and how long after the event was published (s); what was said of it before
    that, when it had another share in an order before, has no delay."""
    delays: dict[int, list[int]] = {stage: [] for stage in STAGES}
    codes: Counter[str] = Counter()
    for answers in said.values():
        for answer in answers:
            codes[f"{answer.status} {STATUSES_2023.get(answer.status or 0, '')}".strip()] += 1
            if answer.status in delays and answer.received_at >= one.published:
                delays[answer.status].append(answer.received_at - one.published)
    return {
        "by_code": dict(sorted(codes.items(), key=lambda pair: int(pair[0].split()[0]))),
        "delays": {
            STAGES[stage]: {
                "n": len(some),
                "p50_s": float(np.median(some)),
                "p90_s": float(np.quantile(some, 0.9)),
                "max_s": max(some),
            }
            for stage, some in delays.items()
            if some
        },
        "received_s": sorted(delays[1]),
    }


def _rebound(
    one: EvaluatedEvent, devices: list[Device], kinds: dict[int, str], group: Data, seconds: int
) -> Data | None:
    """What came back after the event, of those whom nobody asked anew; None while there is nothing to see,
    and for the balance, which goes on."""
    until = min(one.end + REBOUND_S, clock.now())
    steps = (until - one.end) // STEP
    delivered = group["delivered_w"]
    if one.balance or steps <= 0 or not delivered:
        return None
    base, drawn = np.zeros(steps), np.zeros(steps)
    metered = -devicereadings.mean_injection_w(
        [device.id for device in devices], one.end, one.end + steps * STEP, STEP
    )
    for place, device in enumerate(devices):
        mrid, _, baseline_w = one.asked[device.lfdi]
        asked = BaselineRequest(
            device.id, device.lfdi, kinds[device.id], baselines.order_baseline_w(baseline_w)
        )
        anew = [
            (begin + baselines.BEFORE, end - baselines.AFTER)
            for begin, end in baselines.own_events(asked, one.end, until, mrid)
        ]
        if any(begin < until and end > one.end for begin, end in anew):
            continue
        usual = baselines.member_baseline(asked, one.end, one.end + steps * STEP, mrid).values
        known = np.isfinite(usual) & np.isfinite(metered[place])
        base[known] += usual[known]
        drawn[known] += metered[place][known]
    back = measurement.rebound(-delivered * seconds / 3600, base, drawn, STEP / 3600)
    return {
        "energy_wh": round(back.energy, 1),
        "part": back.part,
        "peak_w": round(back.peak, 1),
        "hours": back.hours,
    }


def area_performance(vder: str, start: int, end: int) -> list[Data]:
    """The performance of every order on a virtual DER, or below it, that began in [start, end), the oldest
    first."""
    area = virtualders.find(vder)
    return [
        evaluate(_of_order(row.id))
        for row in DispatchOrder.select()
        .where(
            DispatchOrder.vder.in_(Tree.read(include=[area]).subtree(area.id))
            & (DispatchOrder.start >= start)
            & (DispatchOrder.start < end)
        )
        .order_by(DispatchOrder.start, DispatchOrder.id)
    ]


def nonresponders(vder: str, start: int, end: int) -> list[Data]:
    """Who did not respond to orders of [start, end), and how often and why; the worst first."""
    found: dict[str, Data] = {}
    for event_ in area_performance(vder, start, end):
        for row in event_["devices"]:
            one = found.setdefault(
                row["lfdi"],
                {
                    "name": row["name"],
                    "lfdi": row["lfdi"],
                    "what": row["what"],
                    "events": 0,
                    "no_answer": 0,
                    "did_not": 0,
                    "opted_out": 0,
                },
            )
            one["events"] += 1
            one["no_answer"] += row["nonresponder"] == "no answer"
            one["did_not"] += row["nonresponder"] == "did less than a fifth"
            one["opted_out"] += row["opted_out"]
    return sorted((one for one in found.values() if one["no_answer"] or one["did_not"]),
                  key=lambda one: (-(one["no_answer"] + one["did_not"]), one["name"]))
