"""Orders with an event for each device: published some at a time, gone on with, cancelled in between."""
from __future__ import annotations

from typing import Any

import pytest

from server import clock, worker
from server.devices import enrolment
from server.errors import Refused
from server.grid.dispatch import orderchanges, orderwork
from server.grid.groups import virtualders
from server.grid.reports import orderprogress
from server.models import DispatchOrder, Share
from server.resources import parts, store
from server.resources.codes import EventStatus
from tests.ordered import create_order
from tests.server.grid.dispatch.test_orders import controls_of, street  # noqa: F401


class Killed(BaseException):
    """Ends a process in the middle."""


@pytest.fixture
def interrupted(street: list[Any], monkeypatch: pytest.MonkeyPatch) -> int:  # noqa: F811
    """An order whose maker was killed after the control of the first of three batteries."""
    monkeypatch.setattr(orderwork, "TOGETHER", 1)
    monkeypatch.setattr(parts, "MOST", 1)

    def kill(done: int, total: int) -> None:
        assert (done, total) == (1, 3)
        raise Killed
    with pytest.raises(Killed):
        create_order("street", 900, clock.now() + 300, watts=3000, addressing="device", progress=kill)
    return int(DispatchOrder.get().id)


def told(homes: list[Any]) -> list[int]:
    """How many controls each device finds."""
    return [len(controls_of(home)) for home in homes]


def test_it_is_consistent_in_between(interrupted: int, street: list[Any]) -> None:  # noqa: F811
    assert orderprogress.show(interrupted)["status"] == "publishing"
    assert sorted(told(street)) == [0, 0, 1]
    shares = list(Share.select().order_by(Share.lfdi))
    assert [bool(share.event_href) for share in shares] == [share.pending is None for share in shares]
    assert [share.planned_w for share in shares] == [1000, 1000, 1000]
    with pytest.raises(Refused, match="is publishing"):
        orderchanges.extend(interrupted, 900)


def test_the_worker_goes_on(interrupted: int, street: list[Any]) -> None:  # noqa: F811
    worker.forget()
    assert worker.turn() >= 2
    assert told(street) == [1, 1, 1] and orderprogress.show(interrupted)["status"] == "scheduled"
    assert all(share.event_href and share.mrid and share.pending is None for share in Share.select())
    assert orderwork.finish_all() == 0


def test_it_can_be_cancelled_in_between(interrupted: int, street: list[Any]) -> None:  # noqa: F811
    assert orderchanges.cancel(interrupted)["status"] == "cancelled"
    control = store.get(Share.get().event_href)
    assert control.status["currentStatus"] == EventStatus.CANCELLED
    assert orderwork.finish_all() == 0 and sum(told(street)) == 1
    with pytest.raises(Refused, match="nothing of it is left"):
        orderchanges.cancel(interrupted)


def test_a_cancellation_is_gone_on_with(
    street: list[Any], monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    order = create_order("street", 900, clock.now() + 300, watts=3000, addressing="device")
    monkeypatch.setattr(orderwork, "TOGETHER", 1)
    monkeypatch.setattr(parts, "MOST", 1)

    def kill(done: int, total: int) -> None:
        raise Killed
    with pytest.raises(Killed):
        orderchanges.cancel(order["id"], reason="storm", progress=kill)

    def statuses() -> list[int]:
        return sorted(store.get(control["href"]).status["currentStatus"] for control in order["controls"])
    assert statuses() == [0, 0, EventStatus.CANCELLED]
    assert orderprogress.show(order["id"])["status"] == "cancelled"
    assert orderwork.finish_all() == 2 and statuses() == [EventStatus.CANCELLED] * 3
    assert store.get(order["controls"][2]["href"]).status["reason"] == "storm"


def test_what_is_too_late_is_left_out(interrupted: int, street: list[Any]) -> None:  # noqa: F811
    clock.advance(1200)
    orderwork.finish_all()
    assert [share.planned_w for share in Share.select()] == [1000], "who was told is who has a share"
    assert orderprogress.show(interrupted)["status"] == "over" and orderwork.finish_all() == 0


def test_a_device_that_is_gone_is_left_out(interrupted: int, street: list[Any]) -> None:  # noqa: F811
    pending = [share.lfdi for share in Share.select() if share.pending is not None]
    enrolment.remove(enrolment.find(pending[0]))
    orderwork.finish_all()
    assert sum(told([home for home in street if home.lfdi != pending[0]])) == 2
    assert pending[0] not in [share.lfdi for share in Share.select()]


def test_another_order_in_between_is_whole(interrupted: int, street: list[Any]) -> None:  # noqa: F811
    second = create_order("street", 900, clock.now() + 300, watts=1500, addressing="device")
    assert second["status"] == "scheduled" and len(second["controls"]) == 3
    clock.advance(60)
    orderwork.finish_all()
    assert orderprogress.show(second["id"])["status"] == "scheduled", "what was ordered later holds"
    assert [store.get(share.event_href).status["potentiallySuperseded"] for share in Share.select().where(
        Share.order == second["id"])] == [False] * 3


def test_a_group_is_told_at_once(street: list[Any]) -> None:  # noqa: F811
    reports: list[tuple[int, int]] = []
    create_order("street", 900, clock.now() + 300, watts=3000,
                 progress=lambda done, total: reports.append((done, total)))
    assert told(street) == [1, 1, 1] and not reports and DispatchOrder.get().work is None
    assert virtualders.find("street").program in Share.get().event_href


def test_what_a_group_was_told_is_cancelled_at_once(
    street: list[Any], monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    """However many members it has, and without a transaction for some of them after the other."""
    monkeypatch.setattr(orderwork, "TOGETHER", 1)
    monkeypatch.setattr(parts, "MOST", 1)
    order = create_order("street", 900, clock.now() + 300, watts=3000)
    reports: list[tuple[int, int]] = []
    orderchanges.cancel(order["id"], progress=lambda done, total: reports.append((done, total)))
    assert store.get(order["controls"][0]["href"]).status["currentStatus"] == EventStatus.CANCELLED
    assert not reports and DispatchOrder.get().work is None


def test_only_what_is_pending_is_published_afterwards(
    street: list[Any], monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:
    monkeypatch.setattr(orderwork, "TOGETHER", 1)
    monkeypatch.setattr(parts, "MOST", 1)
    number = create_order("street", 900, clock.now() + 300, watts=3000)["id"]
    DispatchOrder.update(work=orderwork.publication()).where(DispatchOrder.id == number).execute()
    assert orderwork.finish(number) == 0 and told(street) == [1, 1, 1]
