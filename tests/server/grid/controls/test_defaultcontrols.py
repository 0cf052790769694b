import pytest

from server.errors import Refused
from server.grid.controls import defaultcontrols
from server.grid.groups import virtualders


def test_a_default_is_set_changed_and_cleared(battery):
    home = battery(1)
    program = virtualders.create("north", "kind = battery")["program"]
    defaultcontrols.set_default("north", {"opModMaxLimW": 8000}, {"setGradW": 100})
    first = home.client.get(f"{program}/dderc").data
    assert first["DERControlBase"] == {"opModMaxLimW": 8000} and first["setGradW"] == 100
    assert home.client.get(program).data["DefaultDERControlLink"]["href"] == f"{program}/dderc"
    defaultcontrols.set_default("north", {"opModMaxLimW": 5000})
    second = home.client.get(f"{program}/dderc").data
    assert second["mRID"] == first["mRID"] and "setGradW" not in second
    assert virtualders.show("north")["default"]["DERControlBase"] == {"opModMaxLimW": 5000}
    with pytest.raises(Refused):
        defaultcontrols.set_default("north", {"opModMaxLimW": 10_001})
    defaultcontrols.clear_default("north")
    cleared = home.client.get(f"{program}/dderc").data
    assert cleared["mRID"] == first["mRID"] and cleared["DERControlBase"] == {}, "for those who subscribed"
    assert virtualders.show("north")["default"] is defaultcontrols.show_default("north")["default"] is None
