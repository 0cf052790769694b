"""An area kept in balance whose devices are at fault: silent, tired, late, overrated, out of time, or gone
elsewhere.

Twenty batteries, each a real client of the device interface in this process, run in stepped time; the balance
decides each step a poll ahead, and hears what was really measured. SQLite and PostgreSQL see the same
requests: see `server`.
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
from server import audit, clock
from server.config import settings
from server.devices import enrolment, identity, lastcontact
from server.grid.balance import areasettings, controller
from server.grid.fleet import fleetstate
from server.grid.groups import virtualders
from server.grid.series import signals
from server.models import Balance
from server.models import Device as Enrolled
from server.models import DispatchOrder as Asked
from server.models import Participation, Share
from tests import peers
from tests.clients.inprocess import InProcess
from tests.conftest import NOON
from tests.load.grid.devicemodels import EMPTY_SITE, QUARTER, RestingBattery

AREA, MANY, LEAD = "town", 20, 300
BEGIN = NOON + 2 * QUARTER
LATE = 1800
RESERVE = 0.1  # of the server's settings: these batteries keep none of their own accord
PROFILE = np.array([20, 28, 16, -24, -32, -16, 20, 28, -20, -28], dtype=float) * 1000
Floats = np.ndarray


class Overrated(RestingBattery):
    """Says that it has twice the power it has."""

    def step(self, order: PowerOrder, now: float, seconds: float) -> Self:
        return super().step(
            order if order.target_w is None else order._replace(target_w=order.target_w / 2), now, seconds
        )


class Late(InProcess):
    """A line by way of somebody's cloud: what a DER says of its state arrives half an hour after it was
    said."""

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


class Town:
    """Who lives here, and what came of each step: `left`, `alone` (W, consumption +) and `lowest` state of
    charge."""

    def __init__(self, application: Flask, models: Sequence[DeviceModel], line: type[InProcess]):
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
                                       line(application, lfdi).connection(), clock=clock.precise))
        virtualders.create(AREA, rule="feeder = F1")
        self._wakes = dict.fromkeys(range(len(models)), 0.0)
        self.left: list[float] = []
        self.alone: list[float] = []
        self.lowest: list[float] = []

    def until(self, instant: float) -> None:
        while min(self._wakes.values()) <= instant:
            one = min(self._wakes, key=self._wakes.__getitem__)
            clock.turn_to(max(self._wakes[one], clock.precise()))
            self._wakes[one] = self.clients[one].step(clock.precise())
        clock.turn_to(instant)
        lastcontact.flush()

    def live(
        self, profile: Floats, during: Callable[[int], None] = lambda step: None, coming: float = 1.0
    ) -> None:
        """Live through a profile of imbalance, so many times its reverse still `coming`; `during(step)` is
        called a minute after a step has begun."""
        self.until(BEGIN - LEAD - 60)
        signals.put(AREA, "imbalance", [*profile, *(-coming * profile)] * 2, BEGIN, QUARTER)
        areasettings.set_automatic(AREA, on=True, horizon_steps=2 * len(profile), reserve=0.0)
        for step, wanted in enumerate(profile.tolist()):
            start = BEGIN + step * QUARTER
            self.until(start - LEAD)
            self._decide()
            self.until(start)
            before = self._given()
            self.until(start + 60)
            during(step)
            self.until(start + QUARTER - LEAD)
            if step + 1 < len(profile):
                self._decide()
            self.until(start + QUARTER)
            self.left.append(wanted - (self._given() - before) * 3600 / QUARTER)
            self.alone.append(wanted)
            self.lowest.append(min(client.model.soc or 0.0 for client in self.clients))
            signals.push(AREA, "measured", self.left[-1], start, QUARTER, issue_interval_s=QUARTER)
        self.until(BEGIN + len(profile) * QUARTER + 60)

    @staticmethod
    def _decide() -> None:
        with audit.acting("test"):
            controller.run_due()

    def _given(self) -> float:
        return sum(client.model.injected_wh - client.model.absorbed_wh for client in self.clients)

    @property
    def cut(self) -> float:
        """The part by which the imbalance's root of the mean square was lowered."""
        return 1 - float(np.linalg.norm(self.left) / np.linalg.norm(self.alone))


Make = Callable[..., Town]


@pytest.fixture
def town(server: None, application: Flask) -> Make:
    settings.poll_rate, settings.post_rate = LEAD, QUARTER

    def made(
        kinds: Sequence[type[RestingBattery]] = (RestingBattery,) * MANY,
        line: type[InProcess] = InProcess,
    ) -> Town:
        return Town(
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
            line,
        )
    return made


def behave(town: Town, numbers: Sequence[int], faults: Faults) -> None:
    for number in numbers:
        town.clients[number].set_faults(faults)


def asked(step: int) -> dict[str, float]:
    """By LFDI, what was asked of each in a step."""
    return {share.lfdi: share.planned_w for share in Share.select(Share, Asked).join(Asked).where(
        Asked.start == BEGIN + step * QUARTER)}


