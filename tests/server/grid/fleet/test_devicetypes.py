"""What a device is before it has said anything: by the kind with which it is enrolled, or the category where that is given."""
import pytest

from server.devices import enrolment
from server.models import Nature
from server.resources import store
from tests import door

pytestmark = pytest.mark.usefixtures("house")


@pytest.mark.parametrize("kind, category, what, bits", [
    ("thermostat", None, "heat", "00000001"), ("water heater", None, "heat", "00000008"), ("Pool-Pump", None, "heat", "00000010"),
    ("evcharger", None, "car", "00020000"), ("ev_charger", None, "car", "00020000"), ("thermostat", 1 << 17, "car", "00020000"),
    ("battery", None, "other", None), ("pv", None, "other", None), ("", None, "other", None)])
def test_a_load_is_what_its_kind_says(kind, category, what, bits):
    device = enrolment.enrol(door.lfdi(5), kind=kind, category=category)
    assert Nature.get(Nature.device == device).what == what
    assert store.get(enrolment.href(device)).stated.get("deviceCategory") == bits
