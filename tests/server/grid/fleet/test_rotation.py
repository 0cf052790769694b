"""Whose turn it is."""
import pytest

from server import clock
from server.grid.dispatch import orderchanges
from server.grid.fleet import participation, rotation
from server.grid.groups import virtualders
from tests.ordered import create_order


@pytest.mark.parametrize("used, events, otherwise, part", [
    (0, 10, 5, 1.0), (4, 10, 5, 0.6), (12, 10, 5, 0.0), (2, None, 4, 0.5), (0, 0, 3, 0.0)])
def test_what_is_left_of_a_quota(used, events, otherwise, part):
    assert rotation.remaining_quota(used, events, otherwise) == pytest.approx(part)


@pytest.fixture
def street(battery):
    homes = [battery(number) for number in (1, 2, 3)]
    virtualders.create("street", "kind = battery", primacy=80)
    return homes


def powers(order):
    return {share["lfdi"]: share["planned_w"] for share in order["shares"]}


def ordered(policy):
    clock.advance(1)
    return powers(
        create_order("street", 900, clock.now() + 300, watts=3000, addressing="device", policy=policy)
    )


def test_who_was_asked_before_is_asked_for_less(street):
    first = create_order("street", 900, clock.now() + 3600, watts=1000, addressing="device")
    orderchanges.cancel(first["id"])
    assert len(set(ordered("turn").values())) == 1  # what was called off does not count
    participation.set_contract(street[0].lfdi, max_events=2)
    shares = ordered("turn")
    # each owes one of two
    assert shares[street[0].lfdi] == shares[street[1].lfdi] == pytest.approx(1000, abs=1)
    participation.set_contract(street[0].lfdi, max_events=1)
    assert ordered("turn")[street[0].lfdi] == 0


def test_the_first_tier_is_asked_first(street):
    participation.set_contract(street[0].lfdi, tier=2)
    participation.set_contract(street[1].lfdi, tier=1)
    assert ordered("tier") == {street[2].lfdi: 3000, street[1].lfdi: 0, street[0].lfdi: 0}
    assert ordered("rating")[street[0].lfdi] == pytest.approx(1000, abs=1)
