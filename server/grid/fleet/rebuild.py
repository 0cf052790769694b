"""The rows that answer for many devices at once, rebuilt by `reindex` in the order in which they follow from
each other."""
from __future__ import annotations

from server.devices import enrolment
from server.grid.fleet import chargingsessions, derstates, devicetypes, meters
from server.resources.hooks import rebuild

assert enrolment  # whose rebuild of the devices comes first


@rebuild
def rebuild_rows() -> int:
    """Rebuild the rows of DERs, natures, meters and visits; how many were changed."""
    return derstates.rebuild() + devicetypes.rebuild() + meters.rebuild() + chargingsessions.rebuild()
