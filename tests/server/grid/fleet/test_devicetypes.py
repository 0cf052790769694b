"""What a device is before it has said anything: by the kind with which it is enrolled, or the category where
that is given."""
import pytest

from server.devices import enrolment
from server.models import DeviceType
from server.resources import store
from tests import peers

pytestmark = pytest.mark.usefixtures("server")


@pytest.mark.parametrize(
    "kind, category, expected_kind, bits",
    [
        ("thermostat", None, "thermal", "00000001"),
        ("water heater", None, "thermal", "00000008"),
        ("Pool-Pump", None, "thermal", "00000010"),
        ("load_switch", None, "interruptible", "00002000"),
        ("", 1 << 9, "interruptible", "00000200"),
        ("evcharger", None, "ev", "00020000"),
        ("ev_charger", None, "ev", "00020000"),
        ("thermostat", 1 << 17, "ev", "00020000"),
        ("battery", None, "other", None),
        ("pv", None, "other", None),
        ("", None, "other", None),
    ],
)
def test_a_load_is_what_its_kind_says(kind, category, expected_kind, bits):
    device = enrolment.enrol(peers.lfdi(5), kind=kind, category=category)
    assert DeviceType.get(DeviceType.device == device).kind == expected_kind
    assert store.get(enrolment.href(device)).submitted.get("deviceCategory") == bits
