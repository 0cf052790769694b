"""Many notifications at once, and none that waits for another's receiver.

One thread runs the connections (asyncio), another everything of the database: it claims what is due, makes
the bodies and writes what came of them, in turns. A receiver has a few connections that are kept open; one
that did not answer has a single attempt at a time until it does, and whatever else is for it waits without
one. However many receivers there are, no more than IN_FLIGHT and MOST_IDLE connections are open.
"""
from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

from server import clock
from server.errors import Refused
from server.models import Subscription, discard_connection
from server.notifications import addresses, expansion, queue, receivers, representation
from server.notifications.addresses import Target
from server.notifications.queue import Outcome, Result
from server.notifications.receivers import ClientCredentials, NotReached, ReceiverConnection
from server.notifications.representation import Notice, Representations
from server.resources.codes import NotificationStatus

IN_FLIGHT = 500  # notifications that are claimed at a time
A_RECEIVER = 100  # of these for one receiver
CONNECTIONS = 4  # to one receiver
A_TURN = 200  # notifications whose bodies are made before results are written
POLL_S = 0.25  # between looks at the database while nothing is due
IDLE_S = 60.0  # after which a connection is closed
MOST_IDLE = 250  # connections that are kept open without a notification on its way
EXPIRY_S = 60.0  # between looks for subscriptions that nobody renews
MARGIN_S = 25  # of a lease, that an attempt may take
LATER = frozenset({408, 425, 429})  # of 4xx: they ask to try later, and end nothing


class Parcel(NamedTuple):
    """A claimed notification, where it goes and what is sent."""
    claim: Subscription
    target: Target
    notice: Notice


@dataclass
class Lane:
    """The way to one receiver. After a `fault`, what waits in it fails without an attempt of its own. What
    has failed before is tried one at a time (`probe`) until one is answered (`proven`)."""
    waiting: int = 0
    fault: str = ""
    proven: bool = False
    probe: asyncio.Lock = field(default_factory=asyncio.Lock)
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))
    idle: deque[tuple[ReceiverConnection, float]] = field(default_factory=deque)

    def close(self, before: float = float("inf")) -> None:
        """Close connections that were last used before an instant of the monotonic clock."""
        while self.idle and self.idle[0][1] < before:
            self.idle.popleft()[0].close()


