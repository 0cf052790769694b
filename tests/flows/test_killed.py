"""Workers that are killed in the middle of writes: what was answered with 2xx is there afterwards, and
nothing is broken.

Real processes and real TLS, and so a few seconds.
"""
from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable

import pytest

from clients.transport.mtls import ConnectionLost, HttpReply
from server import clock, models
from server.resources import store
from tests.flows.conftest import DEVICES
from tests.flows.documents import SEP_XML, log_event, mirror, reading, status
from tests.flows.server import Server, entries, until

pytestmark = [pytest.mark.flow, pytest.mark.restart]


class Writer(threading.Thread):
    """A device that writes without pause and remembers what it was promised: the hrefs of LogEvents, the last
    readingTime of its DERStatus, the times of its readings."""

    def __init__(self, server: Server, number: int, stop: threading.Event):
        super().__init__()
        self.https, self.number, self.stop, self.lost = server.https(f"device-{number}"), number, stop, 0
        self.lfdi = entries(server.certs)[f"device-{number}"]["lfdi"]
        self.events: dict[str, str] = {}
        self.status, self.readings, self.refused = 0, set[int](), list[HttpReply]()
        created = self.request("POST", "/mup", mirror(number, self.lfdi))
        assert created
        self.mirror = created.headers["Location"]

    def run(self) -> None:
        device, turn, origin = f"/edev/{self.number}", 0, clock.now() - 100_000
        while not self.stop.is_set():
            turn += 1
            if answer := self.request("POST", f"{device}/lel", log_event(turn)):
                self.events[answer.headers["Location"]] = str(turn)
            if self.request("PUT", f"{device}/der/1/ders", status(turn)):
                self.status = turn
            if self.request("POST", self.mirror, reading(self.number, origin + turn)):
                self.readings.add(origin + turn)
        self.https.close()

    def request(self, method: str, href: str, body: bytes) -> HttpReply | None:
        """The answer, if it is a promise."""
        try:
            reply = self.https.exchange(method, href, body, SEP_XML)
        except ConnectionLost:
            self.lost += 1
            return None
        if reply.status >= 300:
            self.refused.append(reply)
            return None
        return reply


def test_what_was_promised_is_there_after_workers_were_killed(enrolled: Callable[..., Server]) -> None:
    server, stop, chance = enrolled(workers=2), threading.Event(), random.Random(5)
    until(lambda: len(server.workers()) == 2)
    writers = [Writer(server, number, stop) for number in range(1, len(DEVICES) + 1)]
    for writer in writers:
        writer.start()
    for _ in range(8):
        time.sleep(chance.uniform(0.2, 0.5))
        os.kill(chance.choice(server.workers()), signal.SIGKILL)
    until(lambda: all(len(writer.events) > 20 and writer.readings and writer.status for writer in writers))
    stop.set()
    for writer in writers:
        writer.join()

    assert sum(writer.lost for writer in writers), "nothing was interrupted"
    for writer in writers:
        device, point = f"/edev/{writer.number}", store.find(f"{writer.number:032X}", "UsagePoint")
        assert writer.refused == []
        details = {document.href: document.submitted["details"] for document in store.items(f"{device}/lel")}
        assert details.items() >= writer.events.items()
        assert store.get(f"{device}/der/1/ders").submitted["readingTime"] >= writer.status
        meter, = store.items(f"{point.href}/mr")
        rows = models.Reading.select().join(models.ReadingSet).where(models.ReadingSet.meter == meter.href)
        assert {row.start for row in rows} >= writer.readings
        listed = server.get(f"device-{writer.number}", device)["LogEventListLink"]
        assert listed["all"] == len(details)
    assert store.reindex() == 0
    assert server.stop() == 0
