"""A virtual DER at a glance."""
import pytest

from server import clock
from server.grid.fleet import participation
from server.grid.flexibility import status
from server.grid.groups import virtualders
from server.models import Device
from tests.ordered import create_order


def test_what_is_there_read_in_effect_and_left_out(battery, panels, home):
    battery(1, charge=0.25, injection=-500)
    battery(2, charge=0.75)
    panels(3, injection=2000)
    home(4).rate(80, 3000, 4000, 6000)
    battery(5)
    virtualders.create("all", "*")
    virtualders.create("pv", "kind = inverter", parent="all")
    create_order("pv", 3600, limit=50, reason="too much")
    participation.opt_out("d2", clock.now() + 60, "guests")
    Device.update(last_contact_at=clock.now() - 10_000).where(Device.id == 5).execute()
    shown = status.status("all")
    assert (shown["members"], shown["available"], shown["excluded"]) == (5, 3, {"opted out": 1, "stale": 1})
    assert shown["kinds"] == {"storage": 4, "pv": 1}
    assert (shown["injection_w"], shown["devices_read"]) == (1500, 3)
    assert shown["soc"] == pytest.approx((2500 + 3000) / 16_000)
    assert (shown["verified_w"], shown["claimed_w"], shown["unknown_w"]) == (5000 + 5000 + 6000, 4000, 5000)
    assert [(row["vder"], row["quantity"], row["reason"]) for row in shown["orders"]] == [
        ("pv", "limit", "too much")
    ]
    assert sorted(tuple(row.values()) for row in shown["excluded_devices"]) == [
        ("d2", "opted out", "guests", clock.now() + 60), ("d5", "stale", "", None)]
    assert [row["vder"] for row in status.status("pv")["orders"]] == ["pv"]
    clock.advance(3600)
    assert status.status("all")["orders"] == []


def test_orders_on_what_is_above_concern_what_is_below_but_not_what_is_beside(battery):
    battery(1)
    virtualders.create("all", "*")
    virtualders.create("one", "", parent="all")
    virtualders.create("two", "*", parent="all")
    create_order("all", 3600, watts=100)
    create_order("two", 3600, watts=100)
    assert [row["vder"] for row in status.status("one")["orders"]] == ["all"]
