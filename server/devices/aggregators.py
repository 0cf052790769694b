"""Aggregators: who acts for which devices, and how that changes (CSIP 2.1, 6.1.5).

An aggregator sees what belongs to the devices that it manages by Audience rows, which follow the columns
`manager` and `state` of theirs. A device that is suspended is not there for its aggregator until it is
restored.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict

from server import audit, clock
from server.devices import access, enddevices
from server.errors import Refused
from server.models import EVERYONE, Device, chunked
from server.resources import documents, outbox, sql, store
from server.resources.hooks import Change, before, rebuild
from server.units import Lfdi

TOGETHER = 500  # devices that are moved in one transaction
# Of rows whose audience is a device: that somebody else has no part in it any more.
_STALE = ("lfdi <> audience AND NOT EXISTS (SELECT 1 FROM device d WHERE d.lfdi = audience.audience "
          f"AND d.manager = audience.lfdi AND d.state = '{Device.ENROLLED}')")


class Move(TypedDict):
    """Devices that were moved: to which aggregator ("" for none), and from which, by their LFDIs."""
    count: int
    aggregator: Lfdi
    devices: dict[Lfdi, Lfdi]


class MovedDevices(TypedDict):
    """How many devices were moved to an aggregator (its LFDI), or to none (empty)."""
    moved: int
    aggregator: Lfdi


def _state(move: Move) -> dict[str, object] | None:
    return {**move} if move["count"] else None


@audit.audited("device move", "{count} devices to {aggregator}", answer=_state)
def move(devices: Iterable[Device], aggregator: Device | None) -> Move:
    """Let an aggregator act for devices, or None, from now on; who did before sees nothing of theirs any
    more.

    Refused (409) for what is not an aggregator, and for an aggregator that is to be managed.
    """
    if aggregator is not None and aggregator.kind != access.AGGREGATOR:
        raise Refused(409, f"device {aggregator.id} is no aggregator; give it that kind first: "
                           f"device label {aggregator.id} --kind aggregator")
    manager = "" if aggregator is None else aggregator.lfdi
    chosen = [device for device in devices if device.manager != manager]
    for device in chosen:
        check_managed(device.kind, manager)
    moved = {device.lfdi: device.manager for device in chosen}
    with store.transaction():
        _hand_over(chosen, manager)
    return {"count": len(moved), "aggregator": manager, "devices": moved}


def move_all(chunks: Iterable[Sequence[Device]], aggregator: Device | None) -> MovedDevices:
    """Move devices as `move` does, each chunk of them in a transaction, so that others wait no longer than
    for these."""
    moved = sum(move(chunk, aggregator)["count"] for chunk in chunks)
    return {"moved": moved, "aggregator": aggregator.lfdi if aggregator else ""}


def check_managed(kind: str, manager: Lfdi) -> None:
    """Refuse (409) an aggregator that another one would act for."""
    if manager and kind == access.AGGREGATOR:
        raise Refused(409, "an aggregator is managed by none; move it to none first, or give it another kind")


def _hand_over(devices: Sequence[Device], manager: Lfdi) -> None:
    sql.many("UPDATE device SET manager = ? WHERE id = ?", ((manager, device.id) for device in devices))
    for device in devices:
        device.manager = manager
    follow(devices)


def follow(devices: Sequence[Device]) -> None:
    """Let aggregators see what belongs to the devices that they manage, and others no more, after managers or
    states of these have changed.

    Their EndDevices are written again: the rules of virtual DERs may ask for the manager, and a list from a
    time on shows them to who sees them now.
    """
    lfdis = [device.lfdi for device in devices]
    managers = {device.manager for device in devices if device.manager}
    former = {lfdi for lfdi, in sql.among(
        "SELECT DISTINCT lfdi FROM audience WHERE audience IN ({}) AND lfdi <> audience", lfdis)}
    sql.insert("audience", ("lfdi", "audience"),
               [(device.manager, device.lfdi) for device in devices
                if device.manager and device.state == Device.ENROLLED], "ON CONFLICT DO NOTHING")
    store.put_all({document.href: {**document.submitted, "changedTime": clock.now()}
                   for document in documents.among("href", map(enddevices.href, devices))})
    sql.many(f"DELETE FROM audience WHERE audience = ? AND {_STALE}", ((lfdi,) for lfdi in lfdis))
    enddevices.count_managed({*managers, *former})
    outbox.audiences_changed({*lfdis, *managers, *former})


def managed(aggregator: Device) -> list[Device]:
    """Return the devices that an aggregator manages."""
    return list(Device.select().where(Device.manager == aggregator.lfdi).order_by(Device.id))


def release(aggregator: Device) -> None:
    """Let nobody act any more for the devices that an aggregator managed."""
    _hand_over(managed(aggregator), "")


def release_in_parts(device: Device) -> None:
    """Do what `release` does before the device is removed or becomes something else, in transactions of
    TOGETHER devices; nothing where it is no aggregator. What is interrupted goes on the next time."""
    if device.kind == access.AGGREGATOR:
        move_all(chunked(managed(device), TOGETHER), None)


@before("DELETE", "EndDevice")
def _release_all(change: Change) -> None:
    release(Device.get(Device.lfdi == change.data["lFDI"]))


@rebuild
def _rebuild_sight() -> int:
    """Remove Audience rows by which others than its aggregator see what belongs to a device; return how
    many."""
    return int(sql.execute(f"DELETE FROM audience WHERE audience <> '{EVERYONE}' AND substr(audience, 1, 5) "
                           f"<> 'vder:' AND {_STALE}").rowcount)
