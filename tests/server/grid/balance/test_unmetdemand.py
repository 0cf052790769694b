"""Warnings about what a plan and a step cannot do."""
from types import SimpleNamespace

import numpy as np
import pytest

from server.grid.balance import unmetdemand
from server.grid.balance.netdemand import NetDemand
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
                     imbalance_w=imbalance_w, uncontrolled_ev_w=NONE,
                     scheduled_w=NONE)


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


@pytest.mark.parametrize("remaining_w, warning", [
    ([0.0, 0.0, 900.0, 0.0], ""),  # what charges for later is not an imbalance that remains
    ([200.0, -200.0, 900.0, 900.0], ""),
    ([100.0, -201.0, 900.0, 0.0], "201 W of the imbalance of -4000 W at 2025-06-15T12:15Z remain: members "
                                  "have no more load or charging then"),
    ([900.0, 500.0, 0.0, 0.0], "900 W of the imbalance of 1000 W at 2025-06-15T12:00Z remain: members have "
                               "no more generation or discharge then"),
    ([2000.0, 0.0, 0.0, 0.0], "1000 W of the imbalance of 1000 W"),
])
def test_what_remains_of_an_imbalance_is_a_warning_unless_it_is_small(remaining_w, warning):
    schedule = SimpleNamespace(imbalance=np.array(remaining_w), exceeded=[])
    needed = demand(np.array([1000.0, -4000.0, 0.0, 0.0]))
    warnings = unmetdemand.plan_warnings(schedule, SimpleNamespace(excluded={}), needed, SPAN)
    assert len(warnings) == bool(warning) and "".join(warnings).startswith(warning)


def test_a_balanced_area_that_stays_so_needs_no_warning():
    schedule = SimpleNamespace(imbalance=np.array([75.0, 75.0]), exceeded=[])
    needed = demand(np.zeros(2))
    assert unmetdemand.plan_warnings(schedule, SimpleNamespace(excluded={}), needed, SPAN) == []
