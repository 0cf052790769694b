"""The rows about devices, rebuilt by `reindex` in the order in which they follow from each other."""
from __future__ import annotations

from server.devices import enrolment
from server.grid.fleet import chargingsessions, derstates, devicetypes, meters
from server.resources.hooks import rebuild

assert enrolment  # whose rebuild of the devices comes first


@rebuild
def rebuild_rows() -> int:
    """Rebuild the rows of DERs, device types, meters and charging sessions; return how many changed."""
    return derstates.rebuild() + devicetypes.rebuild() + meters.rebuild() + chargingsessions.rebuild()
