"""The devices of a file, enrolled for some in each transaction."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from server import audit
from server.devices import enrolment, names
from server.models import Device, chunked
from server.operations import enrolmentfiles
from server.operations.declaration import UploadedFile
from server.operations.progress import track
from server.resources import sql
from server.units import Lfdi

TOGETHER = 500  # devices that are enrolled in one transaction


class Shared(NamedTuple):
    """What holds for the devices of a file of which it says nothing else."""
    kind: str
    labels: Mapping[str, str]
    manager: Lfdi
    profile: str


def enrol_file(file: UploadedFile, of_all: Shared, skip_enrolled: bool) -> list[Device]:
    """Enrol devices in transactions of TOGETHER, so that others wait no longer than for one of these; all are
    checked before the first."""
    entries = [
        enrolment.Entry(
            enrolment.plain(entry["lfdi"]),
            entry.get("pin"),
            entry.get("name", ""),
            names.check_kind(entry.get("kind", of_all.kind)),
            {**of_all.labels, **entry.get("labels", {})},
            entry.get("manager", of_all.manager),
            entry.get("category"),
            entry.get("profile", of_all.profile),
        )
        for entry in enrolmentfiles.entries(file)
    ]
    if skip_enrolled:
        enrolled = {lfdi for lfdi, in sql.among(
            "SELECT lfdi FROM device WHERE lfdi IN ({})", (entry.lfdi for entry in entries))}
        entries = [entry for entry in entries if entry.lfdi not in enrolled]
    enrolment.check(entries)
    entries.sort(key=lambda entry: entry.kind != enrolment.AGGREGATOR)  # they are there for their devices
    return [device for chunk in track(list(chunked(entries, TOGETHER)), "enrolling", len)
            for device in _enrol_together(chunk)]


def _enrolled(devices: Sequence[Device]) -> dict[str, Any]:
    return {"count": len(devices), "devices": [device.lfdi for device in devices]}


@audit.audited("device enrol", "{count} devices", answer=_enrolled)
def _enrol_together(entries: Sequence[enrolment.Entry]) -> list[Device]:
    return enrolment.enrol_all(entries)
