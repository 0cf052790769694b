"""The page of EV sessions."""
from __future__ import annotations

from collections.abc import Callable

from server.devices import enrolment
from server.grid.controls import reservations
from server.operators.roles import Role
from tests import peers
from tests.conftest import on_sqlite
from tests.server.cli.test_ev import WANTED
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite
HREF = "/console/ev"


def test_no_vehicle(admin: Person) -> None:
    assert "No vehicle is connected" in text(admin.see(HREF))


def test_a_session_as_chart_and_table(peer: Callable[[int], peers.Peer], admin: Person) -> None:
    enrolment.enrol(peers.lfdi(1), name="garage", kind="ev_charger")
    assert peer(1).post("/edev/1/frq", "FlowReservationRequest", WANTED).status == 201
    page = admin.see(HREF)
    assert "garage" in text(page) and 'data-chart="sessions-chart-data"' in page
    granted = text(admin.do("ev grant", device="garage", charge_w="3kW", duration_s="1h", dry_run="true"))
    assert "Tried: nothing was changed" in granted
    reservations.grant("/edev/1/frq/1", 3000.0, 3600)
    assert "granted" in admin.see(HREF)


def test_a_viewer_grants_nothing(person: Callable[..., Person]) -> None:
    viewer = person(Role.VIEWER)
    assert "Grant power" not in viewer.see(HREF)
    viewer.do("ev grant", 403, device="garage", charge_w="3kW", duration_s="1h")
