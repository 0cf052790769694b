"""The proof by a day sees members that never answered, and memory that grows."""
from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from server import clock
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.models import DispatchOrder, Share, db
from tests import peers
from tests.conftest import NOON
from tests.soak import day
from tests.soak.outcome import Outcome

STEADY = [(hour, 300.0, 2.0 + hour) for hour in (1.0, 2.0, 3.0, 4.0, 5.0)]
LEAKING = [(hour, 300.0 + 25 * hour, 2.0) for hour in (1.0, 2.0, 3.0, 4.0, 5.0)]


@pytest.fixture
def folder(device: peers.Peer, database: str, tmp_path: Path) -> Path:
    """A folder with the database of a demonstration: two events, of which a device answered one."""
    virtualders.create("street", members=["one"])
    for number, start in enumerate((NOON + 60, NOON + 3600)):
        event = dercontrols.post("street", {"opModConnect": True}, 600, start)
        order = DispatchOrder.create(vder=virtualders.find("street"), quantity="percent", value=1.0,
                                     addressing="broadcast", start=start, duration_s=600, created_at=NOON)
        share = {"lfdi": device.lfdi, "event_href": event["href"], "mrid": event["mrid"]}
        Share.create(order=order, **share)
        if number == 0:
            answer(device, event["mrid"])
    dercontrols.post("street", {"opModConnect": True}, 600, NOON + 86400)  # the last, which is not over
    clock.advance(2 * 86400)
    path = tmp_path / "day/var/demo"
    path.mkdir(parents=True)
    db.close()
    shutil.copy(database.partition(":///")[2], path / "demo.db")
    return tmp_path / "day"


def answer(device: peers.Peer, mrid: str) -> None:
    reply = device.post("/rsps/1/rsp", "DERControlResponse", {
        "createdDateTime": NOON, "endDeviceLFDI": device.lfdi, "status": 1, "subject": mrid})
    assert reply.status == 201


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_member_that_never_answered_is_counted(folder: Path) -> None:
    outcome = Outcome("a day", "")
    day._judge(outcome, STEADY, folder, "RMS imbalance 12 W")
    assert (outcome.lost, outcome.faults) == (1, []) and not outcome.passed
    assert outcome.figures["answers asked for"] == 2 and outcome.figures["result"] == "RMS imbalance 12 W"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_memory_that_grows_is_a_fault(folder: Path) -> None:
    outcome = Outcome("a day", "")
    day._judge(outcome, LEAKING, folder, "")
    assert outcome.faults == ["memory grows by 25.0 MB per simulated hour"]


def test_a_day_without_a_database_is_a_fault(tmp_path: Path) -> None:
    outcome = Outcome("a day", "")
    day._judge(outcome, [], tmp_path, "")
    assert outcome.faults == ["there is no database"]
