"""A device loads software in parts, verifies it, and activates it when it is told to."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clients.devices.battery import Battery
from clients.reports import fileloader
from clients.transport.mtls import HttpReply
from server.config import settings
from server.grid.fleet import publishedfiles
from server.models import FileProgress
from server.protocol import filetransfers
from server.resources import filecontents, store
from server.resources.codes import FileStatus
from tests.clients.fixtures import DeviceFixture
from tests.conftest import NOON, on_sqlite

pytestmark = on_sqlite
IMAGE = bytes(range(256)) * 100
PARTS = -(-len(IMAGE) // fileloader.PART_BYTES)
ALL = [FileStatus.LOADING, FileStatus.VERIFYING, FileStatus.VERIFIED, FileStatus.ACTIVATING,
       FileStatus.ACTIVATED]


def publish(version: str = "2", **more: Any) -> str:
    return publishedfiles.publish(filecontents.add(IMAGE, "image.bin"), {
        "type": "0000", "mfID": 0, "mfModel": "Counterpoise battery", "mfVer": version, **more}, None)["href"]


@pytest.fixture
def battery(start: Callable[..., DeviceFixture]) -> DeviceFixture:
    fixture = start(Battery(name="one"), NOON)
    fixture.run(120)    # its DeviceInformation is there, so the EndDevice links its FileStatus
    return fixture


def told() -> list[int]:
    return [status for row in FileProgress.select() for status, _, _ in row.history]


def test_it_loads_by_ranges_verifies_and_activates_when_it_is_told_to(battery: DeviceFixture) -> None:
    href = publish()
    battery.run(120)
    assert battery.transport.count("GET", filecontents.uri(href)) == PARTS
    assert told() == ALL[:3] and store.get("/edev/1/fs").submitted["loadPercent"] == 100
    publishedfiles.activate(href, NOON + 600)
    battery.run_until(NOON + 599)
    assert told() == ALL[:3]
    battery.run_until(NOON + 720)
    assert told() == ALL and store.get("/edev/1/di").submitted["swVer"] == "2"
    battery.run(300)
    assert battery.transport.count("GET", filecontents.uri(href)) == PARTS


def test_the_newest_is_loaded_once_and_what_it_runs_already_never(battery: DeviceFixture) -> None:
    publish("1")
    newest, older = publish("1.10"), publish("1.9")
    battery.run(120)
    assert battery.details("file") == ["loading 1.10", "verifying 1.10", "verified 1.10"]
    assert battery.transport.count("GET", filecontents.uri(older)) == 0
    assert battery.transport.count("GET", filecontents.uri(newest)) == PARTS


def test_it_comes_again_where_the_server_is_busy(
    battery: DeviceFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.file_transfers = 1
    publish()
    with monkeypatch.context() as busy:
        busy.setattr(filetransfers, "PART_BYTES", 1)
        filetransfers.transfers.enter()     # of another device
        battery.run(61)
        filetransfers.transfers.leave()
    progress = FileProgress.get()
    assert (progress.status, progress.percent, progress.busy_answers > 0) == (FileStatus.LOADING, 0, True)
    battery.run(60)
    assert told() == ALL[:3] and FileProgress.get().busy_answers >= 1


@pytest.mark.parametrize("change, status", [
    (lambda answer: answer._replace(body=answer.body[:-1] + b"?"), FileStatus.VERIFICATION_FAILED),
    (lambda answer: answer._replace(status=500), FileStatus.LOAD_FAILED)])
def test_what_is_not_as_it_should_be_is_told_and_not_tried_for_ever(
    battery: DeviceFixture, change: Callable[[HttpReply], HttpReply], status: FileStatus
) -> None:
    exchange = battery.transport.exchange

    def changed(method: str, href: str, *more: Any) -> HttpReply:
        answer = exchange(method, href, *more)
        return change(answer) if href.startswith("/file/") and href.endswith("/content") else answer

    battery.transport.exchange = changed
    href = publish()
    battery.run(600)
    assert told()[-1] == status
    requests = battery.transport.count("GET", filecontents.uri(href))
    assert requests == (PARTS if status == FileStatus.VERIFICATION_FAILED else fileloader.MOST_FAILURES)
