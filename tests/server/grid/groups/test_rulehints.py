"""Rules that are right but probably not meant are warned of."""
from __future__ import annotations

import pytest

from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import membershiprules, rulehints, virtualders
from tests import peers

VALUES = {"kind": {"battery", "ev_charger"}, "feeder": {"F12", "F13"}, "name": {"one"}}


@pytest.mark.parametrize("rule, expected", [
    ("kind = battery", []), ("kind = thermostat", []), ("feeder in (F12, F13) and not (kind = pv)", []),
    ("*", []),
    ("kind = evcharger", []), ("kind = 'EV-Charger'", []), ("kind = Battery", []),
    ("kind = thermostatt", ["no device has the kind 'thermostatt'; did you mean thermostat?"]),
    ("feedr = F12", ["no device has a label 'feedr'; did you mean feeder?"]),
    ("Feeder = F12", ["no device has a label 'Feeder'; did you mean feeder?"]),
    ("feeder = f12", ["no device has feeder = 'f12'; did you mean F12?"]),
    ("kind = xyz", ["no device has the kind 'xyz'"]),
    ("name != 'onn'", ["no device has name = 'onn'; did you mean one?"]),
    ("feeder in (F12, F99)", ["no device has feeder = 'F99'"]),
])
def test_what_no_device_has_is_said_with_what_was_meant(rule: str, expected: list[str]) -> None:
    comparisons = membershiprules.comparisons(rule)
    assert [sentence for comparison in comparisons
            for sentence in rulehints.comparison_warnings(comparison, VALUES)] == expected


def test_an_operator_is_warned_when_a_virtual_der_is_made_or_changed(server: None) -> None:
    enrolment.enrol(peers.lfdi(1), name="one", kind="ev_charger", labels={"feeder": "F12"})
    wrong = virtualders.create("cars", rule="kind = ev_chrger")
    assert wrong["members"] == 0 and "did you mean ev_charger?" in wrong["warnings"][0]
    assert virtualders.update("cars", rule="kind = EVcharger")["members"] == 1
    right = virtualders.update("cars", rule="kind = ev_charger and feeder = F12")
    assert (right["members"], right["warnings"]) == (1, [])
    empty = virtualders.create("houses", rule="kind = thermostat")
    assert empty["warnings"] == ["no device is a member yet: none fits the rule"]
    assert virtualders.create("listed", members=["one"])["warnings"] == []
    with pytest.raises(Refused, match="there is no virtual DER 'Cars'; did you mean cars?"):
        virtualders.find("Cars")
