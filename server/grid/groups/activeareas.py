"""Active areas: the virtual DERs whose balance commands their members, and members that are in two of them.

An area is active while it is balanced automatically, or while a plan that was published for it lasts. A
device obeys one balance: what would put it into two active areas is refused. Where two areas share a device
all the same, because both were active before that was refused, the area that was created first commands it.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from peewee import JOIN

from server.errors import Refused
from server.models import Balance, Device, Plan, VirtualDER, among
from server.resources import sql
from server.units import Instant

_LISTED_DEVICES = 5  # in one message


def active_areas(at: Instant) -> list[VirtualDER]:
    """Return the areas that are active at an instant, those created first first."""
    in_force = (Plan.id == Balance.plan_id) & (Plan.start + Plan.step_s * Plan.steps > at)
    return list(
        VirtualDER.select()
        .join(Balance)
        .join(Plan, JOIN.LEFT_OUTER, on=in_force)
        .where(Balance.automatic | Plan.id.is_null(False))
        .order_by(VirtualDER.id)
    )


def shared_devices(
    areas: Collection[VirtualDER], devices: Collection[int] | None = None
) -> dict[int, list[int]]:
    """Return the devices that are in more than one of these areas, with these (numbers, ascending); of all
    devices or of these."""
    if len(areas) < 2:
        return {}
    chosen = [area.id for area in areas]
    statement = "SELECT device_id, vder_id FROM membership WHERE "
    rows = (sql.among(statement + "vder_id IN ({})", chosen) if devices is None
            else sql.among(statement + "device_id IN ({})", devices))
    vders_of: dict[int, set[int]] = defaultdict(set)
    for device, vder in rows:
        vders_of[device].add(vder)
    return shared_of(areas, vders_of)


def shared_of(
    areas: Collection[VirtualDER], vders_of: Mapping[int, Collection[int]]
) -> dict[int, list[int]]:
    """Return those of devices that are in more than one of these areas, with these (numbers, ascending),
    given what each device is in. Pure."""
    chosen = {area.id for area in areas}
    areas_of = {device: sorted(chosen.intersection(numbers)) for device, numbers in vders_of.items()}
    return {device: numbers for device, numbers in areas_of.items() if len(numbers) > 1}


def check_sole(area: VirtualDER, at: Instant) -> None:
    """Refuse (409) to make an area active while another active area has a member of it."""
    others = [other for other in active_areas(at) if other.id != area.id]
    shared = {device: numbers for device, numbers in shared_devices([*others, area]).items()
              if area.id in numbers}
    if shared:
        raise Refused(409, sharing_message(shared, [*others, area]))


def commanded_elsewhere(area: VirtualDER, at: Instant) -> dict[int, VirtualDER]:
    """Return the members of an area that another active area commands, by number, with that area.

    Of active areas the first commands; an area that is not active commands nothing.
    """
    active = {other.id: other for other in active_areas(at)}
    shared = shared_devices({**active, area.id: area}.values())
    commanding = {device: next(number for number in numbers if number in active)
                  for device, numbers in shared.items() if area.id in numbers}
    return {device: active[number] for device, number in commanding.items() if number != area.id}


def sharing(area: VirtualDER, at: Instant) -> list[tuple[Device, list[str]]]:
    """Return the members of an area that several active areas share, with the names of these."""
    areas = active_areas(at)
    name_of = {other.id: other.name for other in areas}
    members = {device for device, in sql.rows("SELECT device_id FROM membership WHERE vder_id = ?", area.id)}
    shared = {device: numbers for device, numbers in shared_devices(areas).items() if device in members}
    return [(device, [name_of[number] for number in shared[device.id]])
            for device in among(Device.select().order_by(Device.id), Device.id, sorted(shared))]


def sharing_message(shared: dict[int, list[int]], areas: Iterable[VirtualDER]) -> str:
    """Return a sentence that names the devices in several areas (by number), the areas, and the remedy."""
    name_of = {area.id: area.name for area in areas}
    listed = among(Device.select().order_by(Device.id), Device.id, sorted(shared)[:_LISTED_DEVICES])
    parts = []
    for device in listed:
        areas_of = " and ".join(name_of[number] for number in shared[device.id])
        parts.append(f"{device.name or device.lfdi} in {areas_of}")
    more = f"; and {len(shared) - len(parts)} more" if len(shared) > len(parts) else ""
    names = sorted({name_of[number] for numbers in shared.values() for number in numbers})
    return (
        f"a device obeys the balance of one area, but {'; '.join(parts)}{more}: take it out of one of them, "
        f"or stop the balance of one of {', '.join(names)} (plan auto AREA off)"
    )
