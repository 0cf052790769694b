"""Operating envelopes: put, published in bulk and topped up, replaced, cleared; what devices see of them."""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from server import clock, worker
from server.config import settings
from server.errors import Refused
from server.grid.controls import dercontrols, envelopepublication, operatingenvelopes
from server.grid.dispatch import stops
from server.grid.groups import virtualders
from server.grid.series import envelopes
from server.grid.series.intervals import Span
from server.models import PointEnvelope, VirtualDER
from server.resources.codes import EventStatus
from tests.server.grid.conftest import FIXED_W, MAX_LIM_W
from tests.server.grid.dispatch.test_orders import controls_of

EXPORT, MAX = "csipaus:opModExpLimW", "opModMaxLimW"
STEP = 300


@pytest.fixture
def site(battery: Callable[..., Any], panels: Callable[..., Any]) -> list[Any]:
    """A battery that takes limits of its connection point, and an inverter that takes a share of its
    rating."""
    settings.profile = "csip-aus"
    homes = [battery(1), panels(2, modes=MAX_LIM_W)]
    rated = {"multiplier": 0, "value": 5000}
    homes[0].put("dercap", "DERCapability", {
        "modesSupported": f"{FIXED_W:08X}", "rtgMaxW": rated, "rtgMaxChargeRateW": rated, "type": 80,
        "csipaus:doeModesSupported": "0F"})
    virtualders.create("street", primacy=80, members=["d1", "d2"])
    return homes


def table(values: list[float | None], column: str = "export_limit", start: int = 0, point: str = "") -> str:
    rows = [f"start,{'connection_point,' if point else ''}{column}"]
    for number, value in enumerate(values):
        at = datetime.fromtimestamp(clock.now() + start + number * STEP, UTC).strftime("%Y-%m-%dT%H:%MZ")
        rows.append(",".join(filter(None, (at, point))) + f",{'' if value is None else value}")
    return "\n".join(rows)


def put(text: str, target: str | None = "d1", **options: Any) -> dict[str, Any]:
    return dict(operatingenvelopes.put(text, "doe.csv", target, step_s=STEP, **options))


def in_force(home: Any, mode: str = EXPORT) -> list[Any]:
    """The values of a mode in the active controls that a device finds, of the strongest program first."""
    return [base[mode] for _, base, status in seen(home) if mode in base and status == EventStatus.ACTIVE]


def seen(home: Any) -> list[tuple[int, dict[str, Any], int]]:
    found = []
    for assignment in home.client.get(f"/edev/{home.device.id}/fsa?l=9").data["FunctionSetAssignments"]:
        for program in home.client.get(assignment["DERProgramListLink"]["href"] + "?l=9").data["DERProgram"]:
            listed = home.client.get(program["DERControlListLink"]["href"] + "?l=255").data
            found += [(program["primacy"], control["DERControlBase"], control["EventStatus"]["currentStatus"])
                      for control in listed.get("DERControl", [])]
    return sorted(found, key=lambda control: control[0])


def scheduled(home: Any) -> int:
    return len([status for _, _, status in seen(home) if status <= EventStatus.ACTIVE])


def w(value: int) -> dict[str, int]:
    return {"multiplier": 0, "value": value}


def test_a_device_is_told_and_no_more_than_it_can_hold(site: list[Any]) -> None:
    result = put(table([float(1000 + number) for number in range(288)]))
    assert (result["points"], result["step_s"], result["replaced"]) == ("d1", STEP, 0)
    assert result["told"] == [{"limit": "export_limit", "modes": EXPORT, "connection_points": 1}]
    assert scheduled(site[0]) == envelopepublication.AHEAD and scheduled(site[1]) == 0
    assert in_force(site[0]) == [w(1000)]
    row, = operatingenvelopes.list_envelopes()
    assert (row["connection_point"], row["export_limit_w"], row["published"]) == ("d1", 1000, 24)
    assert row["published_until_at"] == clock.now() + 24 * STEP and row["end"] == clock.now() + 288 * STEP


