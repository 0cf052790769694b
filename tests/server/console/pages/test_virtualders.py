"""The page of virtual DERs, and that of one."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from server.console.pages import virtualders as page_module
from server.devices import enrolment
from server.grid.controls import defaultcontrols
from server.grid.groups import virtualders
from server.operators.roles import Role
from tests import peers
from tests.conftest import on_sqlite
from tests.server.console.conftest import Person, text
from tests.server.grid.conftest import Home

pytestmark = on_sqlite
HREF = "/console/virtual-ders"


@pytest.fixture
def town(peer: Callable[[int], peers.Peer]) -> None:
    homes = [Home(peer(number), enrolment.enrol(peers.lfdi(number), name=f"d{number}", kind="battery",
                                                labels={"feeder": f"F{number}"})) for number in (1, 2)]
    for home in homes:
        home.rate(80, 5000, 5000, 10_000)
        home.charge(0.5)
    virtualders.create("town", rule="kind = battery", export_limit_w=8000)
    virtualders.create("north side", parent="town", members=["d1"])


def test_no_virtual_der(admin: Person) -> None:
    assert "No virtual DER yet: make one" in text(admin.see(HREF))


def test_the_tree_is_indented_and_leads_to_each(town: None, admin: Person) -> None:
    page = admin.see(HREF)
    assert f"{page_module.INDENT}north side" in page and f'href="{HREF}/north%20side"' in page
    assert page_module.INDENT not in admin.see(f"{HREF}?vder-list-sort=name")


def test_one_with_what_it_can_do(town: None, admin: Person) -> None:
    defaultcontrols.set_default("town", {"opModMaxLimW": 9000})
    page = admin.see(f"{HREF}/town")
    assert 'data-chart="capability-data"' in page and "8 kW" in text(page) and "90" in text(page)
    assert 'href="/console/devices/1"' in page and "north side" in text(page)
    assert admin.see(f"{HREF}/1") and admin.see(f"{HREF}/north%20side")


def test_what_many_can_do_is_computed_when_asked_for(
    town: None, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "MOST_AT_ONCE", 1)
    assert "capability-data" not in (page := admin.see(f"{HREF}/town")) and "Compute it" in page
    assert "capability-data" in admin.see(f"{HREF}/town?compute=true")


def test_who_would_be_in_by_a_rule(town: None, admin: Person) -> None:
    page = text(admin.see(f"{HREF}?rule=feeder+%3D+F2"))
    assert "1 of 2 devices would be in" in page and "d2" in page
    assert "character 8" in text(admin.see(f"{HREF}?rule=feeder+F2"))
    assert "no device has" in text(admin.see(f"{HREF}?rule=feeder+%3D+F9"))


def test_one_is_made_changed_and_deleted(admin: Person) -> None:
    admin.do("vder create", 303, name="street", rule="*", back=HREF)
    assert "street" in admin.see(HREF)
    assert "No member yet" in text(admin.see(f"{HREF}/street"))
    admin.do("vder update", 303, vder="street", export_limit_w="5kW", back=HREF)
    assert "5 kW" in text(admin.see(f"{HREF}/street"))
    assert "Delete street" in text(admin.do("vder delete", vder="street"))
    admin.do("vder delete", 303, vder="street", yes="true", back=HREF)
    admin.see(f"{HREF}/street", 404)


def test_who_sees_and_may_what(town: None, person: Callable[..., Person]) -> None:
    viewer = person(Role.VIEWER)
    assert "Make a virtual DER" not in viewer.see(HREF)
    viewer.do("vder create", 403, name="street")
    part = person(Role.VIEWER, virtualders.find("north side"))
    assert "town" not in text(part.see(HREF)) and "d1" in text(part.see(f"{HREF}/north%20side"))
    part.see(f"{HREF}/town", 404)
