"""A step of an area as it was decided."""
from __future__ import annotations

from dataclasses import dataclass

from server.grid.balance.chargingroom import ChargingRoom
from server.grid.balance.vehicleoffers import OfferedStep
from server.grid.dispatch.loadcontrol import StepPeriod
from server.grid.fleet.fleetstate import FleetState
from server.grid.fleet.grantedsessions import GrantedSessions
from server.grid.optimisation.arrays import Floats
from server.grid.optimisation.disaggregation import MemberPowers


@dataclass(frozen=True, kw_only=True)
class DecidedStep:
    """A step as it was decided.

    `uncontrolled_ev_w` [session] is what each car would draw if it had not been asked to wait, `default_w`
    [storage] what each battery would draw if it were left alone. `generation_w` is what is expected,
    `curtailed_w` what of it is too much; both positive. `room` is what limits leave to cars from this step
    on; granting takes from it. `offered` is what vehicles give that offer energy back.
    """
    period: StepPeriod
    state: FleetState
    powers: MemberPowers
    sessions: GrantedSessions
    uncontrolled_ev_w: Floats
    default_w: Floats
    generation_w: float
    curtailed_w: float
    room: ChargingRoom
    offered: OfferedStep
