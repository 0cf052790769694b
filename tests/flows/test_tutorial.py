"""The tutorial: every command of its page is typed in that order, on the clock that it sets, but in steps."""
from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import peewee
import pytest

from clients.simulation.processpool import ProcessPool
from server import clock, worker
from server.config import settings
from server.models import Device
from tests.flows.server import ROOT, until
from tests.flows.test_front_page import Newcomer
from tests.test_docs import code

pytestmark = pytest.mark.flow

PAGE = ROOT / "docs" / "tutorial" / "README.md"
PREPARED = ("python3 -m venv", ".venv/bin/pip", "export PATH")
STEP_S, LEAD_S = 900, 300


class Reader(Newcomer):
    """A newcomer whose clock goes in steps: the worker is turned, and the devices poll, a few minutes before
    each quarter of an hour and when it begins."""
    devices: ProcessPool | None = None

    def type(self, text: str) -> None:
        """Do what a line of the page says, at the time of its comment. AssertionError if it fails."""
        time = re.search(r"# at (\d\d):(\d\d)$", text)
        if time:
            self.wait(int(time[1]) * 3600 + int(time[2]) * 60)
        if text.startswith("export COUNTERPOISE_CLOCK="):
            clock.stand_in(self.folder / "clock", float(text.rpartition("@")[2]))
            self.environment["COUNTERPOISE_CLOCK"] = clock.spec()
        elif text.startswith("export "):
            self.environment |= dict(word.split("=", 1) for word in text.split()[1:])
        elif text.startswith("counterpoise work"):
            pass  # `wait` turns it
        elif text.startswith("python -m clients"):
            self._start_devices(text)
        else:
            super().type(text)
            if text.startswith("counterpoise serve"):
                until(lambda: "devices are served" in self.running[0].text, why=lambda: self.running[0].text)

    def _start_devices(self, text: str) -> None:
        address = f"https://127.0.0.1:{self.port}"
        self.devices = ProcessPool(
            [Path("certs/dev/devices.json")], "--server", address, *re.split(r" +", text)[3:])
        self.devices.start()

    def wait(self, second: int) -> None:
        """Let the time go on to this second of the day."""
        assert self.devices is not None
        settings.read(self.environment)
        instant = clock.now()
        while instant % 86400 < second:
            before_quarter = instant - instant % STEP_S + STEP_S - LEAD_S
            instant = before_quarter if instant < before_quarter else before_quarter + LEAD_S
            clock.turn_to(instant)
            worker.turn()
            self.devices.run_due(instant)
            until(partial(self._is_written, instant), why=lambda: "the last contacts are not written")

    def _is_written(self, instant: int) -> bool:
        """Whether the server has written that devices polled at this instant, which it does now and then: the
        next worker's turn would take them for stale."""
        newest = Device.select(peewee.fn.MAX(Device.last_contact_at)).scalar()
        return newest is not None and newest >= instant - instant % STEP_S - LEAD_S

    def stop(self) -> None:
        """End the devices and what lasts."""
        if self.devices is not None:
            self.devices.close()
        super().stop()


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(PAGE.parent, tmp_path / "docs" / "tutorial")
    saved, pace = dict(settings.__dict__), clock.spec()
    somebody = Reader(tmp_path)
    yield somebody
    somebody.stop()
    settings.__dict__.update(saved)
    clock.follow(pace)


def called(rows: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """When each device is called, in hours of the day."""
    return {row["device"]: (row["start"] % 86400 / 3600, row["end"] % 86400 / 3600) for row in rows}


def test_a_price_day(reader: Reader) -> None:
    for line in code(PAGE):
        if line.text.startswith(PREPARED):
            continue
        reader.type(line.text)
        if line.text == "counterpoise plan show 1":
            plan = reader.request("plan", "show", "1")
            assert called(plan["calls"]) == {"cold store": (18, 20), "gas engine": (18, 20)}
        if line.text.startswith("counterpoise vder capability"):
            assert reader.request("vder", "status", "linden")["members"] == 7
        if line.text == 'counterpoise preview "gas engine"':
            orders = reader.request("dispatch", "list", "linden", "--plans")
            assert {order["quantity"] for order in orders} >= {"call"}
    rows = reader.request("report", "calls", "linden")
    assert called(rows) == {"cold store": (18, 20), "gas engine": (18, 20)}
    for row in rows:
        assert 0.85 * row["called_w"] < row["delivered_w"] < 1.15 * row["called_w"], row
    bill, = reader.request("report", "bill", "linden")
    assert bill["saved"] > 0.3 * bill["cost_without"] > 0
    assert reader.request("report", "unmet", "linden") == []
    day = reader.request("report", "day", "linden")
    assert Path(day["html"]).is_file()
