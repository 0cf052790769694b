"""Many items at once: the same documents as one by one, by a number of statements that hardly grows."""
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server import clock
from server.devices import enrolment
from server.errors import Refused
from server.models import NOBODY
from server.resources import sql, store
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
MODES = ({"opModMaxLimW": 5000}, {"opModFixedW": 2000}, {"opModConnect": True, "opModMaxLimW": 10})


def control(number: int, start: int, duration: int, mode: int) -> dict[str, Any]:
    return {"mRID": f"{number:032X}", "interval": {"start": NOON + start, "duration": duration},
            "DERControlBase": MODES[mode]}


def documents(programs: list[str]) -> list[Any]:
    """The controls of these programs and the programs, without their own numbers."""
    rows = []
    for place, program in enumerate(programs):
        for href, body, *columns in sql.rows(
                "SELECT href, body, audience, mrid, sort, at, until, visibility, fresh_until, status, "
                "submitted FROM document WHERE parent = ? OR href = ? ORDER BY href",
                f"{program}/derc", program):
            own_set = f'"/rsps/{8 * int(program.rpartition("/")[2])}/'
            body = bytes(body).decode().replace(f"{program}/", "/").replace(own_set, '"/rsps/')
            if href == program:
                body, columns = body.partition("<ActiveDERControlListLink")[2], []
            rows.append((place, href.removeprefix(program), body, *columns))
    return rows


CONTROLS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(1, 20), st.integers(0, 2)),
                    max_size=8)


@given(before=CONTROLS, new=CONTROLS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_they_are_as_if_added_one_by_one(before: list[Any], new: list[Any]) -> None:
    sides = [[store.add("DERProgram", "/derp", {"primacy": 1}) for _ in range(3)] for _ in range(2)]
    for side in sides:
        for number, (place, *of_control) in enumerate(before):
            store.add("DERControl", f"{side[place]}/derc", control(number, *of_control))
    items = [[(f"{side[place]}/derc", control(100 + number, *of_control))
              for number, (place, *of_control) in enumerate(new)] for side in sides]
    hrefs = store.add_all("DERControl", items[0])
    one_by_one = [store.add("DERControl", *item) for item in items[1]]
    assert [href.split("/")[3:] for href in hrefs] == [href.split("/")[3:] for href in one_by_one]
    assert documents(sides[0]) == documents(sides[1])
    for side in sides:
        for program in side:
            store.remove(program)


def test_a_wrong_one_leaves_none() -> None:
    program = store.add("DERProgram", "/derp", {"primacy": 1})
    items = [(f"{program}/derc", control(number, 0, 10, 0)) for number in range(3)]
    items[1][1]["DERControlBase"] = {"opModMaxLimW": 70000}
    with pytest.raises(Refused):
        store.add_all("DERControl", items)
    assert documents([program]) == documents([store.add("DERProgram", "/derp", {"primacy": 1})])


def test_they_inherit_audiences_and_have_what_they_must_link_to() -> None:
    devices = [enrolment.enrol(f"{number:040X}", pin=111115) for number in (1, 2)]
    lists = [f"{enrolment.href(device)}/fsa" for device in devices]
    hrefs = store.add_all("FunctionSetAssignments", [(href, {"description": "x"}) for href in lists])
    assert [store.get(href).audience for href in hrefs] == [device.lfdi for device in devices]
    customer, = store.add_all("CustomerAccount", [
        ("/bill/1/ca", {"currency": 840, "description": "x", "pricePowerOfTenMultiplier": 0})])
    assert store.get(customer).audience == NOBODY


def test_statements_hardly_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = [store.add("DERProgram", "/derp", {"primacy": 1}) for _ in range(100)]
    executed: list[str] = []
    original = sql.execute

    def execute(text: str, *values: Any) -> Any:
        if not text.startswith("PRAGMA"):  # after a long transaction
            executed.append(text)
        return original(text, *values)

    monkeypatch.setattr(sql, "execute", execute)
    counts = []
    for many in (10, 100):
        clock.advance(1)  # within a second it would have to look for others
        executed.clear()
        store.add_all("DERControl", [(f"{href}/derc", control(7, 0, 10, 0)) for href in programs[:many]])
        counts.append(len(executed))
    assert counts[0] == counts[1] < 20