def left_out() -> dict[str, str]:
    """By LFDI, who is left out now and why."""
    out = fleetstate.read(virtualders.find(AREA), clock.now()).excluded
    return {row.lfdi: out[row.id] for row in Enrolled.select() if row.id in out}


def conduct(number: int) -> Participation | None:
    return Participation.select().join(Enrolled).where(Enrolled.lfdi == peers.lfdi(number + 1)).first()


WELL = 0.88


def test_all_do_what_they_are_asked_for(town: Make) -> None:
    """What the others are held against."""
    whole = town()
    whole.live(PROFILE)
    assert whole.cut > WELL and not left_out() and Balance.get().last_error == ""


@pytest.mark.parametrize("mute, least", [(2, 0.7 * WELL), (6, 0.6)])
def test_what_silent_ones_do_not_do_others_do(town: Make, mute: int, least: float) -> None:
    whole, numbers = town(), range(mute)
    behave(whole, numbers, Faults(non_responding=True))
    whole.live(PROFILE)
    assert whole.cut > least
    names = {peers.lfdi(number + 1) for number in numbers}
    assert left_out() == dict.fromkeys(names, "not responding")
    assert all(row is not None and row.non_responding_since for row in map(conduct, numbers))
    assert names <= asked(0).keys() and len(asked(9)) == MANY - mute and not names & asked(9).keys()
    done = [
        (wanted - left) / sum(asked(step).values())
        for step, (wanted, left) in enumerate(zip(PROFILE, whole.left, strict=True))
    ]
    assert done[1] < 1 - 0.9 * mute / MANY and done[9] == pytest.approx(1, abs=0.01), (
        "once they are known, others do it"
    )


def test_who_opts_out_is_left_alone_until_the_event_is_over_and_not_blamed(town: Make) -> None:
    whole, tired, name = town(), [0], peers.lfdi(1)
    found: list[dict[str, str]] = []

    def during(step: int) -> None:
        behave(whole, tired, Faults(opt_out=1.0) if step == 1 else NONE)
        if step == 1:
            whole.until(BEGIN + 2 * QUARTER - LEAD - 60)
            found.append(left_out())
            assert abs(whole.clients[0].model.injection_w) < 1 < abs(whole.clients[1].model.injection_w)
            row = conduct(0)
            assert row is not None and row.opted_out_until == BEGIN + 2 * QUARTER
    whole.live(PROFILE, during)
    assert found == [{name: "opted out"}]
    assert name in asked(1) and name not in asked(2) and name in asked(4)
    assert Share.select().join(Asked).where(Share.lfdi == name, Asked.start >= BEGIN + QUARTER,
                                            Asked.start < BEGIN + 2 * QUARTER).count() == 1
    row = conduct(0)
    assert row is not None and row.response_rate > 0.999 and row.non_responding_since is None
    assert whole.cut > 0.95 * WELL


def test_no_reserve_is_broken_where_what_is_stored_is_known_late(town: Make) -> None:
    whole = town(line=Late)
    whole.live(np.array([56_000.0] * 5))
    assert min(whole.lowest) >= RESERVE - 0.005
    assert min(whole.lowest) < RESERVE + 0.1, "and what was there has been used"


def test_a_rating_wrong_by_two_is_put_right_by_what_is_measured(town: Make) -> None:
    whole = town([Overrated] * (MANY // 2) + [RestingBattery] * (MANY // 2))
    whole.live(np.array([14_000.0] * 8), coming=1.5)
    assert min(whole.left[:2]) > 2500
    assert max(map(abs, whole.left[-3:])) < 0.2 * min(whole.left[:2])
    wrong, right = conduct(0), conduct(MANY - 1)
    assert wrong is not None and wrong.response_rate < 0.7 and (right is None or right.response_rate > 0.99)


def test_clocks_that_are_off_by_a_minute_cost_little(town: Make) -> None:
    whole = town()
    for sign in (1, -1):
        behave(whole, range(sign > 0, MANY, 2), Faults(skew_s=60.0 * sign))
    whole.live(PROFILE)
    assert [round(client.now - clock.now()) for client in whole.clients] == [-60, 60] * (MANY // 2)
    assert whole.cut > WELL - 0.05 and not left_out()


def test_who_leaves_its_group_during_an_event_follows_no_longer(town: Make) -> None:
    whole, name = town(), peers.lfdi(1)
    powers: list[tuple[float, float]] = []

    def during(step: int) -> None:
        if step == 1:
            assert abs(whole.clients[0].model.injection_w) > 500
            enrolment.relabel(Enrolled.get(Enrolled.lfdi == name), {"feeder": "F2"})
            whole.until(BEGIN + QUARTER + 60 + LEAD + 60)
            powers.append((whole.clients[0].model.injection_w, whole.clients[1].model.injection_w))
    whole.live(PROFILE, during)
    (gone, stays), = powers
    assert abs(gone) < 1 < 500 < abs(stays)
    assert name in asked(1) and not any(name in asked(step) for step in range(2, len(PROFILE)))
    assert whole.clients[0].model.injection_w == 0 and len(asked(2)) == MANY - 1
    assert whole.cut > 0.95 * WELL
