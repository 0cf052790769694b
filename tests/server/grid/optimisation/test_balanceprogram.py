import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.grid.optimisation import balanceprogram, clusters
from server.grid.optimisation.balanceproblem import BalanceProblem, GroupLimit
from server.grid.optimisation.clusters import Batteries, Clusters, Sessions, Thermals
from server.grid.optimisation.linearprogram import FAILED, OPTIMAL, TIME_LIMIT, Model
from server.grid.optimisation.nestedlimits import solve_nested
from server.grid.optimisation.prices import Prices

STEPS, HOUR = 8, 1.0


def whole(*values):
    return np.array(values, dtype=int)


def battery(power=1000.0, energy=2000.0, most=4000.0, efficiency=0.9, group=0) -> Clusters:
    single = Batteries(
        *(np.array([value]) for value in (energy, 0.0, most, power, power, efficiency)), whole(group)
    )
    return clusters.batteries(single, STEPS, 1)[0]


def test_a_program_small_enough_to_know_the_answer():
    model = Model()
    x = model.columns((2,), 0, [3, 10], cost=[-2, -1])
    model.term(model.rows((1,), -np.inf, 4), x[None, :])
    schedule = model.solve()
    assert schedule.status == OPTIMAL and schedule.values.tolist() == [3, 1] and schedule.cost == -7


def test_a_battery_moves_the_surplus_to_where_it_lacks():
    net = np.array([-500.0, -500, 0, 0, 0, 0, 400, 400])
    plan = balanceprogram.solve(BalanceProblem(net, HOUR, battery()))
    assert plan.status == OPTIMAL
    assert abs(plan.imbalance).max() < 60 and plan.power[0, 0] > 450 and plan.power[0, 7] < -350
    assert np.allclose(plan.imbalance, net + plan.power.sum(axis=0) + plan.curtailed)


def test_energy_follows_power_with_losses_each_way():
    net = np.array([-800.0, 800] * 4)
    plan = balanceprogram.solve(BalanceProblem(net, HOUR, battery(efficiency=0.9)))
    taken, given_ = np.maximum(plan.power[0], 0), np.maximum(-plan.power[0], 0)
    assert np.allclose(plan.energy[0], 2000 + np.cumsum(taken * 0.9 - given_ / 0.9), atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-5000, 5000, width=32), min_size=STEPS, max_size=STEPS), st.floats(0, 1, width=32))
def test_no_bound_is_ever_broken_and_curtailing_beats_burning(values, charged):
    net = np.array(values)
    every = clusters.concatenate(
        battery(energy=4000 * charged),
        clusters.sessions(
            Sessions(whole(1), whole(6), np.array([6000.0]), np.array([3000.0]), whole(0)), STEPS, HOUR
        )[0],
        clusters.thermals(
            Thermals(
                np.array([300.0]), np.array([1000.0]), np.array([0.9]), np.array([2000.0]), whole(0),
                whole(0), np.ones(1), np.ones(1)
            ),
            np.full((1, STEPS), 700.0),
        )[0],
    )
    plan = balanceprogram.solve(BalanceProblem(net, HOUR, every, np.maximum(-net, 0)))
    assert plan is not None and plan.status == OPTIMAL
    assert (plan.power >= every.low - 1e-3).all() and (plan.power <= every.high + 1e-3).all()
    assert (plan.energy >= every.least - 1e-3).all() and (plan.energy <= every.most + 1e-3).all()
    assert np.isclose(plan.power[1].sum(), 6000, atol=1e-2)
    # No battery charges and discharges at once: the losses explain all of its energy.
    moved = np.where(plan.power[0] > 0, plan.power[0] * 0.9, plan.power[0] / 0.9)
    assert np.allclose(plan.energy[0], 4000 * charged + np.cumsum(moved), atol=0.05)
    assert (plan.curtailed <= np.maximum(-net, 0) + 1e-3).all()


def test_the_greatest_imbalance_is_lowered_where_all_cannot_be_met():
    plan = balanceprogram.solve(
        BalanceProblem(np.array([0.0, 0, 3000, 0, 0, 0, 0, 0]), HOUR, battery(power=1000))
    )
    assert np.isclose(abs(plan.imbalance).max(), 2000, atol=1)


def test_a_dear_peak_is_worth_what_balance_alone_is_not():
    net = np.array([0.0, 0, 3000, 0, 0, 0, 0, 0])
    cuts = [
        3000
        - abs(
            balanceprogram.solve(
                BalanceProblem(net, HOUR, battery(), prices=Prices(wear=15.0, peak=peak))
            ).imbalance
        ).max()
        for peak in (0.0, 50.0)
    ]
    assert cuts[0] < 1 and np.isclose(cuts[1], 1000, atol=1)