class Delivery:
    """Delivers what is due until it is stopped. `credentials` are read anew where a file has changed."""

    def __init__(self) -> None:
        self._lanes: dict[str, Lane] = {}
        self._outcomes: list[Outcome] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._credentials: ClientCredentials | None = None
        self._expiry_at = 0.0

    async def run(self, stopped: Callable[[], bool], until_done: bool = False) -> None:
        """Deliver until `stopped`, or `until_done` until nothing is due. Errors of the database are
        raised."""
        with ThreadPoolExecutor(1, "notifications") as database:
            loop = asyncio.get_running_loop()
            try:
                while not stopped():
                    outcomes, self._outcomes = self._outcomes, []
                    busy = [name for name, lane in self._lanes.items() if lane.waiting >= A_RECEIVER]
                    room = IN_FLIGHT - len(self._tasks)
                    done, parcels = await loop.run_in_executor(database, self._turn, outcomes, room, busy)
                    for parcel in parcels:
                        self._start(parcel)
                    self._tidy()
                    if until_done and not (done or parcels or self._tasks or self._outcomes):
                        return
                    await self._pause(0.0 if done else POLL_S)
            finally:
                await self._end(database)

    def _turn(self, outcomes: list[Outcome], room: int, busy: list[str]) -> tuple[int, list[Parcel]]:
        """Write results, mark what is due, claim some of it and make the bodies: all of the database."""
        queue.settle(outcomes)
        done = expansion.run()
        if time.monotonic() >= self._expiry_at:
            done += expansion.end_expired()
            self._expiry_at = time.monotonic() + EXPIRY_S
        claims = queue.claim(min(room, A_TURN), busy)
        if claims:
            self._credentials = receivers.credentials(self._credentials)
        parcels, others = prepare(claims)
        queue.settle(others)
        return done + len(claims), parcels

    def _start(self, parcel: Parcel) -> None:
        key = f"{parcel.claim.receiver} {parcel.claim.own_address}"
        lane = self._lanes.setdefault(key, Lane())
        lane.waiting += 1
        task = asyncio.create_task(self._deliver(parcel, lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, parcel: Parcel, lane: Lane) -> None:
        try:
            failing = parcel.claim.failing_since is not None and not lane.proven
            async with lane.probe if failing else nullcontext(), lane.slots:
                outcome = await self._attempt(parcel, lane)
        finally:
            lane.waiting -= 1
            if not lane.waiting:
                lane.fault = ""
        self._outcomes.append(outcome)
        if len(self._outcomes) >= A_TURN // 4 or len(self._tasks) <= 1:
            self._wake.set()

    async def _attempt(self, parcel: Parcel, lane: Lane) -> Outcome:
        claim = parcel.claim
        left_s = (claim.due_at or 0) - clock.now()
        if lane.fault:
            return Outcome(claim, Result.UNREACHABLE, lane.fault)
        if left_s < MARGIN_S * queue.lease_s() / queue.LEASE_S:
            return Outcome(claim, Result.GIVEN_BACK)
        try:
            status = await self._post(parcel, lane)
        except NotReached as fault:
            lane.fault, lane.proven = str(fault), False
            return Outcome(claim, Result.UNREACHABLE, lane.fault)
        lane.proven = True
        return Outcome(claim, result_of(status), f"it answered {status}")

    async def _post(self, parcel: Parcel, lane: Lane) -> int:
        """Post on a connection that is open, or on a new one if there is none or it has just been closed."""
        assert self._credentials is not None
        while lane.idle:
            connection, _ = lane.idle.pop()
            try:
                return await self._exchange(connection, parcel, lane)
            except NotReached as fault:
                if "no answer within" in str(fault):
                    raise
        connection = await receivers.connect(parcel.target, parcel.claim.own_address, self._credentials)
        return await self._exchange(connection, parcel, lane)

    async def _exchange(self, connection: ReceiverConnection, parcel: Parcel, lane: Lane) -> int:
        try:
            status = await connection.post(parcel.target, parcel.notice)
        finally:
            if connection.reusable:
                lane.idle.append((connection, time.monotonic()))
            else:
                connection.close()
        return status

    def _tidy(self) -> None:
        """Close connections that nobody has used for IDLE_S, and of more than MOST_IDLE those that were used
        first; forget receivers without any."""
        before = time.monotonic() - IDLE_S
        last_used = [used_at for lane in self._lanes.values() for _, used_at in lane.idle]
        if len(last_used) > MOST_IDLE:
            before = max(before, sorted(last_used)[-MOST_IDLE])
        for name, lane in list(self._lanes.items()):
            lane.close(before)
            if not lane.waiting and not lane.idle:
                del self._lanes[name]

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        if seconds and not self._outcomes:
            try:
                await asyncio.wait_for(self._wake.wait(), seconds)
            except TimeoutError:
                return
        else:
            await asyncio.sleep(0)

    async def _end(self, database: ThreadPoolExecutor) -> None:
        """Let what is on its way finish, write what came of it, and close all connections."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        loop = asyncio.get_running_loop()
        outcomes, self._outcomes = self._outcomes, []
        await loop.run_in_executor(database, self._leave, outcomes)
        for lane in self._lanes.values():
            lane.close()
        await asyncio.sleep(0.01)  # in which they are closed

    @staticmethod
    def _leave(outcomes: list[Outcome]) -> None:
        """Write results, and close the connection to the database of this thread, which ends."""
        try:
            queue.settle(outcomes)
        finally:
            discard_connection()


def result_of(status: int) -> Result:
    """Return what an HTTP status says: redirects are not followed, since they lead where nobody has
    looked."""
    if 200 <= status < 300:
        return Result.DELIVERED
    return Result.REFUSED if 400 <= status < 500 and status not in LATER else Result.FAILED


def prepare(claims: Iterable[Subscription]) -> tuple[list[Parcel], list[Outcome]]:
    """Return what is to be sent, and what came of those of which nothing is."""
    parcels, others = [], []
    chosen = list(claims)
    if not chosen:
        return [], []
    representations = Representations(claim for claim in chosen if not claim.status)
    for claim in chosen:
        try:
            notice = representation.notice(claim, representations)
        except representation.Suspended:
            others.append(Outcome(claim, Result.NOTHING))
        except Refused:
            others.append(Outcome(claim, Result.GONE))
        else:
            if claim.check_only and claim.status == NotificationStatus.DEFAULT:
                others.append(Outcome(claim, Result.NOTHING))
            else:
                parcels.append(Parcel(claim, addresses.target(claim.uri), notice))
    return parcels, others
