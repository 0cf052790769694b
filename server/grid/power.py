"""What devices inject, from the readings they post.

A device is read at the usage points of its DER (roleFlags isDER or isPEV) if it mirrors one, else at whatever it
mirrors. There, readings of active power (uom 38, W) count: forward is delivered to the customer and so consumption,
reverse is injection; where both are given, each is a magnitude and the difference is meant.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from peewee import chunked

from server.models import Document
from server.resources import readings

_W = 38
_SIGN = {1: -1, 19: 1, 0: 1}
_IS_PEV, _IS_DER = 4, 8
# dataQualifier: an average says most about a period, then a normal value; extremes and deviations say nothing of it.
_QUALIFIERS = {2: 0, 0: 1, 12: 1}
_CHUNK = 400


class Power(NamedTuple):
    """W of injection, and the time it is of."""
    watts: float
    at: int


class Meter(NamedTuple):
    """A MeterReading of active power: its href, and by what its values give W of injection."""
    href: str
    factor: float


def meters(lfdis: Iterable[str]) -> dict[str, list[Meter]]:
    """Where each device's injection is read; devices that mirror no active power are left out."""
    found: dict[str, list[Meter]] = defaultdict(list)
    for some in chunked(lfdis, _CHUNK):
        owners = _points(some)
        below = _under([f"{point}/mr" for point in owners])
        types = _at([f"{meter}/rt" for meters in below.values() for meter in meters])
        for point, lfdi in owners.items():
            found[lfdi] += _best({meter: types[f"{meter}/rt"] for meter in below[f"{point}/mr"]
                                  if f"{meter}/rt" in types})
    return dict(found)


def _points(lfdis: list[str]) -> dict[str, str]:
    """The usage points that count, and whose they are."""
    found: dict[str, list[Document]] = defaultdict(list)
    for point in Document.select(Document.href, Document.audience, Document.stated).where(
            (Document.parent == "/upt") & Document.audience.in_(lfdis)):
        found[point.audience].append(point)
    return {point.href: lfdi for lfdi, points in found.items()
            for point in ([point for point in points if _role(point)] or points)}


def _role(point: Document) -> int:
    return int(point.stated.get("roleFlags") or "0", 16) & (_IS_PEV | _IS_DER)


def _under(parents: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for document in Document.select(Document.href, Document.parent).where(Document.parent.in_(parents)):
        found[document.parent].append(document.href)
    return found


def _at(hrefs: list[str]) -> dict[str, dict[str, Any]]:
    return {document.href: document.stated for some in chunked(hrefs, _CHUNK)
            for document in Document.select(Document.href, Document.stated).where(Document.href.in_(some))
            if document.stated}


def _best(types: dict[str, dict[str, Any]]) -> list[Meter]:
    """One meter for each direction: the sum of the phases rather than one of them, an average rather than an instant."""
    chosen: dict[int, tuple[tuple[bool, int], Meter]] = {}
    for href, said in types.items():
        flow, qualifier = said.get("flowDirection", 0), said.get("dataQualifier", 0)
        if said.get("uom") != _W or qualifier not in _QUALIFIERS or flow not in _SIGN:
            continue
        rank = (said.get("phase", 0) != 0, _QUALIFIERS[qualifier])
        if flow not in chosen or rank < chosen[flow][0]:
            chosen[flow] = rank, Meter(href, _SIGN[flow] * 10.0 ** said.get("powerOfTenMultiplier", 0))
    return [meter for _, meter in chosen.values()]


def latest(lfdis: Iterable[str]) -> dict[str, Power]:
    """The newest injection of each device that has one."""
    found = {}
    for lfdi, read in meters(lfdis).items():
        watts, times = 0.0, []
        for meter in read:
            start, duration, value, _ = readings.latest(meter.href) or (0, 0, None, "")
            if value is not None:
                watts += value * meter.factor
                times.append(start + duration)
        if times:
            found[lfdi] = Power(watts, max(times))
    return found


def mean(lfdis: Iterable[str], start: int, end: int) -> dict[str, float]:
    """The mean injection of each device over [start, end), from the readings that began then; an instant counts as
    long as every other."""
    found = {}
    for lfdi, read in meters(lfdis).items():
        means = []
        for meter in read:
            rows = [(duration or 1, value) for _, duration, value in readings.between(meter.href, start, end)
                    if value is not None]
            if rows:
                means.append(meter.factor * sum(duration * value for duration, value in rows)
                             / sum(duration for duration, _ in rows))
        if means:
            found[lfdi] = sum(means)
    return found
