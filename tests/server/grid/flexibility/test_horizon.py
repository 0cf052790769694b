"""What a virtual DER could do over a horizon."""
import math

import pytest

from server import clock
from server.config import settings
from server.grid.flexibility import capability, rollup
from server.grid.groups import virtualders
from server.grid.optimisation.arrays import np
from server.models import Device, Participation
from tests.server.grid.fleet.test_fleetstate import car, pump  # noqa: F401

ETA = math.sqrt(0.9)
LISTS = ("up_w", "down_w", "energy_up_wh", "energy_down_wh")


def tree():
    virtualders.create("all", "*")
    virtualders.create("f1", "feeder = F1", parent="all")
    virtualders.create("f2", "feeder = F2", parent="all")


@pytest.fixture
def street(battery, panels, car, pump, home):  # noqa: F811
    battery(1, feeder="F1")
    battery(2, wh=20_000, charge=0.2, feeder="F2")
    panels(3, injection=2000, feeder="F1")
    car(4, feeder="F2")
    pump(5, draws=600, feeder="F2")
    home(6).post(-900)
    tree()


def test_one_battery(battery):
    battery(1, charge=0.5)
    virtualders.create("all", "*")
    horizon = capability.horizon("all", steps=8)
    expected = horizon["p50"]
    assert expected["up_w"] == expected["down_w"] == [5000] * 8
    assert expected["energy_up_wh"] == pytest.approx([1250, 2500, 3750, *[4000 * ETA] * 5])
    assert expected["energy_down_wh"] == pytest.approx([1250, 2500, 3750, 5000, *[5000 / ETA] * 4])
    assert expected["duration_up_s"][0] == pytest.approx(4000 * ETA / 5000 * 3600, abs=1)
    assert horizon["p90"]["up_w"] == expected["up_w"], "who always responds is certain"
    assert (horizon["start"], horizon["members"]) == (clock.now(), {"available": 1})
    assert horizon["baseline_w"] == [0] * 8
    assert horizon["ramp_w_per_s"] is None


def test_every_kind_counts_and_each_once(street):
    horizon = capability.horizon("all", steps=4)
    assert horizon["members"] == {"available": 5, "not dispatched": 1}
    assert horizon["baseline_w"][0] == pytest.approx(2000 - 7000 - 600 - 900)
    expected = horizon["p50"]
    assert expected["up_w"][0] == pytest.approx(10_000 + 7000 + 600)
    assert expected["down_w"][0] == pytest.approx(10_000 + 2000 + 1400)
    assert {child["name"]: child["members"] for child in horizon["children"]} == {
        "f1": {"available": 2}, "f2": {"available": 3}}


@pytest.mark.parametrize("name", LISTS)
def test_children_and_what_is_in_none_of_them_sum_to_the_parent(street, name):
    horizon = capability.horizon("all", steps=12)
    sums = np.sum([child["p50"][name] for child in horizon["children"]], axis=0)
    assert sums == pytest.approx(horizon["p50"][name])


def test_a_parent_is_cut_by_its_own_limits_and_so_are_those_above(street):
    virtualders.update("f2", import_limit_w=9000, export_limit_w=500)
    horizon = capability.horizon("all", steps=4)
    f2 = next(child for child in horizon["children"] if child["name"] == "f2")
    assert f2["p50"]["up_w"][0] == pytest.approx(500 + 7600)
    assert f2["p50"]["down_w"][0] == pytest.approx(9000 - 7600)
    assert horizon["p50"]["down_w"][0] == pytest.approx(9000 - 7600 + 5000 + 2000)
    assert f2["p50"]["energy_down_wh"][0] <= 1400 / 4 + 1e-6


def test_who_responds_half_the_time_counts_half_and_less_for_sure(battery):
    for number in range(1, 26):
        battery(number)
    virtualders.create("all", "*")
    Participation.insert_many([{"device": number, "response_rate": 0.5} for number in range(1, 26)]).execute()
    horizon = capability.horizon("all", steps=2)
    assert horizon["p50"]["up_w"][0] == pytest.approx(62_500)
    deviation_w = 2500 * math.sqrt(25 + 0.1 * 600)  # they are in one group
    assert horizon["p90"]["up_w"][0] == pytest.approx(62_500 - 1.2816 * deviation_w, rel=1e-3)
    assert horizon["p90"]["energy_up_wh"][0] < horizon["p50"]["energy_up_wh"][0]


def test_what_is_verified_claimed_and_unknown(battery, home):
    battery(1)
    quiet = home(2)
    quiet.rate(80, 3000, 3000, 6000)
    battery(3, inject=4000, absorb=4000)
    Device.update(last_contact_at=clock.now() - 10_000).where(Device.id == 3).execute()
    virtualders.create("all", "*")
    horizon = capability.horizon("all", steps=1)
    assert horizon["members"] == {"available": 2, "stale": 1}
    expected = horizon["p50"]
    assert (expected["verified_up_w"], expected["claimed_up_w"], expected["up_w"]) == ([5000], [3000], [8000])
    assert (horizon["unknown_up_w"], horizon["unknown_down_w"]) == (4000, 4000)


def test_what_is_verified_is_what_those_could_do_who_are_read(battery, home):
    battery(1, charge=1.0)
    home(2).rate(80, 3000, 3000, 6000)
    virtualders.create("all", "*")
    expected = capability.horizon("all", steps=1)["p50"]
    assert (expected["verified_down_w"], expected["claimed_down_w"]) == ([0], [3000]), (
        "who is full takes nothing more"
    )
    assert (expected["verified_up_w"], expected["claimed_up_w"]) == ([5000], [3000])


def test_a_car_s_freedom_ends_when_it_has_to_charge(car):  # noqa: F811
    car(1, energy=14_000, power=7000, depart=4)
    virtualders.create("all", "*")
    expected = capability.horizon("all", steps=16)["p50"]
    assert expected["up_w"][0] == 7000 and expected["up_w"][8] == 0, "it would have been full by then"
    assert max(expected["energy_up_wh"]) == pytest.approx(14_000) and expected["energy_up_wh"][
        -1
    ] == pytest.approx(0)
    assert expected["down_w"][8] == 7000


def test_ramps_are_those_that_were_said(battery):
    for number in (1, 2):
        battery(number)
    home = battery(3)
    home.put(
        "derg",
        "DERSettings",
        {"setGradW": 500, "setMaxW": {"multiplier": 0, "value": 4000}, "updatedTime": 0},
    )
    virtualders.create("all", "*")
    horizon = capability.horizon("all", steps=1)
    assert (horizon["ramp_w_per_s"], horizon["ramps_reported"]) == (200, 1)


def test_durations_stop_where_power_or_energy_does():
    power, energy = np.array([4.0, 4.0, 2.0, 4.0]), np.array([1.0, 2.0, 2.5, 3.0])
    assert rollup.durations(power, energy, 0.25) == [1800, 900, 1800, 900]
    assert rollup.durations(np.zeros(2), np.zeros(2), 0.25) == [0, 0]


def test_rows_for_people(battery):
    battery(1)
    virtualders.create("all", "*")
    settings.reserve = 0.0
    rows = list(rollup.rows(capability.horizon("all", steps=3), "p90"))
    assert [row["start"] - clock.now() for row in rows] == [0, 900, 1800] and rows[0]["up_w"] == 5000
