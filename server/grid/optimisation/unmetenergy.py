"""What a plan leaves unmet, shared among the sessions of each cluster. Pure. Energy in Wh."""
from __future__ import annotations

from server.grid.optimisation.arrays import Floats, Whole, np
from server.grid.optimisation.clusters import Sessions
from server.grid.optimisation.waterfill import MemberLines, fill


def by_session(unmet_wh: Floats, label: Whole, sessions: Sessions) -> Floats:
    """Return [n] what each session lacks, from what each cluster [k] does; `label` [n] is the cluster of
    each.

    As under least-laxity-first, all of a cluster lack the same time at full power, and none more than it
    needs.
    """
    short_wh = np.zeros(len(sessions.need))
    for cluster in np.flatnonzero(unmet_wh[:int(label.max(initial=-1)) + 1] > 0).tolist():
        members = np.flatnonzero(label == cluster)
        zero = np.zeros(len(members))
        lines = MemberLines(zero, sessions.power[members], zero, sessions.need[members])
        short_wh[members] = fill(float(unmet_wh[cluster]), lines).powers
    return short_wh
