"""Limits that were exceeded, by what was measured."""
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from server import clock
from server.grid.groups import virtualders
from server.grid.groups.tree import Tree
from server.grid.reports import limitexcess
from server.grid.series import signals
from server.models import Plan
from tests.conftest import NOON
from tests.server.grid.reports.conftest import HOUR, STEP, record

NAN = float("nan")


def rows(street, end=NOON + HOUR):
    street = virtualders.find(street.id)
    return list(limitexcess.rows(street, Tree.read(include=[street]), NOON, end))


def limited(street, import_limit_w=None, export_limit_w=None):
    type(street).update(import_limit_w=import_limit_w, export_limit_w=export_limit_w).execute()


def test_how_much_when_and_how_far(street):
    limited(street, import_limit_w=5000.0)
    record(street, "premises", [-4000, -6000, -7000, -5040], NOON)
    row, = rows(street)
    assert (row["kind"], row["name"]) == ("limit", "import limit of street")
    assert (row["start"], row["end"]) == (NOON + STEP, NOON + 3 * STEP)
    assert (row["energy_wh"], row["power_w"]) == (750, 2000)
    assert row["reason"] == "no plan was in force"


def test_export_and_a_signal_that_is_tighter_than_what_is_set(street):
    limited(street, export_limit_w=5000.0)
    record(street, "pv", [4500, 4500, 6000, 4500], NOON)
    record(street, "storage", [0, 0, 0, 0], NOON)
    signals.put("street", "export_limit", [4000.0], NOON + STEP, STEP)
    assert [(row["start"] - NOON, row["power_w"]) for row in rows(street)] == [(STEP, 1000)]
    assert [row["energy_wh"] for row in rows(street)] == [125 + 250]


def test_what_was_not_read_has_exceeded_nothing(street):
    limited(street, import_limit_w=5000.0)
    assert rows(street) == []
    record(street, "premises", [-9000], NOON - STEP)
    assert rows(street) == []


def test_why_by_the_plan_that_was_in_force(street):
    limited(street, import_limit_w=5000.0)
    record(street, "premises", [-6000] * 4, NOON)
    body = {"exceeded": [900.0], "names": [], "kind": [], "group": []}
    plan = Plan.create(vder=street, start=NOON, step_s=STEP, steps=4, created_at=NOON - 300, body=body,
                       state=Plan.PUBLISHED)
    clock.turn_to(NOON + HOUR)
    assert f"plan {plan.id} could not keep a limit, by up to 900 W" in rows(street)[0]["reason"]
    Plan.update(body=body | {"exceeded": [0.0]}).execute()
    assert "kept it: loads or members did otherwise" in rows(street)[0]["reason"]


@given(st.lists(st.one_of(st.just(NAN), st.floats(0, 1e5)), min_size=1, max_size=12), st.floats(0, 1e5))
def test_runs_have_all_of_the_excess(power_w, limit_w):
    power = np.array(power_w)
    found = limitexcess.excesses(power, np.full(len(power), limit_w))
    error_w = max(limitexcess.TOLERANCE * limit_w, limitexcess.LEAST_W)
    beyond = np.nan_to_num(power - limit_w)
    beyond = np.where(beyond > error_w, beyond, 0)
    assert np.isclose(sum(excess.energy_wh for excess in found), beyond.sum() / 4)
    assert max((excess.power_w for excess in found), default=0.0) == beyond.max()
    assert all(excess.first < excess.after for excess in found)
