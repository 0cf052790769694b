"""How scarce the room is that limits leave to charging. Pure.

Where the cars that are known need much of it, a car that waits may be in the way of one that nobody knows of
yet. Power in W, energy in Wh; clusters [k], steps [T].
"""
from __future__ import annotations

from collections.abc import Sequence

from server.grid.optimisation.arrays import Floats, np
from server.grid.optimisation.balanceproblem import GroupLimit
from server.grid.optimisation.clusters import SESSION, Clusters

TIGHT = 0.1  # a limit of whose room sessions need a larger part bounds them, not a ramp


def needed_part(clusters: Clusters, limits: Sequence[GroupLimit], hours: float) -> Floats:
    """Return [k]: the part (0 to 1) of the room below a limit that the sessions below it need at the latest
    until a step, where it is greatest. 0 for all other clusters."""
    part = np.zeros(len(clusters))
    for limit in limits:
        members = (clusters.kind == SESSION) & np.isin(clusters.group, list(limit.groups))
        room_w = np.broadcast_to(np.maximum(limit.most - limit.net, 0.0), (clusters.steps,))
        room_wh, needed_wh = np.cumsum(room_w) * hours, clusters.least[members].sum(axis=0)
        used = np.divide(needed_wh, room_wh, out=(needed_wh > 0).astype(float), where=room_wh > 0)
        part[members] = np.maximum(part[members], min(float(used.max(initial=0.0)), 1.0))
    return part
