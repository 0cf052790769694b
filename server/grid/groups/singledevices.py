"""Virtual DERs of a single device, by which a device is addressed alone.

They are in no tree, and are created when an order addresses their device for the first time.
"""
from __future__ import annotations

from collections.abc import Sequence

from server import clock
from server.errors import Refused
from server.grid.groups import assignments, programs
from server.models import Device, VirtualDER, among
from server.resources import sql, store
from server.resources.hooks import Change, before


def ensure(devices: Sequence[Device], stronger_than: int) -> dict[int, VirtualDER]:
    """Return, by number of the device, the virtual DER of each device, created where there is none.

    Their primacy is smaller than `stronger_than`. Refused (409) where that is 0.
    """
    check_primacy(stronger_than)
    with store.transaction():
        existing = {number: vder for vder in among(VirtualDER.select(), VirtualDER.device, devices)
                    if (number := vder.device_id) is not None}
        shared = _shared_sfdis(devices)
        new = {
            device: VirtualDER(
                name=f"device {device.sfdi}" + (f" ({device.id})" if device.sfdi in shared else ""),
                device=device,
                purpose="device",
                created_at=clock.now(),
                primacy=programs.stronger(stronger_than),
            )
            for device in devices
            if device.id not in existing
        }
        too_weak = [vder for vder in existing.values() if vder.primacy >= stronger_than]
        for vder in too_weak:
            vder.primacy = programs.stronger(stronger_than)
        sql.many(f"UPDATE {VirtualDER._meta.table_name} SET primacy = ? WHERE id = ?",
                 ((vder.primacy, vder.id) for vder in too_weak))
        programs.update_all(too_weak)
        programs.create_all(list(new.values()))
        assignments.join(new.items())
        return existing | {device.id: vder for device, vder in new.items()}


def check_primacy(stronger_than: int) -> None:
    """Refuse (409) a primacy than which no other is smaller."""
    if stronger_than == 0:
        raise Refused(
            409,
            "nothing beats primacy 0: give the virtual DER a greater one to address its devices separately",
        )


def _shared_sfdis(devices: Sequence[Device]) -> set[int]:
    """Return the SFDIs of these devices that others have, too: a name needs the device's number then."""
    return {sfdi for sfdi, in sql.among(
        "SELECT sfdi FROM device WHERE sfdi IN ({}) GROUP BY sfdi HAVING count(*) > 1",
        (device.sfdi for device in devices))}


@before("DELETE", "EndDevice")
def _remove(change: Change) -> None:
    vder = VirtualDER.get_or_none(VirtualDER.device == Device.get(Device.lfdi == change.data["lFDI"]))
    if vder is not None:
        programs.remove(vder)
        vder.delete_instance()
