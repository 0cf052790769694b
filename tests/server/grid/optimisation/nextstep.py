"""Members one step later, as tests of several steps assume them."""
from __future__ import annotations

import numpy as np

from server.grid.optimisation.disaggregation import Fleet, MemberPowers


def after_step(fleet: Fleet, powers: MemberPowers, hours: float) -> Fleet:
    """The members one step later, after they drew `powers`."""
    drawn = powers.batteries
    gained = (
        np.where(drawn > 0, drawn * fleet.batteries.efficiency, drawn / fleet.batteries.efficiency) * hours
    )
    sessions, thermals = fleet.sessions, fleet.thermals
    return Fleet(
        fleet.batteries._replace(energy=fleet.batteries.energy + gained),
        sessions._replace(
            arrive=np.maximum(sessions.arrive - 1, 0),
            depart=sessions.depart - 1,
            need=sessions.need - powers.sessions * hours,
        ),
        thermals._replace(state=thermals.keep * thermals.state + powers.thermals * hours),
        fleet.base,
    )
