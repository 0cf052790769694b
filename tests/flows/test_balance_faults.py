"""An area kept in balance whose devices are at fault: silent, tired, late, overrated, out of time, or gone
elsewhere.

Ten batteries, each a real client of the device interface in this process, run in stepped time; the balance
decides each step a poll ahead, and hears what was really measured. SQLite sees each fault alone, PostgreSQL,
where a step takes twice as long, several at once.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
import pytest
from flask import Flask

from clients.devices.device import Device, Identity
from clients.devices.devicemodel import DeviceModel
from clients.devices.faults import NONE, Faults
from clients.events.control import PowerOrder
from clients.transport.mtls import HttpReply
from server import actors, clock
from server.config import settings
from server.devices import enrolment, identity, lastcontact
from server.grid.balance import areasettings, controller
from server.grid.fleet import fleetstate
from server.grid.groups import virtualders
from server.grid.series import signals
from server.models import Balance
from server.models import Device as Enrolled
from server.models import DispatchOrder as Order
from server.models import Participation, Share
from tests import peers
from tests.clients.inprocess import InProcess
from tests.conftest import NOON, on_sqlite
from tests.load.grid.devicemodels import EMPTY_SITE, QUARTER, RestingBattery

AREA, MANY, LEAD = "town", 10, 300
BEGIN = NOON + 2 * QUARTER
LATE = 1800
RESERVE = 0.1  # of the server's settings: these batteries keep none of their own accord
PROFILE = np.array([20, 28, 16, -24, -32, -16, 20, 28, -20, -28], dtype=float) * 50 * MANY
Floats = np.ndarray


class Overrated(RestingBattery):
    """A battery that reports twice the power that it has."""

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        return super().step(
            order if order.target_w is None else order._replace(target_w=order.target_w / 2), now, seconds
        )


class Late(InProcess):
    """A transport through a manufacturer's cloud: DERStatus and DERAvailability arrive half an hour late."""

    def __init__(self, application: Flask, lfdi: str):
        super().__init__(application, lfdi)
        self._held: list[tuple[int, tuple[str, str, bytes | None, dict[str, str]]]] = []

    def exchange(self, method: str, href: str, body: bytes | None, headers: dict[str, str]) -> HttpReply:
        while self._held and self._held[0][0] <= clock.now():
            assert super().exchange(*self._held.pop(0)[1]).status == 204
        if method == "PUT" and href.endswith(("/ders", "/dera")):
            self._held.append((clock.now() + LATE, (method, href, body, headers)))
            return HttpReply(204, {}, b"")
        return super().exchange(method, href, body, headers)


class Neighbourhood:
    """Clients of an area, and the result of each step: the imbalance and the uncontrolled imbalance (W,
    consumption positive), and the lowest state of charge."""

    def __init__(self, application: Flask, models: Sequence[DeviceModel], transport: type[InProcess]):
        self.clients: list[Device] = []
        for number, model in enumerate(models, 1):
            lfdi = peers.lfdi(number)
            enrolment.enrol(
                lfdi,
                pin=123455,
                name=model.name,
                kind="battery",
                category=model.category,
                labels={"feeder": "F1"},
            )
            self.clients.append(Device(Identity(lfdi, identity.sfdi(lfdi), 123455), model,
                                       transport(application, lfdi).connection(), clock=clock.precise))
        virtualders.create(AREA, rule="feeder = F1")
        self._due = dict.fromkeys(range(len(models)), 0.0)
        self.imbalance_w: list[float] = []
        self.uncontrolled_w: list[float] = []
        self.lowest_soc: list[float] = []

    def run_until(self, instant: float) -> None:
        while min(self._due.values()) <= instant:
            index = min(self._due, key=self._due.__getitem__)
            clock.turn_to(max(self._due[index], clock.precise()))
            self._due[index] = self.clients[index].step(clock.precise())
        clock.turn_to(instant)
        lastcontact.flush()

    def run(
        self, profile: Floats, during: Callable[[int], None] = lambda step: None, coming: float = 1.0
    ) -> None:
        """Run through a profile of imbalance; the forecast goes on with `coming` times its reverse.

        `during(step)` is called a minute after a step has begun.
        """
        self.run_until(BEGIN - LEAD - 60)
        signals.put(AREA, "imbalance", [*profile, *(-coming * profile)] * 2, BEGIN, QUARTER)
        areasettings.set_automatic(AREA, on=True, horizon_steps=2 * len(profile), reserve=0.0)
        for step, imbalance_w in enumerate(profile.tolist()):
            start = BEGIN + step * QUARTER
            self.run_until(start - LEAD)
            self._run_controller()
            self.run_until(start)
            before = self._metered_wh()
            self.run_until(start + 60)
            during(step)
            self.run_until(start + QUARTER - LEAD)
            if step + 1 < len(profile):
                self._run_controller()
            self.run_until(start + QUARTER)
            self.imbalance_w.append(imbalance_w - (self._metered_wh() - before) * 3600 / QUARTER)
            self.uncontrolled_w.append(imbalance_w)
            self.lowest_soc.append(min(client.model.soc or 0.0 for client in self.clients))
            signals.push(AREA, "measured", self.imbalance_w[-1], start, QUARTER, issue_interval_s=QUARTER)
        self.run_until(BEGIN + len(profile) * QUARTER + 60)

    @staticmethod
    def _run_controller() -> None:
        with actors.acting("test"):
            controller.run_due()

    def _metered_wh(self) -> float:
        return sum(client.model.injected_wh - client.model.absorbed_wh for client in self.clients)

    @property
    def rms_cut(self) -> float:
        """The fraction by which the root mean square of the imbalance was lowered."""
        return 1 - float(np.linalg.norm(self.imbalance_w) / np.linalg.norm(self.uncontrolled_w))


