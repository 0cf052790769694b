"""The page of devices, and that of one."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from server.devices import enrolment, lastcontact
from server.grid.controls import dercontrols
from server.grid.fleet import participation
from server.grid.groups import virtualders
from server.models import Device
from server.operators.roles import Role
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.server.console.conftest import Person, text
from tests.server.grid.conftest import Home

pytestmark = on_sqlite
HREF = "/console/devices"


@pytest.fixture
def home(peer: Callable[[int], peers.Peer]) -> Home:
    made = Home(peer(1), enrolment.enrol(peers.lfdi(1), name="roof", kind="battery", labels={"feeder": "F1"}))
    made.rate(80, 5000, 5000, 10_000)
    made.charge(0.5)
    made.post(-1200)
    lastcontact.flush()
    virtualders.create("town", members=["roof"])
    return made


def test_nobody_is_enrolled(admin: Person) -> None:
    assert "No device is enrolled yet" in text(admin.see(HREF))


def test_a_device_that_has_said_nothing(admin: Person) -> None:
    enrolment.enrol(peers.lfdi(7))
    page = text(admin.see(f"{HREF}/1"))
    for words in ("Device 1", "never", "not seen yet", "Nothing is asked of it", "No reading of the last day",
                  "It has answered no event yet"):
        assert words in page, words
    assert f'href="{HREF}/1"' in admin.see(HREF)


def test_a_device_with_all_that_there_is(home: Home, admin: Person) -> None:
    dercontrols.post("town", {"opModMaxLimW": 5000}, 3600, NOON + 1800)
    participation.opt_out("roof")
    Device.update(certificate_ends_at=NOON + 86400).execute()
    page = admin.see(f"{HREF}/roof")
    for chart in ("follows-data", "readings-W-data"):
        assert f'data-chart="{chart}"' in page
    words = text(page)
    for expected in ("town", "F1", "opted out", "an event, primacy", "until 2025-06-16", "DERCapability"):
        assert expected in words, expected
    assert "/console/events/control/derp/1/derc/1" in page


def test_a_device_is_found(home: Home, admin: Person) -> None:
    answer = admin.open(f"{HREF}/find?device=roof")
    assert answer.status_code == 302 and answer.headers["Location"].endswith(f"{HREF}/1")
    admin.see(f"{HREF}/find?device=nobody", 404)
    admin.see(f"{HREF}/nobody", 404)


def test_it_is_labelled_suspended_restored_and_opted_out(home: Home, admin: Person) -> None:
    here = f"{HREF}/1"
    admin.do("device label", 303, device="1", labels="lat=48.2\nlon=16.4", name="attic", back=here)
    assert "lat=48.2" in text(admin.see(here))
    assert "in degrees" in text(admin.do("device label", 400, device="1", labels="lat=north"))
    admin.do("device suspend", 303, device="1", back=here)
    assert "This device is suspended" in (page := text(admin.see(here))) and "Restore" in page
    admin.do("device restore", 303, device="1", back=here)
    admin.do("opt-out set", 303, device="1", back=here)
    assert "End the opt-out" in text(admin.see(here))


def test_who_sees_and_may_what(home: Home, person: Callable[..., Person]) -> None:
    enrolment.enrol(peers.lfdi(2), name="other")
    viewer = person(Role.VIEWER)
    assert "Suspend" not in text(viewer.see(f"{HREF}/1"))
    viewer.do("device suspend", 403, device="1")
    part = person(Role.VIEWER, virtualders.find("town"))
    assert "other" not in text(part.see(HREF)).replace("another", "")
    assert "rights end" in text(part.see(f"{HREF}/1")), "what is followed concerns more than the part"
    part.see(f"{HREF}/2", 404)
