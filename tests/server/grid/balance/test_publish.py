"""A step is published once, whole, with a reason for each device."""
from __future__ import annotations

import threading

import pytest

from server import clock
from server.errors import Refused
from server.grid.balance import areasettings, controller, planning, plans, publish
from server.grid.groups import virtualders
from server.models import Balance, DispatchOrder, Plan, Share, db
from tests.server.grid.balancedarea import T, at, controls, needs


def test_everyone_is_told_why(neighbourhood):
    needs(22_000.0)
    at(T - 300)
    shares = list(Share.select(Share, DispatchOrder).join(DispatchOrder).where(DispatchOrder.start == T))
    assert {share.lfdi for share in shares} == {home.lfdi for home in neighbourhood}
    assert all("imbalance +22000 W" in share.reason for share in shares)
    batteries_w = [share.planned_w for share in shares if share.order.quantity == "percent"]
    assert sum(batteries_w) == pytest.approx(sum(row.planned_w for row in DispatchOrder.select().where(
        (DispatchOrder.start == T) & (DispatchOrder.quantity == "percent"))))
    assert sum(batteries_w) > 5000


def test_whoever_comes_second_leaves_it(neighbourhood):
    needs(6000.0)
    clock.turn_to(T - 300)
    area = virtualders.find("town")
    assert controller.decide(area, T) == 1 and controller.decide(area, T) == 0
    assert len(controls("batteries")) == 1


def test_a_worker_that_is_killed_half_way_leaves_nothing(neighbourhood, monkeypatch):
    needs(6000.0)
    clock.turn_to(T - 300)

    def killed(*_):
        raise KeyboardInterrupt
    with monkeypatch.context() as patched:
        patched.setattr(publish, "_curtailment_commands", killed)
        with pytest.raises(KeyboardInterrupt):
            controller.run_due()
    assert not controls("batteries") and not DispatchOrder.select().exists() and not Plan.select().exists()
    assert at(T - 200) == 1 and len(controls("batteries")) == 1


def test_each_battery_is_told_by_itself_where_that_is_wanted(neighbourhood):
    needs(6000.0)
    neighbourhood[0].charge(0.9)
    areasettings.set_automatic("town", addressing="device")
    at(T - 300)
    assert not controls("batteries")
    shares = {row.lfdi: row.planned_w for row in Share.select().join(DispatchOrder).where(
        (DispatchOrder.start == T) & (DispatchOrder.quantity == "watts"))}
    assert shares[neighbourhood[0].lfdi] > 1.5 * max(shares[home.lfdi] for home in neighbourhood[1:4])


def test_of_two_who_publish_at_once_one_does_it(neighbourhood):
    needs(6000.0)
    number, results = planning.make_plan("town")["id"], []

    def publish():
        try:
            results.append(plans.publish(number)["state"])
        except Refused as refused:
            results.append(refused.why)
        finally:
            db.close()
    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [f"plan {number} is published already"] * 3 + ["published"]
    assert Balance.get().plan_id == number and Plan.get_by_id(number).state == "published"
