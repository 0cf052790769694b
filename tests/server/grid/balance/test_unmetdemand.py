"""Warnings about what a step cannot do."""
import numpy as np
import pytest

from server.grid.balance import unmetdemand
from server.grid.balance.netdemand import NetDemand
from server.grid.optimisation.balanceprogram import CostWeights
from server.grid.optimisation.clusters import Sessions
from server.grid.optimisation.rollinghorizon import HorizonForecast
from server.grid.series.intervals import Span
from tests.conftest import NOON

NONE = np.zeros(0)
SPAN = Span(NOON, 4, 900, NOON)


def demand(imbalance_w):
    none = np.zeros(0, dtype=int)
    horizon = HorizonForecast(imbalance_w, NONE, NONE, Sessions(none, none, NONE, NONE, none))
    return NetDemand(governing="imbalance", horizon=horizon, uncorrected_w=imbalance_w,
                     imbalance_w=imbalance_w, weights=CostWeights(), uncontrolled_ev_w=NONE)


@pytest.mark.parametrize("missed_w, warnings", [
    (0.0, []),
    (200.0, []),  # a twentieth of the greatest imbalance
    (201.0, ["201 W of what the step at 2025-06-15T12:00Z should draw are beyond what members can do"]),
    (-3000.0, ["3000 W of what the step at 2025-06-15T12:00Z should save or inject are beyond what members "
               "can do"]),
])
def test_what_a_step_misses_is_a_warning_unless_it_is_small(missed_w, warnings):
    needed = demand(np.array([1000.0, -4000.0, 0.0, 0.0]))
    assert unmetdemand.step_warnings(missed_w, needed, SPAN) == warnings
