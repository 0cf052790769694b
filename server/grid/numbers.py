"""The rows that answer for many devices at once, rebuilt by `reindex` in the order in which they follow from each other."""
from __future__ import annotations

from server.grid import ders, meters, natures, visits
from server.protocol.functionsets import edev
from server.resources.hooks import rebuild

assert edev  # whose rebuild of the devices comes first


@rebuild
def again() -> int:
    """Rebuild the rows of DERs, natures, meters and visits; how many were changed."""
    return ders.rebuild() + natures.rebuild() + meters.rebuild() + visits.rebuild()