def test_a_limit_is_held_if_it_can_be_and_said_to_be_broken_if_not():
    both = clusters.concatenate(battery(group=0), battery(group=1))
    net = np.array([-1500.0] * 4 + [1500.0] * 4)
    inside = np.array([-900.0] * 4 + [900.0] * 4)
    free = balanceprogram.solve(BalanceProblem(net, HOUR, both))
    assert (inside + free.power[0])[4:].max() > 500 or (inside + free.power[0]).min() < -500
    held = balanceprogram.solve(
        BalanceProblem(net, HOUR, both, limits=[GroupLimit([0], 500.0, -500.0, inside)])
    )
    assert held.exceeded[0] < 1 and abs(inside + held.power[0]).max() < 501
    broken = balanceprogram.solve(
        BalanceProblem(net, HOUR, both, limits=[GroupLimit([0], 500.0, -500.0, inside * 3)])
    )
    assert broken.exceeded[0] > 1000


def test_nested_limits_hold_together():
    both = clusters.concatenate(battery(group=0), battery(group=1))
    inside = np.array([600.0] * 4 + [-600.0] * 4)
    plan = balanceprogram.solve(
        BalanceProblem(
            inside * 2,
            HOUR,
            both,
            limits=[
                GroupLimit([0], 500.0, -500.0, inside),
                GroupLimit([1], 900.0, -900.0, inside),
                GroupLimit([0, 1], 1000.0, -1000.0, inside * 2),
            ],
        )
    )
    first, second = (inside + power for power in plan.power)
    assert max(plan.exceeded) < 1
    assert abs(first).max() <= 501 and abs(second).max() <= 901 and abs(first + second).max() <= 1001


def test_many_limits_are_planned_for_with_one_cluster_of_a_kind_each():
    every = clusters.concatenate(
        *(battery(group=group, power=500.0 + 100 * group % 7) for group in range(20) for _ in "ab")
    )
    inside = np.array([300.0] * 4 + [-300.0] * 4)
    limits = [GroupLimit([group], 200.0, -200.0, inside) for group in range(15)]
    plan = solve_nested(BalanceProblem(inside * 20, HOUR, every, limits=limits))
    assert max(plan.exceeded) < 1 and plan.power.shape == every.low.shape
    for group in range(15):
        assert abs(plan.power[every.group == group].sum(axis=0) + inside).max() < 201
    assert np.allclose(plan.power.sum(axis=0) + inside * 20, plan.imbalance, atol=1e-3)
    assert (plan.energy <= every.most + 1e-3).all()


def test_a_ramp_is_one_with_the_clusters_that_are_planned_for_as_one():
    every = clusters.concatenate(*(battery(group=group) for group in range(30)))
    net = np.array([-15_000.0, 15_000] * 4)
    limits = [GroupLimit([group], 2000.0, -2000.0, np.zeros(8)) for group in range(15)]
    free, held = (
        solve_nested(BalanceProblem(net, HOUR, every, limits=limits, ramp=ramp))
        for ramp in (None, np.full(30, 100.0))
    )
    assert abs(np.diff(free.power.sum(axis=0))).max() > 10_000
    assert abs(np.diff(held.power, axis=1)).max() < 101


def test_a_ramp_is_not_steeper_than_it_may_be():
    both = clusters.concatenate(battery(group=0), battery(group=1))
    net = np.array([-1500.0, 1500] * 4)
    free = balanceprogram.solve(BalanceProblem(net, HOUR, both))
    held = balanceprogram.solve(BalanceProblem(net, HOUR, both, ramp=np.array([300.0, np.inf])))
    assert abs(np.diff(free.power[0])).max() > 600
    assert abs(np.diff(held.power[0])).max() < 301 and abs(np.diff(held.power[1])).max() > 600


def test_a_ramp_gives_way_to_a_car_that_has_to_charge_at_full_power_until_it_leaves():
    car = clusters.Sessions(*(np.array([value]) for value in (2, 4, 2000.0, 1000.0, 0)))
    every = clusters.sessions(car, STEPS, HOUR)[0]
    plan = balanceprogram.solve(BalanceProblem(np.zeros(STEPS), HOUR, every, ramp=np.array([100.0])))
    assert plan is not None and plan.power[0, 2:4] == pytest.approx([1000, 1000])


def test_a_solver_without_time_gives_no_plan():
    numbers = np.random.default_rng(3)
    every = clusters.concatenate(*(battery(energy=energy) for energy in numbers.uniform(0, 4000, 200)))
    problem = BalanceProblem(numbers.normal(0, 1e5, STEPS), HOUR, every)
    assert balanceprogram.solve(problem, seconds=0.0) is None and balanceprogram.solve(problem) is not None


def test_a_program_with_no_answer_or_no_time_says_so():
    model = Model()
    model.term(model.rows((1,), 5, 5), model.columns((1,), 0, 1))
    assert model.solve() == (None, pytest.approx(float("nan"), nan_ok=True), FAILED, 0.0)
    numbers = np.random.default_rng(3)
    model = Model()
    columns = model.columns((300,), 0, 1, -numbers.random(300))
    for _ in range(100):
        model.term(model.rows((1,), -np.inf, 5), columns[None, :], numbers.random(300))
    assert model.solve(seconds=0).status == TIME_LIMIT


def test_no_member_at_all():
    nobody = clusters.sessions(Sessions(whole(), whole(), np.zeros(0), np.zeros(0), whole()), STEPS, HOUR)[0]
    plan = balanceprogram.solve(BalanceProblem(np.full(STEPS, 70.0), HOUR, nobody))
    assert plan.imbalance == pytest.approx(70.0)
