"""`device export` and `device erase`: what is stored of a device and its owner."""
from __future__ import annotations

from typing import Any, TypedDict

from server import audit
from server.devices import aggregators, personaldata
from server.devices.personaldata import DeviceExport, Erasure, Subject
from server.operations import devicereports
from server.operations.declaration import DeviceName, DryRun, Role
from server.operations.devices import device
from server.resources import dryrun
from server.units import Lfdi

GROUPS = devicereports.GROUPS  # the same group, with more operations


class ErasedDevice(TypedDict):
    """What became of the rows of a device: how many, by table."""
    lfdi: Lfdi
    deleted: dict[str, int]
    pseudonymised: dict[str, int]
    kept: dict[str, int]


@device.operation("export", role=Role.ADMINISTRATOR, in_parts=True)
def export(device: DeviceName) -> DeviceExport:
    """Export all that is stored of a device and its owner: documents, readings, responses, shares, sessions,
    alarms, entries of the audit log. It contains the PIN."""
    return personaldata.export(personaldata.subject(device))


@device.operation(
    "erase", role=Role.ADMINISTRATOR, in_parts=True,
    confirm="Erase all that is stored of the device and its owner? Nothing but a backup brings it back.")
def erase(device: DeviceName, *, dry_run: DryRun = False) -> ErasedDevice:
    """Erase what is stored of a device and its owner, also of one that was removed before (by its LFDI).

    Reports of past events still add up: its figures, shares and responses stay, under a name that nothing
    leads back from. The audit log keeps its entries.
    """
    about = personaldata.subject(device)
    if about.device is not None and not dry_run:
        aggregators.release_in_parts(about.device)
    with dryrun.transaction(dry_run):
        return _erase(about, dry_run=dry_run)


def _logged(erased: ErasedDevice) -> dict[str, Any]:
    return dict(erased)


@audit.audited("device erase", "{lfdi}", answer=_logged)
def _erase(about: Subject, dry_run: bool) -> ErasedDevice:
    from server.grid.reports import erasure  # it needs numpy, which other commands on devices do not

    counts = erasure.erase(about)
    return {"lfdi": about.lfdi, "deleted": counts[Erasure.DELETED],
            "pseudonymised": counts[Erasure.PSEUDONYMISED], "kept": counts[Erasure.KEPT]}
