"""Devices that write without pause over TLS and remember what they were promised."""
from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from lxml import etree

from clients.transport.mtls import ConnectionLost, HttpReply
from server import clock
from server.resources import codec
from tests.flows.documents import SEP_XML, log_event, mirror, reading, status
from tests.flows.server import Server, entries
from tests.schemas.editions import SEP

BUSY = frozenset({429, 503})
"""Answers that ask to come again: nothing is promised, nothing is wrong."""


class Writer(threading.Thread):
    """A device. What it was promised: hrefs of LogEvents, the last DERStatus, readings, answers to events."""

    def __init__(self, site: Server, number: int, program: str, stop: threading.Event):
        super().__init__(daemon=True)
        self.https, self.number = site.https(f"device-{number}"), number
        self.program, self.stop = program, stop
        self.lfdi = entries(site.certs)[f"device-{number}"]["lfdi"]
        self.device = f"/edev/{number}"
        self.turn, self.reading_at = 0, clock.now()
        self.events: dict[str, str] = {}
        """What the LogEvent at an href says."""
        self.status, self.readings = 0, set[int]()
        self.answered: set[tuple[str, int]] = set()
        """Events (mRID) and statuses that were acknowledged."""
        self.seen: dict[str, list[int]] = {}
        """The statuses of each event (mRID), as they followed each other."""
        self.refused: list[str] = []
        self.counts: Counter[str] = Counter()
        self.error = ""

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self.step()
        except Exception as error:  # reported by the proof
            self.error = f"device-{self.number}: {type(error).__name__}: {error}"
        finally:
            self.https.close()

    def step(self) -> None:
        """Write one of each, and read the events."""
        self.turn += 1
        if answer := self.request("POST", f"{self.device}/lel", log_event(self.turn)):
            self.events[answer.headers["Location"]] = str(self.turn)
        if self.request("PUT", f"{self.device}/der/1/ders", status(self.turn)):
            self.status = self.turn
        self.reading_at = max(self.reading_at + 1, clock.now() - 1)
        if self.request("POST", self.mirror, reading(self.number, self.reading_at)):
            self.readings.add(self.reading_at)
        if self.turn % 5 == 0:
            self.follow()

    @property
    def mirror(self) -> str:
        """The href of the mirror, which is made first, again until it is acknowledged."""
        if not self.counts["mirror"]:
            while not (created := self.request("POST", "/mup", mirror(self.number, self.lfdi))):
                if self.stop.is_set():
                    return "/mup/0"
            self._mirror = created.headers["Location"]
            self.counts["mirror"] += 1
        return self._mirror

    def follow(self) -> None:
        """Read the events and answer each status of each once; again until that is acknowledged."""
        answer = self.request("GET", f"{self.program}/derc?l=255", None)
        if answer is None:
            return
        for event in etree.fromstring(answer.body):
            mrid = event.findtext(f"{{{SEP}}}mRID") or ""
            current = int(event.findtext(f"{{{SEP}}}EventStatus/{{{SEP}}}currentStatus") or -1)
            followed = self.seen.setdefault(mrid, [])
            if not followed or followed[-1] != current:
                followed.append(current)
            response = {0: 1, 1: 2}.get(current)
            if response and (mrid, response) not in self.answered:
                body = codec.encode("DERControlResponse", {
                    "createdDateTime": clock.now(), "endDeviceLFDI": self.lfdi, "status": response,
                    "subject": mrid})
                if self.request("POST", "/rsps/1/rsp", body):
                    self.answered.add((mrid, response))

    def request(self, method: str, href: str, body: bytes | None) -> HttpReply | None:
        """The answer, if it is a promise."""
        try:
            reply = self.https.exchange(method, href, body, SEP_XML if body else {})
        except ConnectionLost:
            self.counts["interrupted"] += 1
            time.sleep(0.1)
            return None
        if reply.status in BUSY:
            self.counts["busy"] += 1
            time.sleep(0.2)
            return None
        if reply.status >= 300:
            self.refused.append(f"device-{self.number} {method} {href}: {reply.status} {reply.body[:200]!r}")
            return None
        self.counts["acknowledged" if body else "read"] += 1
        return reply


def join(writers: list[Writer], until: Callable[[], bool] = lambda: True, seconds: float = 60) -> None:
    """Let writers go on until a condition holds, then stop them."""
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        time.sleep(0.1)
    for writer in writers:
        writer.stop.set()
    for writer in writers:
        with suppress(RuntimeError):
            writer.join(60)
