"""Who of a virtual DER is to be stopped, and how each is reached: what `stops` records."""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from server import clock
from server.errors import Refused
from server.grid.controls import modewords, reservationdocuments
from server.grid.dispatch import stopmodes
from server.grid.dispatch.allocation import BROADCAST, DEVICE
from server.grid.dispatch.results import StoppedKind, UnstoppedDevice
from server.grid.dispatch.stopmodes import Modes, Reach
from server.grid.fleet import members
from server.grid.fleet.members import Member
from server.grid.groups import virtualders
from server.grid.groups.tree import Tree
from server.models import Device, Document, VirtualDER
from server.resources import sql
from server.units import Href

NOTHING_REPORTED = "it has reported no DER"
NO_MODE = "its DER takes no limit, no power and no order to cease"
IS_SUSPENDED = "it is suspended, so it can read nothing"
_MAY_GENERATE = ("storage", "pv", "ev", "other")  # kinds of device that generate, if anything is known of it


@dataclass(frozen=True, kw_only=True)
class PlannedStop:
    """A stop as it is about to be recorded. `devices` are members by number, `wanted` the modes by which
    each is to be stopped, `vders` the virtual DERs that carry controls, `discharges` the
    FlowReservationResponses that end."""
    vder: VirtualDER
    devices: dict[int, Member]
    wanted: dict[int, Modes]
    kinds: Mapping[int, str]
    reach: Reach
    vders: Mapping[int, VirtualDER]
    not_stopped: list[UnstoppedDevice]
    already_stopped: int
    discharges: list[Document]

    @property
    def scopes(self) -> set[Href]:
        return {self.vder.program, *(vder.program for vder in self.vders.values())}


def plan(vder: VirtualDER) -> PlannedStop:
    """Return how a virtual DER is stopped. Refused (409) where no member can be, or all are."""
    rows = list(virtualders.members(vder))
    numbers = {device.lfdi: device.id for device in rows}
    devices = {numbers[member.lfdi]: member for member in members.read(rows)}
    kinds: dict[int, str] = dict(sql.rows(
        "SELECT t.device_id, t.kind FROM device_type t JOIN membership m ON m.device_id = t.device_id "
        "WHERE m.vder_id = ?", vder.id))
    wanted: dict[int, Modes] = {}
    not_stopped = [_unstopped(device, kinds, IS_SUSPENDED) for device in rows if device.id not in devices]
    for device in rows:
        member = devices.get(device.id)
        if member is None or member.stopped:
            continue
        modes = stopmodes.stop_modes(member.ders)
        if modes is None:
            not_stopped.append(_unstopped(device, kinds, NO_MODE))
        elif modes:
            wanted[device.id] = modes
        elif not member.ders and kinds.get(device.id, "other") in _MAY_GENERATE:
            not_stopped.append(_unstopped(device, kinds, NOTHING_REPORTED))
    already_stopped = sum(member.stopped for member in devices.values())
    discharges = reservationdocuments.live_discharges(vder, clock.now())
    if not wanted and not discharges:
        raise Refused(409, _why_none(vder, len(rows), already_stopped, not_stopped))
    tree = Tree.read(include=[vder])
    nodes = {number: tree.vders[number] for number in tree.subtree(vder.id)}
    reach = stopmodes.reach(_nodes(nodes), wanted, {
        number: member.modes for number, member in devices.items()
    }, [number for number, node in nodes.items() if node.stopped])
    return PlannedStop(
        vder=vder, devices=devices, wanted=wanted, kinds=kinds, reach=reach,
        vders={number: nodes[number] for number in reach.modes},
        not_stopped=not_stopped, already_stopped=already_stopped, discharges=discharges)


def _unstopped(device: Device, kinds: Mapping[int, str], reason: str) -> UnstoppedDevice:
    return {"name": device.name, "lfdi": device.lfdi, "kind": kinds.get(device.id, "other"), "reason": reason}


def _why_none(vder: VirtualDER, members: int, already: int, not_stopped: list[UnstoppedDevice]) -> str:
    if already:
        return f"all members of {vder.name} that can be are stopped already"
    reasons = Counter(row["reason"] for row in not_stopped)
    details = "".join(f"; {count}: {reason}" for reason, count in reasons.items())
    return f"no member of {vder.name} can be stopped: {members} members, none known to generate{details}"


def _nodes(nodes: Iterable[int]) -> list[tuple[int, list[int]]]:
    """Return virtual DERs (numbers) with the numbers of their members, in the same order."""
    devices_of: dict[int, list[int]] = {number: [] for number in nodes}
    for number, device in sql.among("SELECT vder_id, device_id FROM membership WHERE vder_id IN ({})",
                                    devices_of):
        devices_of[number].append(device)
    return list(devices_of.items())


def kinds(planned: PlannedStop, singles: set[int]) -> list[StoppedKind]:
    """Return the members that are stopped, counted by kind, modes and addressing."""
    groups: dict[tuple[str, Modes, bool], list[Member]] = defaultdict(list)
    for number, modes in planned.wanted.items():
        kind = planned.kinds.get(number, "other")
        groups[kind, modes, number in singles].append(planned.devices[number])
    return [
        {
            "kind": kind,
            "modes": ", ".join(sorted(map(modewords.name_in_words, modes))),
            "addressing": DEVICE if single else BROADCAST,
            "members": len(of_kind),
            "offline": sum(not member.online for member in of_kind),
            "injection_w": sum(max(member.injection_w or 0.0, 0.0) for member in of_kind),
        }
        for (kind, modes, single), of_kind in sorted(
            groups.items(), key=lambda item: (item[0][0], -len(item[1]), sorted(item[0][1])))
    ]
