"""Which devices see what virtual DERs publish: the members, and the aggregators that act for members.

They are rows of Audience, which follow the memberships in the transaction that changes these.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from server.functionsets import der, privatelists
from server.models import CHUNK, Device, Membership, among, chunked, vder_audience
from server.resources import outbox, sql
from server.units import Lfdi

Rows = set[tuple[Lfdi, str]]
"""LFDIs with an audience that each belongs to."""


def reconcile(devices: Iterable[Device]) -> int:
    """Make the rows of devices, and of the aggregators that act for them or did so before, agree with the
    memberships; return how many changed.

    Of an aggregator, only the virtual DERs are looked at that these devices are in, or were: it may have
    thousands of others.
    """
    return sum(map(_reconcile, chunked(devices, CHUNK)))


def rebuild() -> int:
    """Make the rows of everyone agree with the memberships; return how many changed."""
    lfdis = [device.lfdi for device in Device.select(Device.lfdi)]
    return sum(_write(_stored(chunk), _of_members(chunk) | _of_aggregators(chunk))
               for chunk in chunked(lfdis, CHUNK))


def _reconcile(devices: Collection[Device]) -> int:
    own = {device.lfdi for device in devices}
    current, stored = _of_members(own) | _of_aggregators(own), _stored(own)
    audiences_of: dict[Lfdi, set[str]] = defaultdict(set)
    for lfdi, audience in current | stored:
        audiences_of[lfdi].add(audience)
    managed = {(device.manager, device.lfdi) for device in devices if device.manager}
    seeing = managed | {(lfdi, device) for lfdi, device in sql.among(
        "SELECT lfdi, audience FROM audience WHERE audience IN ({}) AND lfdi <> audience", own)}
    concerned = {(lfdi, audience) for lfdi, device in seeing for audience in audiences_of[device]}
    enrolled = {device.lfdi for device in devices if device.state == Device.ENROLLED}
    sure = {(lfdi, audience) for lfdi, device in managed if device in enrolled
            for audience in audiences_of[device] if (device, audience) in current}
    if doubtful := concerned - sure:  # for other devices, or as members themselves
        lfdis = {lfdi for lfdi, _ in doubtful}
        sure |= doubtful & (_of_members(lfdis) | _of_aggregators(lfdis))
    lfdis = {lfdi for lfdi, _ in concerned}
    stored |= concerned & {(lfdi, audience) for lfdi, audience in sql.among(
        f"SELECT lfdi, audience FROM audience WHERE audience IN ({{}}) AND lfdi IN ({sql.marks(len(lfdis))})",
        {audience for _, audience in concerned}, *lfdis)}
    return _write(stored, current | sure)


def _of_members(lfdis: Collection[Lfdi]) -> Rows:
    query: Any = Membership.select(Device.lfdi, Membership.vder).join(Device)
    return {(lfdi, vder_audience(vder)) for lfdi, vder in among(query.tuples(), Device.lfdi, lfdis)}


def _of_aggregators(lfdis: Collection[Lfdi]) -> Rows:
    query: Any = Membership.select(Device.manager, Membership.vder).distinct().join(Device).where(
        Device.state == Device.ENROLLED)
    return {(lfdi, vder_audience(vder)) for lfdi, vder in among(query.tuples(), Device.manager, lfdis)}


def _stored(lfdis: Collection[Lfdi]) -> Rows:
    return {(lfdi, audience) for lfdi, audience in sql.among(
        "SELECT lfdi, audience FROM audience WHERE lfdi IN ({}) AND substr(audience, 1, 5) = 'vder:'", lfdis)}


def _write(stored: Rows, current: Rows) -> int:
    """Write what has changed; return how many rows that were."""
    sql.insert("audience", ("lfdi", "audience"), sorted(current - stored), "ON CONFLICT DO NOTHING")
    sql.many("DELETE FROM audience WHERE lfdi = ? AND audience = ?", stored - current)
    changed = {lfdi for lfdi, _ in current ^ stored}
    outbox.audiences_changed(changed)
    privatelists.touch(changed)
    # a DER links to the programs that its device may read, and counts them
    der.touch(number for number, in sql.among("SELECT id FROM device WHERE lfdi IN ({})", changed))
    return len(current ^ stored)