Make = Callable[..., Neighbourhood]


@pytest.fixture
def neighbourhood(server: None, application: Flask) -> Make:
    settings.poll_rate, settings.post_rate = LEAD, QUARTER

    def create(
        kinds: Sequence[type[RestingBattery]] = (RestingBattery,) * MANY,
        transport: type[InProcess] = InProcess,
    ) -> Neighbourhood:
        return Neighbourhood(
            application,
            [
                kind(
                    name=f"battery {number}",
                    site=EMPTY_SITE,
                    max_w=3000.0,
                    max_charge_w=3000.0,
                    max_discharge_w=3000.0,
                    max_wh=7000.0,
                    stored_wh=3500.0,
                    round_trip_efficiency=0.9025,
                    reserve_soc=0.0,
                )
                for number, kind in enumerate(kinds, 1)
            ],
            transport,
        )
    return create


def set_faults(neighbourhood: Neighbourhood, numbers: Sequence[int], faults: Faults) -> None:
    for number in numbers:
        neighbourhood.clients[number].set_faults(faults)


def ordered_w(step: int) -> dict[str, float]:
    """Return the power that was ordered in a step, by LFDI."""
    return {share.lfdi: share.planned_w for share in Share.select(Share, Order).join(Order).where(
        Order.start == BEGIN + step * QUARTER)}


def excluded() -> dict[str, str]:
    """Return the devices that are excluded now, with the reason, by LFDI."""
    out = fleetstate.read(virtualders.find(AREA), clock.now()).excluded
    return {row.lfdi: out[row.id] for row in Enrolled.select() if row.id in out}


def participation(number: int) -> Participation | None:
    return Participation.select().join(Enrolled).where(Enrolled.lfdi == peers.lfdi(number + 1)).first()


WELL = 0.88


@on_sqlite
def test_all_do_what_they_are_asked_for(neighbourhood: Make) -> None:
    """The reference of the other tests."""
    area = neighbourhood()
    area.run(PROFILE)
    assert area.rms_cut > WELL and not excluded() and Balance.get().last_error == ""


@on_sqlite
@pytest.mark.parametrize("non_responding, min_cut", [(1, 0.7 * WELL), (3, 0.6)])
def test_others_replace_devices_that_do_not_respond(
    neighbourhood: Make, non_responding: int, min_cut: float
) -> None:
    area, numbers = neighbourhood(), range(non_responding)
    set_faults(area, numbers, Faults(non_responding=True))
    area.run(PROFILE)
    assert area.rms_cut > min_cut
    names = {peers.lfdi(number + 1) for number in numbers}
    assert excluded() == dict.fromkeys(names, "not responding")
    assert all(row is not None and row.non_responding_since for row in map(participation, numbers))
    assert names <= ordered_w(0).keys() and not names & ordered_w(9).keys()
    assert len(ordered_w(9)) == MANY - non_responding
    delivered = [
        (before - after) / sum(ordered_w(step).values())
        for step, (before, after) in enumerate(zip(PROFILE, area.imbalance_w, strict=True))
    ]
    assert delivered[1] < 1 - 0.9 * non_responding / MANY and delivered[9] == pytest.approx(1, abs=0.01), (
        "once they are known, others do it"
    )


@on_sqlite
def test_an_opt_out_excludes_until_the_event_is_over_and_is_no_fault(neighbourhood: Make) -> None:
    area, opting_out, name = neighbourhood(), [0], peers.lfdi(1)
    exclusions: list[dict[str, str]] = []

    def during(step: int) -> None:
        set_faults(area, opting_out, Faults(opt_out=1.0) if step == 1 else NONE)
        if step == 1:
            area.run_until(BEGIN + 2 * QUARTER - LEAD - 60)
            exclusions.append(excluded())
            first, second = (client.model.injection_w for client in area.clients[:2])
            assert abs(first) < 1 < abs(second)
            row = participation(0)
            assert row is not None and row.opted_out_until == BEGIN + 2 * QUARTER
    area.run(PROFILE, during)
    assert exclusions == [{name: "opted out"}]
    assert name in ordered_w(1) and name not in ordered_w(2) and name in ordered_w(4)
    assert Share.select().join(Order).where(Share.lfdi == name, Order.start >= BEGIN + QUARTER,
                                            Order.start < BEGIN + 2 * QUARTER).count() == 1
    row = participation(0)
    assert row is not None and row.response_rate > 0.999 and row.non_responding_since is None
    assert area.rms_cut > 0.95 * WELL


