"""Orders by hand are clipped to the limits over their members, and it is said by how much."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import actors, audit
from server.errors import BadArgument, Refused
from server.grid.dispatch import orderchanges, orderlimits, orderoverride
from server.grid.dispatch.orderlimits import NodeRoom
from server.grid.groups import virtualders
from server.grid.series import forecasts, signals
from server.models import DispatchOrder
from tests.conftest import NOON
from tests.ordered import create_order
from tests.server.grid.balancedarea import STEP, asks


@pytest.fixture
def batteries(battery):
    """Four batteries of 5 kW in a street whose homes draw 1 kW."""
    virtualders.create("street")
    virtualders.create("batteries", rule="kind = battery", parent="street")
    for name, watts in (("street", -1000.0), ("batteries", 0.0)):
        forecasts.put(name, "load", [watts] * 100, NOON, STEP)
    return [battery(number) for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("quantity, addressing", [
    ({"target": -20_000}, "broadcast"), ({"watts": -20_000}, "broadcast"), ({"percent": -100}, "broadcast"),
    ({"target": -20_000}, "device"), ({"watts": -20_000}, "device")])
def test_an_order_is_clipped_to_the_limit_of_its_virtual_der(batteries, quantity, addressing):
    virtualders.update("batteries", import_limit_w=5000)
    for dry_run in (True, False):
        order = create_order("batteries", 900, addressing=addressing, dry_run=dry_run, **quantity)
        assert order["planned_w"] == pytest.approx(-5000, abs=2)
        assert order["clipped_w"] == pytest.approx(-15_000, abs=2)
        assert any("the import limit of batteries would be exceeded by 15000 W" in warning
                   for warning in order["warnings"])


def test_limits_above_and_below_and_beside_hold_with_what_is_drawn_there_already(batteries):
    virtualders.update("street", import_limit_w=5000)
    assert create_order("batteries", 900, target=-20_000)["planned_w"] == pytest.approx(-4000, abs=2)
    virtualders.create("feeder", members=["d1"], import_limit_w=500)
    forecasts.put("feeder", "load", [0.0] * 100, NOON, STEP)
    assert create_order("batteries", 900, target=-20_000)["planned_w"] == pytest.approx(-2000, abs=2)
    virtualders.delete("feeder")
    signals.put("batteries", "export_limit", [9000.0] * 2 + [3000.0] * 2, NOON, STEP)
    assert create_order("street", 900, target=20_000)["planned_w"] == pytest.approx(9000, abs=2)
    assert create_order("street", 3600, target=20_000)["planned_w"] == pytest.approx(3000, abs=2)


def test_members_under_a_limit_do_less_and_others_go_on(batteries):
    virtualders.create("feeder", members=["d1", "d2"], export_limit_w=1000)
    forecasts.put("feeder", "load", [0.0] * 100, NOON, STEP)
    order = create_order("batteries", 900, target=8000, addressing="device", dry_run=True)
    assert order["planned_w"] == pytest.approx(8000, abs=4) and order["clipped_w"] == 0
    assert order["warnings"] == [
        "the export limit of feeder would be exceeded by 3000 W: members under it do less and others more"]
    order = create_order("batteries", 900, watts=20_000, addressing="device")
    assert order["planned_w"] == pytest.approx(11_000, abs=4)
    assert order["clipped_w"] == pytest.approx(9000, abs=4)
    assert [share["planned_w"] for share in order["shares"]] == pytest.approx([500, 500, 5000, 5000], abs=4)
    assert create_order("batteries", 900, target=20_000)["planned_w"] == pytest.approx(2000, abs=4), (
        "one percentage for all")


def test_what_keeps_limits_is_not_touched(batteries):
    virtualders.update("street", import_limit_w=5000, export_limit_w=5000)
    order = create_order("batteries", 900, target=-3900)
    assert order["clipped_w"] == 0 and not order["warnings"]


def test_cars_of_an_order_count(batteries, home):
    virtualders.create("cars", rule="kind = evcharger", parent="street")
    charger = home(9, "evcharger")
    charger.rate(82, 0, 7000)
    charger.post(0)
    asks(charger)
    virtualders.update("street", import_limit_w=2500)
    assert create_order("cars", 900, watts=-6000)["planned_w"] == pytest.approx(-1500, abs=2)


def test_where_nothing_is_left_the_order_is_refused(batteries):
    virtualders.update("street", import_limit_w=900)
    with pytest.raises(Refused, match="the import limit of street leaves nothing of the order"):
        create_order("batteries", 900, watts=-1000)
    assert create_order("batteries", 900, watts=1000)["clipped_w"] == 0, "what helps is possible"


def test_an_order_that_cannot_be_clipped_warns(batteries, panels):
    panels(9)
    virtualders.create("solar", rule="kind = inverter", parent="street")
    virtualders.update("street", import_limit_w=0)
    warnings = create_order("solar", 900, limit=0)["warnings"]
    assert any("the import limit of street is exceeded by 1000 W: this quantity is not clipped" in warning
               for warning in warnings)


def test_a_limit_whose_load_was_never_read_is_said(battery):
    battery(1)
    virtualders.create("one", members=["d1"], import_limit_w=2000)
    order = create_order("one", 900, target=-5000)
    assert order["planned_w"] == pytest.approx(-2000, abs=2)
    assert any("load of one has never been read" in warning for warning in order["warnings"])


def test_an_administrator_overrides_with_a_reason_and_it_is_audited(batteries):
    virtualders.update("batteries", import_limit_w=5000)
    with actors.acting("ann"):
        clipped = create_order("batteries", 900, target=-20_000)["id"]
        with pytest.raises(BadArgument, match="say why"):
            orderoverride.override_order(clipped, "")
        tried = orderoverride.override_order(clipped, "", dry_run=True)
        order = orderoverride.override_order(clipped, "storm")
    for result in (tried, order):
        assert result["planned_w"] == pytest.approx(-20_000, abs=2) and result["clipped_w"] == 0
        assert any("exceeded by 15000 W: as ordered by override" in warning for warning in result["warnings"])
    assert [(entry["operation"], entry["reason"]) for entry in audit.entries()] == [
        ("dispatch", ""), ("dispatch override", "storm")]
    with pytest.raises(Refused, match="not clipped"):
        orderoverride.override_order(order["id"], "storm")
    assert orderchanges.extend(order["id"], 900)["planned_w"] == pytest.approx(-20_000, abs=2)


def test_an_order_is_not_extended_beyond_a_limit(batteries):
    order = create_order("batteries", 900, target=-8000)["id"]
    signals.put("batteries", "import_limit", [9000.0, 6000.0], NOON, STEP)
    with pytest.raises(Refused, match="the import limit of batteries would be exceeded by 2000 W"):
        orderchanges.extend(order, 900)
    assert DispatchOrder.select().count() == 1


@given(st.floats(-9e4, 9e4), st.floats(-9e4, 0), st.floats(0, 9e4))
def test_a_change_and_its_excess_add_up(change_w, least_w, most_w):
    room = NodeRoom("street", {"A"}, least_w, most_w)
    kept_w = change_w - room.excess_w(change_w)
    assert least_w <= kept_w + 1e-9 and kept_w - 1e-9 <= most_w and abs(kept_w) <= abs(change_w) + 1e-9
    found = orderlimits.excesses([room], {"A": change_w, "B": 5.0})
    assert bool(found) == (abs(room.excess_w(change_w)) > 1)
