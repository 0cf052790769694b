"""Plans as they are recorded: what is kept of one is what comes back."""
import numpy as np
import pytest

from server import clock
from server.errors import Refused
from server.grid.balance import plans
from server.grid.groups import virtualders
from server.grid.optimisation.balanceproblem import ClusterSchedule
from server.grid.optimisation.clusters import BATTERY, SESSION, Labels
from server.models import Balance, Plan, VirtualDER

LABELS = Labels(np.array([BATTERY, BATTERY, SESSION]), np.array([0, 0, 1]), np.array([0, 1, 0]))


def schedule(imbalance):
    steps = len(imbalance)
    power = np.array([[1000.0, -500.0], [200.0, 0.0], [7000.0, 0.0]])[:, :steps]
    return ClusterSchedule(power, power * 0.25, np.zeros(steps), np.array(imbalance), (0.0, 12.34), "optimal")


def save(imbalance=(300.0, -400.0), before=(3000.0, -4000.0), start=None):
    batteries = VirtualDER.get_or_none(VirtualDER.name == "batteries")
    groups = [batteries or virtualders.find(virtualders.create("batteries")["id"])]
    chargers = VirtualDER.get_or_none(VirtualDER.name == "chargers")
    groups.append(chargers or virtualders.find(virtualders.create("chargers")["id"]))
    zero = np.zeros(len(imbalance))
    body = plans.plan_body(schedule(imbalance), LABELS, groups, net=zero, before=np.array(before), pv=zero)
    return plans.save(groups[0], clock.now() if start is None else start, 900, body, solver="optimal")


def test_a_plan_is_restored_as_it_was_made(server):
    restored, labels = plans.restore(Plan.get_by_id(save().id))
    assert all((part == original).all() for part, original in zip(labels, LABELS, strict=True))
    original = schedule((300.0, -400.0))
    assert (restored.power == original.power).all() and (restored.imbalance == original.imbalance).all()
    assert (restored.exceeded, restored.status) == ((0.0, 12.3), "optimal")


def test_the_summary_compares_the_imbalance_before_and_after(server):
    shown = plans.describe(save())
    assert (shown["rms_before_w"], shown["rms_after_w"]) == pytest.approx((3535.5, 353.55), abs=0.1)
    assert shown["rms_cut"] == pytest.approx(0.9)
    assert (shown["peak_before_w"], shown["peak_after_w"]) == (4000, 400)
    assert shown["end"] == shown["start"] + 1800


def test_steps_show_injection_by_virtual_der_and_kind(server):
    steps = plans.show(save().id)["steps"]
    assert [step["injection_w"]["batteries storage"] for step in steps] == [-1200, 500]
    assert [step["injection_w"]["chargers ev"] for step in steps] == [-7000, 0]
    assert "curtailed_w" not in steps[0]


def test_a_difference_is_listed_for_the_steps_that_both_have(server):
    first = save()
    second = save(imbalance=(0.0,), before=(3000.0,), start=clock.now() + 900)
    row, = plans.diff(first.id, second.id)
    assert (row["start"], row["after_1_w"], row["after_2_w"]) == (clock.now() + 900, -400, 0)
    assert row["injection_w"]["batteries storage"] == -1200 - 500
    second.step_s = 1800
    second.save()
    with pytest.raises(Refused, match="in steps of 900 s, plan"):
        plans.diff(first.id, second.id)


def test_a_plan_in_force_is_superseded(server):
    balance = plans.balance_of(save().vder, lock=True)
    first, second = save(), save()
    plans.enforce(balance, first)
    plans.enforce(balance, second)
    assert [Plan.get_by_id(plan.id).state for plan in (first, second)] == ["superseded", "published"]
    assert second.supersedes == first.id and Balance.get().plan_id == second.id


def test_there_is_no_such_plan(server):
    with pytest.raises(Refused, match="there is no plan 7"):
        plans.show(7)
