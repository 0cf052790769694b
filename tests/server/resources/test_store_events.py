"""Events as they are kept: their status at the right instant, their neighbours, what is listed."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server import clock
from server.errors import Refused
from server.models import Document
from server.resources import codec, eventlists, refresh, render, retrieve, sql, store
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
W = {"opModMaxLimW": 5000}


@pytest.fixture
def program() -> str:
    return store.add("DERProgram", "/derp", {"primacy": 1})


def control(
    program: str, start: int, duration: int = 100, base: dict[str, Any] | None = None, **more: Any
) -> str:
    """A control that starts so many seconds after NOON."""
    return store.add("DERControl", f"{program}/derc", {
        "interval": {"start": NOON + start, "duration": duration}, "DERControlBase": base or W, **more})


def status(href: str) -> tuple[int, int, bool]:
    """currentStatus, dateTime (after NOON), potentiallySuperseded, as they are served."""
    document = retrieve.single(href, None)
    assert document is not None
    event_status = codec.decode(codec.wrap(document.kind, document.body))[1]["EventStatus"]
    return event_status["currentStatus"], event_status["dateTime"] - NOON, event_status[
        "potentiallySuperseded"]


def listed(program: str, active: bool = False) -> int:
    return retrieve.page(retrieve.Selection(f"{program}/derc", active), None, 0, None, 99).all


def turn(seconds: int) -> None:
    clock.turn_to(NOON + seconds)
    refresh.run()


def test_it_is_scheduled_then_active_then_gone(program: str) -> None:
    href = control(program, 50)
    assert (status(href), listed(program), listed(program, active=True)) == ((0, 0, False), 1, 0)
    turn(49)
    assert status(href)[0] == 0 and not refresh.due()
    clock.turn_to(NOON + 50)
    assert refresh.due()
    refresh.run()
    assert (status(href), listed(program, active=True), refresh.due()) == ((1, 50, False), 1, False)
    turn(150)
    assert (listed(program), listed(program, active=True)) == (0, 0)
    assert [document.href for document in store.items(f"{program}/derc", ended=True)] == [href]


def test_who_looks_late_finds_the_instant_of_the_rule(program: str) -> None:
    href = control(program, 50)
    turn(120)
    assert status(href) == (1, 50, False)


def test_a_newer_control_supersedes_at_its_start(program: str) -> None:
    old, apart = control(program, 0, 1000), control(program, 5000)
    turn(10)
    new = control(program, 100)
    assert (status(old), status(new), status(apart)) == ((1, 0, False), (0, 10, False), (0, 0, False))
    turn(100)
    assert (status(old)[:2], status(new)[:2]) == ((4, 100), (1, 100))
    turn(200)
    assert status(old)[:2] == (4, 100) and listed(program) == 2


def test_a_superseded_control_stays_so_when_the_newer_one_is_removed(program: str) -> None:
    old = control(program, 0, 1000)
    turn(10)
    new = control(program, 100)
    turn(100)
    store.remove(new)
    assert status(old)[:2] == (4, 100)


def test_before_that_removal_gives_the_older_one_back(program: str) -> None:
    old = control(program, 0, 1000)
    turn(10)
    store.remove(control(program, 100))
    assert status(old) == (1, 0, False)


def test_cancel_now_later_randomized(program: str) -> None:
    now, later, randomized = (control(program, start) for start in (50, 200, 400))
    store.cancel(now)
    store.cancel(later, NOON + 230)
    store.cancel(randomized, randomized=True, reason="because")
    assert (status(now)[:2], status(later)[0], status(randomized)[:2]) == ((2, 0), 0, (3, 0))
    turn(220)
    assert status(later)[0] == 1
    turn(230)
    assert status(later)[:2] == (2, 230) and listed(program) == 2
    document = store.get(randomized)
    assert document is not None and document.status["reason"] == "because"


def test_what_is_over_or_no_event_is_not_cancelled(program: str) -> None:
    href = control(program, 0)
    turn(1000)
    for wrong, number in ((href, 409), (program, 404), ("/derp/99/derc/1", 404)):
        with pytest.raises(Refused) as refused:
            store.cancel(wrong)
        assert refused.value.status == number


def test_a_control_that_is_moved_frees_whom_it_stood_over(program: str) -> None:
    old = control(program, 0, 100)
    turn(10)
    new = control(program, 50, 100, {**W, "opModConnect": True})
    assert status(old)[2]
    document = store.get(new)
    assert document is not None
    store.put(new, {**document.submitted, "interval": {"start": NOON + 500, "duration": 100}})
    assert status(old) == (1, 0, False)


def test_other_event_types_keep_the_same_rules() -> None:
    store.put("/dr/1", {"mRID": "01", "primacy": 1, "description": "d"})
    data = {
        "interval": {"start": NOON + 10, "duration": 60},
        "drProgramMandatory": False,
        "loadShiftForward": False,
        "deviceCategory": "00000001",
    }
    href = store.add("EndDeviceControl", "/dr/1/edc", data)
    turn(10)
    assert status(href)[:2] == (1, 10)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 60),
            st.integers(0, 30),
            st.sampled_from(["opModMaxLimW", "opModFixedW"]),
            st.integers(0, 9),
            st.sampled_from(["", "cancel", "remove"]),
        ),
        min_size=1,
        max_size=7,
    )
)
def test_judging_neighbours_alone_is_judging_all(
    program: str, steps: list[tuple[int, int, str, int, str]]
) -> None:
    clock.turn_to(NOON)
    sql.execute("DELETE FROM document WHERE parent = ?", f"{program}/derc")
    sql.execute("DELETE FROM counter WHERE name LIKE ?", "% created")
    for start, duration, mode, wait, then in steps:
        href = control(program, start, duration, {mode: 1000})
        turn(clock.now() - NOON + wait)
        document = store.get(href)
        if then == "remove":
            store.remove(href)
        elif then and document is not None and document.visibility != Document.EXPIRED:
            store.cancel(href)
        assert not render.reevaluate_list(f"{program}/derc")


def test_a_control_looks_only_at_its_neighbours(program: str) -> None:
    def neighbours(start: int, end: int) -> set[str]:
        listed, = eventlists._neighbours({f"{program}/derc": [(NOON + start, NOON + end)]}).values()
        return {document.href for document in listed}

    hrefs = [control(program, 1000 * number) for number in range(1, 40)]
    assert neighbours(5050, 5060) == {hrefs[4]}
    bridge = control(program, 5050, 2000)
    assert neighbours(5000, 5001) == {*hrefs[4:7], bridge}
    instant = control(program, 20500, 0)
    assert neighbours(20500, 20500) == {instant}