def test_the_worker_tops_it_up_all_day(site: list[Any]) -> None:
    put(table([float(1000 + number) for number in range(288)]))
    for quarter in range(1, 96):
        clock.advance(900)
        worker.turn()
        assert in_force(site[0]) == [w(1000 + 3 * quarter)]
        assert min(12, 288 - 3 * quarter) <= scheduled(site[0]) <= 24
    clock.advance(900)
    worker.turn()
    assert scheduled(site[0]) == 0 and not PointEnvelope.select().exists()


def test_equal_steps_are_one_control(site: list[Any]) -> None:
    put(table([1000.0] * 100 + [None] * 50 + [0.0] * 138))
    assert scheduled(site[0]) == 2
    clock.advance(120 * STEP)
    assert in_force(site[0]) == []
    clock.advance(31 * STEP)
    assert in_force(site[0]) == [w(0)]


def test_a_newer_file_takes_its_place_where_it_reaches(site: list[Any]) -> None:
    put(table([1000.0] * 6 + [2000.0] * 6))
    clock.advance(2 * STEP)
    put(table([500.0] * 2, start=STEP), dry_run=True)
    assert in_force(site[0]) == [w(1000)] and scheduled(site[0]) == 2
    result = put(table([500.0] * 2, start=STEP))
    assert result["replaced"] == 1
    shown = operatingenvelopes.show("d1")
    assert [(row["end"] - row["start"], row["export_limit_w"]) for row in shown["segments"]] == [
        (STEP, 1000), (2 * STEP, 500), (STEP, 1000), (6 * STEP, 2000)]
    assert all(row["control"] for row in shown["segments"])
    limits = []
    for _ in range(10):
        limits += in_force(site[0])
        clock.advance(STEP)
    assert limits == [w(1000), w(500), w(500), w(1000), *[w(2000)] * 6]


def test_a_device_that_takes_no_such_limit_is_told_a_share_of_its_rating(site: list[Any]) -> None:
    result = put(table([1500.0]), "d2")
    assert result["told"][0]["modes"] == MAX and in_force(site[1], MAX) == [2500]
    load = put(table([1500.0], "load_limit"), "d2")
    assert not load["untold"], "an inverter is no load"


def test_a_virtual_der_is_one_connection_point(site: list[Any]) -> None:
    result = put(table([3000.0]), "street")
    assert {row["modes"] for row in result["told"]} == {f"{EXPORT}, {MAX}"} and not result["untold"]
    assert in_force(site[0]) == in_force(site[1]) == [w(3000)]
    assert in_force(site[1], MAX) == [2727], "of the 11 kW of both"


def test_many_points_in_one_file(site: list[Any]) -> None:
    text = table([1000.0, 1200.0], point="d1") + "\n" + "\n".join(table([800.0], point="d2").splitlines()[1:])
    result = put(text, None)
    assert result["points"] == "2 connection points" and scheduled(site[0]) == 2 and scheduled(site[1]) == 1
    assert VirtualDER.select().where(VirtualDER.device.is_null(False)).count() == 2
    put(text, None)
    assert scheduled(site[0]) == 2, "the same again changes nothing"


