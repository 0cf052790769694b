import pytest

from server.errors import Refused
from server.grid.dispatch.orderrequest import OrderRequest, single_quantity


@pytest.mark.parametrize("values, quantity", [
    ({"watts": 5000, "percent": None}, ("watts", 5000.0)),
    ({"watts": 0, "percent": None}, ("watts", 0.0)),
    ({"connect": False, "watts": None}, ("connect", 0.0)),
    ({"connect": True, "watts": None}, ("connect", 1.0)),
])
def test_the_quantity_with_a_value(values, quantity):
    assert single_quantity(values) == quantity


@pytest.mark.parametrize("values, given", [
    ({"watts": None, "percent": None}, "none"),
    ({"watts": 1, "percent": 0}, "watts, percent"),
])
def test_exactly_one_is_needed(values, given):
    with pytest.raises(Refused, match=f"specify exactly one of watts, percent; given: {given}"):
        single_quantity(values)


@pytest.mark.parametrize("duration_s, hours", [(900, 0.25), (0, 1 / 3600)])
def test_options_hold_for_the_duration(duration_s, hours):
    request = OrderRequest(vder="street", quantity="watts", value=1, duration_s=duration_s, policy="charge")
    assert (request.options.hours, request.options.policy) == (hours, "charge")