@on_sqlite
def test_no_reserve_is_broken_where_what_is_stored_is_known_late(neighbourhood: Make) -> None:
    area = neighbourhood(transport=Late)
    area.run(np.array([2800.0 * MANY] * 5))
    assert min(area.lowest_soc) >= RESERVE - 0.005
    assert min(area.lowest_soc) < RESERVE + 0.1, "and what was there has been used"


@on_sqlite
def test_a_rating_wrong_by_two_is_put_right_by_what_is_measured(neighbourhood: Make) -> None:
    area = neighbourhood([Overrated] * (MANY // 2) + [RestingBattery] * (MANY // 2))
    area.run(np.array([700.0 * MANY] * 11), coming=1.5)
    assert min(area.imbalance_w[:2]) > 125 * MANY
    assert max(map(abs, area.imbalance_w[-3:])) < 0.2 * min(area.imbalance_w[:2])
    wrong, right = participation(0), participation(MANY - 1)
    assert wrong is not None and wrong.response_rate < 0.7 and (right is None or right.response_rate > 0.99)


@on_sqlite
def test_clocks_that_are_off_by_a_minute_cost_little(neighbourhood: Make) -> None:
    area = neighbourhood()
    for sign in (1, -1):
        set_faults(area, range(sign > 0, MANY, 2), Faults(skew_s=60.0 * sign))
    area.run(PROFILE)
    assert [round(client.now - clock.now()) for client in area.clients] == [-60, 60] * (MANY // 2)
    assert area.rms_cut > WELL - 0.05 and not excluded()


@on_sqlite
def test_who_leaves_its_group_during_an_event_follows_no_longer(neighbourhood: Make) -> None:
    area, name = neighbourhood(), peers.lfdi(1)
    powers: list[tuple[float, float]] = []

    def during(step: int) -> None:
        if step == 1:
            assert abs(area.clients[0].model.injection_w) > 500
            enrolment.relabel(Enrolled.get(Enrolled.lfdi == name), {"feeder": "F2"})
            area.run_until(BEGIN + QUARTER + 60 + LEAD + 60)
            powers.append((area.clients[0].model.injection_w, area.clients[1].model.injection_w))
    area.run(PROFILE, during)
    (moved, stays), = powers
    assert abs(moved) < 1 < 500 < abs(stays)
    assert name in ordered_w(1) and not any(name in ordered_w(step) for step in range(2, len(PROFILE)))
    assert area.clients[0].model.injection_w == 0 and len(ordered_w(2)) == MANY - 1
    assert area.rms_cut > 0.95 * WELL


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_faults_that_come_together_are_told_apart(neighbourhood: Make) -> None:
    """One does not respond, one opts out of the second step, two clocks are off, one leaves in the fourth."""
    area, steps = neighbourhood(), 6
    silent, opting, ahead, behind, leaving = range(5)
    set_faults(area, [silent], Faults(non_responding=True))
    set_faults(area, [ahead], Faults(skew_s=60.0))
    set_faults(area, [behind], Faults(skew_s=-60.0))
    exclusions: list[dict[str, str]] = []

    def during(step: int) -> None:
        set_faults(area, [opting], Faults(opt_out=1.0) if step == 1 else NONE)
        if step == 1:
            area.run_until(BEGIN + 2 * QUARTER - LEAD - 60)
            exclusions.append(excluded())
        if step == 3:
            enrolment.relabel(Enrolled.get(Enrolled.lfdi == peers.lfdi(leaving + 1)), {"feeder": "F2"})
    area.run(PROFILE[:steps], during)
    assert exclusions[0][peers.lfdi(opting + 1)] == "opted out"
    assert excluded() == {peers.lfdi(silent + 1): "not responding"}
    ordered = [{number for number in range(MANY) if peers.lfdi(number + 1) in ordered_w(step)}
               for step in range(steps)]
    assert [opting in numbers for numbers in ordered] == [True, True, False, True, True, True]
    assert [leaving in numbers for numbers in ordered] == [True] * 4 + [False] * 2
    assert silent in ordered[0] and silent not in ordered[-1]
    assert area.clients[leaving].model.injection_w == 0
    row, clocks = participation(opting), (participation(ahead), participation(behind))
    assert row is not None and row.opted_out_until == BEGIN + 2 * QUARTER and row.non_responding_since is None
    assert all(each is None or each.non_responding_since is None for each in clocks)
    assert [ordered[-1], area.rms_cut > 0.7] == [{*range(MANY)} - {silent, leaving}, True]
