"""Orders of more or less than now, where what is now becomes known later."""
from unittest.mock import Mock

import pytest

from server import clock, worker
from server.grid.dispatch import orderreckoning, orders
from server.grid.groups import virtualders
from server.models import DispatchOrder, Share
from tests.conftest import NOON
from tests.ordered import create_order


@pytest.fixture
def fleet(home):
    """A battery that has never been read, and one that discharges 500 W."""
    virtualders.create("batteries", rule="kind = battery")
    devices = [home(number, "battery") for number in (1, 2)]
    for device in devices:
        device.rate(80, 5000, 5000, 10_000)
        device.charge(0.5)
    devices[1].post(500)
    return devices


def baselines(order):
    return {share.lfdi: share.baseline_w for share in Share.select().where(Share.order == order)}


def newest():
    return DispatchOrder.select().order_by(DispatchOrder.id.desc()).get()


@pytest.mark.parametrize("addressing", ["broadcast", "device"])
def test_what_is_unknown_is_said_left_blank_and_reckoned_from_the_first_reading(fleet, addressing):
    first = create_order("batteries", 3600, NOON + 600, watts=2000, addressing=addressing)
    assert any("what 1 of 2 members inject now is unknown: 0 W is used" in line for line in first["warnings"])
    assert baselines(first["id"]) == {fleet[0].lfdi: None, fleet[1].lfdi: 500}
    assert orderreckoning.reckon_due() == 0
    clock.turn_to(NOON + 120)
    fleet[0].post(-3000)
    assert worker.turn() and newest().id == first["id"] + 1
    second = newest()
    assert baselines(second) == {fleet[0].lfdi: -3000, fleet[1].lfdi: 500}
    assert second.planned_w == pytest.approx(-3000 + 500 + 2000, abs=2)
    assert (second.start, second.duration_s) == (NOON + 600, 3600)
    assert not any("unknown" in line for line in second.warnings)
    assert orders.status_of(orders.find_order(first["id"])) in ("scheduled", "superseded")
    assert orderreckoning.reckon_due() == 0 and newest() == second


def test_what_it_did_once_it_could_have_known_the_order_says_nothing(fleet):
    first = create_order("batteries", 3600, watts=2000)
    clock.turn_to(NOON + 900)
    fleet[0].post(1250, duration=300)
    assert orderreckoning.reckon_due() == 0 and baselines(first["id"])[fleet[0].lfdi] is None


def test_an_order_of_a_power_asks_nothing_of_now(fleet):
    order = create_order("batteries", 3600, target=2000)
    assert not any("unknown" in line for line in order["warnings"])
    assert None not in baselines(order["id"]).values()


def test_a_worker_killed_before_the_new_order_leaves_it_to_be_done_again(fleet, monkeypatch):
    first = create_order("batteries", 3600, NOON + 600, watts=2000)
    clock.turn_to(NOON + 120)
    fleet[0].post(-3000)
    with monkeypatch.context() as killed:
        killed.setattr(orderreckoning.ordercreation, "create_order", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            orderreckoning.reckon_due()
    assert orderreckoning.reckon_due() == 0 and newest().id == first["id"]
    clock.turn_to(NOON + 180)
    assert orderreckoning.reckon_due() == 1 and newest().id == first["id"] + 1


def test_an_order_is_looked_at_while_it_waits_and_no_longer(fleet):
    def looked_at(order):
        return DispatchOrder.get_by_id(order["id"]).reckon_at
    waiting = create_order("batteries", 900, watts=2000)
    assert looked_at(waiting) == NOON
    assert orderreckoning.reckon_due() == 0 and looked_at(waiting) == NOON + 60
    clock.turn_to(NOON + 900)
    assert orderreckoning.reckon_due() == 0 and looked_at(waiting) is None
    for device in fleet:
        device.post(500)
    assert looked_at(create_order("batteries", 900, watts=2000)) is None
