import pytest

from server.errors import Refused
from server.grid.balance import areasettings
from server.grid.groups import virtualders
from server.models import Balance


@pytest.fixture
def area(server):
    virtualders.create("town")


def test_default_settings_are_shown_and_nothing_is_recorded(area):
    shown = areasettings.set_automatic("town", None)
    assert (shown["automatic"], shown["step_s"], shown["horizon_steps"], shown["replan_steps"]) == (
        False, 900, 96, 4)
    assert shown["reserve"] == 0.0
    assert not Balance.select().exists()


def test_what_is_not_given_stays(area):
    areasettings.set_automatic("town", True, step_s=1800, reserve=0.2)
    shown = areasettings.set_automatic("town", None, approval=True)
    assert (shown["automatic"], shown["step_s"], shown["reserve"], shown["approval"]) == (
        True, 1800, 0.2, True)
    assert areasettings.set_automatic("town", False)["automatic"] is False


@pytest.mark.parametrize("setting, value, message", [
    ("step_s", 60, "300 to 3600"),
    ("step_s", 1000, "300, 900, 1800"),
    ("horizon_steps", 3, "4 to 288"),
    ("replan_steps", 0, "1 to 96"),
    ("reserve", 0.5, "0 to 0.4"),
    ("addressing", "singly", "hybrid or device"),
])
def test_values_out_of_range_are_refused(area, setting, value, message):
    with pytest.raises(Refused, match=message) as refused:
        areasettings.set_automatic("town", True, **{setting: value})
    assert refused.value.status == 400 and not Balance.select().exists()


def test_an_area_with_a_conflict_is_not_balanced_automatically(battery):
    battery(1, feeder="F1")
    virtualders.create("town")
    for name, rule in (("batteries", "kind = battery"), ("F1", "feeder = F1")):
        virtualders.create(name, rule, parent="town")
    with pytest.raises(Refused, match="1 devices are in more than one virtual DER .* d1: "):
        areasettings.set_automatic("town", True)