@pytest.mark.parametrize("text, target, why", [
    ("start,export_limit\n2025-06-15T11:00Z,1\n", "d1", "ends at .* which is past"),
    ("start,export_limit\n2027-06-15T11:00Z,1\n", "d1", "a year ahead is possible"),
    ("start,export_limit\n2025-06-15T12:00Z,1\n", None, "no column connection_point"),
    ("start,connection_point,export_limit\n2025-06-15T12:00Z,d1,1\n", "d1", "leave out d1"),
    ("start,connection_point,export_limit\n2025-06-15T12:00Z,nobody,1\n", None, "line 2: .*nobody"),
    ("start,connection_point,export_limit\n2025-06-15T12:00Z,d1,1\n2025-06-15T12:00Z,{lfdi},1\n", None,
     "the same connection point as d1"),
])
def test_a_file_that_does_not_fit_is_refused_as_a_whole(
    site: list[Any], text: str, target: str | None, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        put(text.replace("{lfdi}", site[0].lfdi), target)
    assert not PointEnvelope.select().exists()


def test_a_name_of_a_device_and_of_a_virtual_der_is_ambiguous(site: list[Any]) -> None:
    virtualders.create("d1")
    with pytest.raises(Refused, match="write the LFDI of the device"):
        put(table([1.0]))
    put(table([1000.0]), site[0].lfdi)
    assert in_force(site[0]) == [w(1000)]


def test_who_cannot_be_told_is_said(site: list[Any], panels: Callable[..., Any]) -> None:
    panels(3, modes=FIXED_W)
    result = put(table([1000.0]), "d3")
    assert result["untold"] == [{"connection_point": "d3", "limit": "export_limit", "members": 1}]
    assert result["warnings"] == ["1 of 1 connection points have members that cannot be told a limit"]


def test_it_ends_when_it_is_cleared(site: list[Any]) -> None:
    put(table([1000.0, 2000.0, 3000.0]))
    cleared = operatingenvelopes.clear("d1", clock.now() + STEP)
    assert cleared["end"] == clock.now() + STEP and scheduled(site[0]) == 1
    operatingenvelopes.clear("d1", dry_run=True)
    assert scheduled(site[0]) == 1
    operatingenvelopes.clear("d1")
    assert scheduled(site[0]) == 0 and not PointEnvelope.select().exists()
    with pytest.raises(Refused, match="d1 has no operating envelope"):
        operatingenvelopes.show("d1")


def test_a_stop_holds_above_it_and_it_comes_back(site: list[Any]) -> None:
    put(table([1000.0] * 4 + [2000.0] * 4))
    stops.stop("street")
    clock.advance(4 * STEP)
    worker.turn()
    assert in_force(site[0])[0] == w(0)
    stops.resume("street")
    worker.turn()
    active = [control for control in dercontrols.list_controls() if control["status"] == "active"]
    assert [control["base"] for control in active] == [{EXPORT: w(2000)}]
    assert active[0]["since"] >= clock.now() - 4 * STEP


def test_plans_know_it(site: list[Any]) -> None:
    put(table([1000.0] * 3 + [2000.0] * 3), "street")
    street = virtualders.find("street")
    segments = envelopes.segments([street.id], clock.now())[street.id]
    least_w = envelopes.least(segments, ["export_limit"], Span(clock.now(), 3, 900, clock.now()))
    assert least_w.tolist() == [1000, 2000, float("inf")]


class Killed(BaseException):
    """Ends a process in the middle."""


def test_the_worker_goes_on_where_the_command_was_killed(
    site: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelopepublication, "TOGETHER", 1)

    def kill(done: int, total: int) -> None:
        assert (done, total) == (1, 2)
        raise Killed
    text = table([1000.0], point="d1") + "\n" + "\n".join(table([800.0], point="d2").splitlines()[1:])
    with pytest.raises(Killed):
        put(text, None, progress=kill)
    assert sorted(map(scheduled, site)) == [0, 1]
    worker.forget()
    worker.turn()
    assert list(map(scheduled, site)) == [1, 1]


def test_what_an_order_has_superseded_is_published_again(site: list[Any]) -> None:
    put(table([1500.0] * 12), "d2")
    program = VirtualDER.get(VirtualDER.device == site[1].device.id).program
    clock.advance(1)
    dercontrols.publish(program, {MAX: 1000}, dercontrols.event_fields(60))
    assert in_force(site[1], MAX) == [1000]
    clock.advance(899)
    worker.turn()
    assert in_force(site[1], MAX) == [2500]
    assert controls_of(site[1])
