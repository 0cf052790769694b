"""The whole path of the pages Dispatch, and Plans and signals, by mouse, with devices that answer.

The devices are simulated ones at the real device interface, in this process; the test turns the clock.
"""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from clients.devices.battery import Battery
from clients.devices.device import Device, Identity
from clients.devices.inverter import Inverter
from clients.simulation.weather import Site as Place
from server import clock
from server.api.values import instant_text
from server.config import settings
from server.devices import enrolment, identity, lastcontact
from server.grid.groups import powerlimits, virtualders
from server.models import Balance, DispatchOrder
from server.operators.roles import Role
from server.protocol import app as deviceinterface
from server.resources import refresh
from tests import peers
from tests.browser.conftest import SCREENSHOTS, Site, Tab
from tests.clients.inprocess import InProcess
from tests.conftest import NOON

PIN, RATE_S, COUNT = 123455, 60, 3


class Street:
    """Batteries and an inverter that are enrolled in `street`, and run when told to."""

    def __init__(self) -> None:
        application = deviceinterface.create()
        self.devices = []
        for number in range(COUNT):
            lfdi = peers.lfdi(number)
            enrolment.enrol(lfdi, pin=PIN, name=f"home-{number}")
            model = Inverter(name=f"home-{number}", site=Place("seed")) if not number else Battery(
                name=f"home-{number}")
            self.devices.append(Device(Identity(lfdi, identity.sfdi(lfdi), PIN), model,
                                       InProcess(application, lfdi).connection(), clock=clock.precise))
        virtualders.create("street", rule="*")

    def run(self, seconds: int) -> None:
        """Let time go on for so long."""
        for instant in range(int(clock.precise()) + 15, int(clock.precise()) + seconds + 1, 15):
            clock.turn_to(instant)
            refresh.run()
            for device in self.devices:
                device.step(instant)
        lastcontact.flush()


@pytest.fixture(scope="module")
def street(site: Site) -> Street:
    settings.poll_rate = settings.post_rate = RATE_S
    found = Street()
    found.run(5 * RATE_S)
    return found


@pytest.fixture(scope="module")
def olivia(browser: Any, site: Site) -> Iterator[Tab]:
    """An operator."""
    tab = Tab(browser, site, site.sign_in("olivia", Role.OPERATOR))
    yield tab
    assert (tab.complaints, tab.outside) == ([], [])
    tab.close()


@pytest.fixture(scope="module")
def amir(browser: Any, site: Site) -> Iterator[Tab]:
    """Somebody who approves."""
    tab = Tab(browser, site, site.sign_in("amir", Role.APPROVER))
    yield tab
    assert (tab.complaints, tab.outside) == ([], [])
    tab.close()


def test_dispatch_by_mouse(street: Street, olivia: Tab) -> None:
    page = olivia.open("/console/now")
    page.get_by_role("link", name="Dispatch", exact=True).click()
    wish = page.get_by_role("region", name="What do you need?")
    wish.get_by_label("Virtual DER", exact=True).fill("street")
    wish.get_by_label("Watts", exact=True).fill("2kw")
    wish.get_by_label("Duration", exact=True).fill("30m")
    wish.get_by_label("Reason", exact=True).fill("a hot evening")
    wish.get_by_role("button", name="See what it would do").click()
    assert "write 2kW" in page.get_by_role("alert").inner_text()
    olivia.complaints.clear()  # a browser notes each answer of 400
    wish.get_by_label("Watts", exact=True).fill("2kW")
    wish.get_by_role("button", name="See what it would do").click()
    page.get_by_role("heading", name="What it would do").wait_for()
    assert "home-1" in page.content() and "DERControl" in page.content()
    olivia.settle()
    page.screenshot(path=SCREENSHOTS / "dispatch-trial.png", full_page=True)
    assert not DispatchOrder.select().exists()
    page.get_by_role("button", name="Order it").click()
    page.get_by_role("heading", name="Order 1").wait_for()
    street.run(5 * RATE_S)
    page.reload()
    olivia.settle()
    assert "started" in page.locator("#progress").inner_text()
    page.screenshot(path=SCREENSHOTS / "dispatch-order.png", full_page=True)
    page.get_by_text("Extend it").click()
    page.get_by_label("By", exact=True).fill("15m")
    page.get_by_role("button", name="Extend").click()
    page.get_by_text("Done: Dispatch: extend").wait_for()
    page.goto(f"{olivia.site.url}/console/dispatch/1")
    page.get_by_role("button", name="Cancel the order").click()
    page.get_by_text("Done: Dispatch: cancel").wait_for()
    assert page.locator("#status").inner_text() == "cancelled"


def test_what_is_above_the_limit_by_mouse(street: Street, olivia: Tab, amir: Tab) -> None:
    powerlimits.put("street", 1000.0)
    page = olivia.open("/console/dispatch?vder=street&delta_w=2kW&duration_s=30m")
    page.get_by_role("button", name="See what it would do").click()
    page.get_by_role("button", name="Send to approval").click()
    page.get_by_role("heading", name="It waits for an approval").wait_for()
    page = amir.open("/console/plans")
    page.get_by_role("link", name="Approve …").click()
    page.get_by_role("button", name="Do it").click()
    page.get_by_text("Done: Approval: approve").wait_for()
    assert DispatchOrder.select().order_by(DispatchOrder.id.desc()).get().requested_by == "olivia"
    powerlimits.put("street", float("inf"))


def test_a_plan_by_mouse(street: Street, olivia: Tab, amir: Tab) -> None:
    Balance.create(vder=virtualders.find("street"), approval=True)
    page = olivia.open("/console/plans")
    put = page.get_by_role("region", name="Put a signal")
    put.get_by_label("Area", exact=True).fill("street")
    put.get_by_label("CSV", exact=True).set_input_files(
        {"name": "imbalance.csv", "mimeType": "text/csv", "buffer": _series()})
    put.get_by_role("button", name="Put it").click()
    page.get_by_text("Done: Signal: put").wait_for()
    page.get_by_role("link", name="street", exact=True).first.click()
    page.locator("#bands:not(:has-text('being forecast'))").wait_for()
    for _ in range(2):
        run = page.locator("form[action$='plan%20run']")
        run.get_by_label("Area", exact=True).fill("street")
        run.get_by_label("Horizon", exact=True).fill("2h")
        run.get_by_role("button", name="Run it").click()
        page.get_by_text("Done: Plan: run").wait_for()
    page.locator("#plans").get_by_role("link", name="1", exact=True).click()
    page.get_by_role("heading", name="Plan 1 for street").wait_for()
    olivia.settle()
    page.screenshot(path=SCREENSHOTS / "plan.png", full_page=True)
    other = amir.open("/console/plans/1")
    other.get_by_role("link", name="Approve …").click()
    other.get_by_role("button", name="Do it").click()
    other.get_by_text("Done: Plan: approve").wait_for()
    page.reload()
    page.get_by_role("link", name="Publish …").click()
    page.get_by_role("button", name="Do it").click()
    page.get_by_text("Done: Plan: publish").wait_for()
    assert page.locator("#status").inner_text() == "published"
    page = olivia.open("/console/plans/2")
    page.get_by_role("link", name="Compare with plan 1").click()
    page.get_by_role("heading", name="Where plan 2 differs from plan 1").wait_for()


def _series() -> bytes:
    """Four hours in quarters of an hour, in which too much is drawn."""
    rows = [f"{instant_text(NOON + number * 900)},{1500 + 100 * number}" for number in range(16)]
    return "\n".join(["start,value", *rows]).encode()
