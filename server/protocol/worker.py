"""gunicorn's worker for the device interface: many connections, few threads.

One thread at a time is active: it polls the epoll and handles each event itself, since handing events over to
other threads would cost more than most requests do. While it is held up (by the database, say), the main
thread, which supervises, activates another one. A connection is registered for one event at a time
(EPOLLONESHOT), so the thread that gets an event has the connection for itself; it resumes the connection
until that has to wait, and registers it again.

At `max_connections` a connection is closed for each new one: the oldest that has not completed its handshake,
or else the oldest that is between two requests. If there is none, the new one is closed. The same holds for
the connections of one certificate at `connections_per_certificate`. A request that may not occupy a thread
(see `admission`) waits for its turn, and is answered 429 or 503 after `write_wait_s`.
"""
from __future__ import annotations

import logging
import os
import resource
import select
import signal
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from gunicorn.workers import base

from server import logs
from server.config import settings
from server.devices.identity import PEER
from server.devices.trust import Untrusted
from server.protocol import credentials
from server.protocol.admission import Admission
from server.protocol.connection import WAIT_FOR_THREAD, Connection

log = logging.getLogger(__name__)

DRAIN_S = 2
"""How long a stopping worker keeps idle connections: a request may be on its way (RFC 9112, 9.6)."""

OTHER_FILES = 100  # file descriptors that are left for everything except connections

WOKEN = 4  # of those that wait for a thread, when a request is answered: some may have to wait for others

HELD_UP_S = 0.01  # after how long without polling a thread is taken to be held up


class Activity:
    """One thread's time as the active one."""
    busy_since = 0.0
    """When it began to handle an event (monotonic, s); 0 while it polls."""


def _unblock_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, base.Worker.SIGNALS)


os.register_at_fork(after_in_parent=_unblock_signals)


class Worker(base.Worker):
    """A process with `threads` threads that serve up to `max_connections` connections.

    gunicorn creates the object in its arbiter and then forks. Until the worker has installed its own signal
    handlers it has the arbiter's, which put a signal into a queue that nobody reads in the worker: a SIGTERM
    would be lost, and the arbiter would kill the worker in the end. So signals are blocked from before the
    fork until the handlers are installed.
    """

    alive: bool

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS)

    def init_signals(self) -> None:
        """Install the signal handlers, then let signals through."""
        super().init_signals()
        _unblock_signals()

    def init_process(self) -> None:
        """Set up the forked process."""
        self.context, self.proxies, self.revocations = credentials.current()
        self.proxy_key = "HTTP_" + settings.proxy_header.upper().replace("-", "_")
        self.handshake_timeout_s = settings.handshake_timeout_s
        self.header_timeout_s = settings.header_timeout_s
        self.body_timeout_s = settings.body_timeout_s
        self.keepalive_s = settings.keepalive_s
        self.max_body_bytes = settings.max_body_bytes
        _, max_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files))
        self.max_connections = min(settings.max_connections, max_files - OTHER_FILES)
        self.epoll = select.epoll()
        self.stop_event, self.wake_event = (
            os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(2))
        self.active_lock = threading.Lock()  # held by the active thread
        self.activity: Activity | None = None
        self.event_count, self.supervisor_sleeps, self.last_check_at = 0, False, 0.0
        self.connections: dict[int, Connection] = {}
        self.unauthenticated: dict[int, Connection] = {}
        self.max_of_certificate = settings.connections_per_certificate
        self.of_certificate: dict[str, dict[int, Connection]] = defaultdict(dict)
        self.write_wait_s = settings.write_wait_s
        self.admission = Admission(self.cfg.threads)
        self.waiting: deque[Connection] = deque()  # for a thread, the first one longest
        self.stopped = False
        super().init_process()

    # -- the main thread

    def run(self) -> None:
        """Supervise the threads until told to stop; then let requests in progress end."""
        self.listeners = {listener.fileno(): listener.sock for listener in self.sockets}
        for fd in self.listeners:
            # edge-triggered and exclusive: one thread of all workers is woken for a new connection
            self.epoll.register(fd, select.EPOLLIN | select.EPOLLET | select.EPOLLEXCLUSIVE)
        self.epoll.register(self.stop_event, select.EPOLLIN)
        threads = [threading.Thread(target=self.serve, daemon=True) for _ in range(self.cfg.threads)]
        for thread in threads:
            thread.start()
        while self.alive and self.ppid == os.getppid():
            self.supervise()
        self.alive = False
        for fd in self.listeners:
            self.epoll.unregister(fd)
        self.drain()
        self.stopped = True
        os.eventfd_write(self.stop_event, 1)
        for thread in threads:
            thread.join(1)

    def supervise(self) -> None:
        """Wait HELD_UP_S, or up to a second if there were no events. Then see whether the active thread is
        held up, and once a second whether connections are beyond their deadlines."""
        events_before = self.event_count
        if self.supervisor_sleeps:
            ready, _, _ = select.select([self.PIPE[0], self.wake_event], [], [], 1)
            for fd in ready:
                os.read(fd, 4096)
            self.supervisor_sleeps = False
        else:
            time.sleep(HELD_UP_S)
        now = time.monotonic()
        if (activity := self.activity) and activity.busy_since and now - activity.busy_since > HELD_UP_S:
            self.activity = None
            self.active_lock.release()
        elif events_before == self.event_count and self.alive:
            self.supervisor_sleeps = True
        if now - self.last_check_at > 1:
            self.last_check_at = now
            self.notify()
            self.accept()
            if self.revocations.refresh():
                self.close_revoked()
            for connection in list(self.connections.values()):
                if connection.deadline < now:
                    self.resume(connection, late=True)

    def close_revoked(self) -> None:
        """Close the idle connections of revoked certificates; the others end with their next request."""
        for connection in list(self.connections.values()):
            if (peer := connection.environ.get(PEER)) and peer.certificate in self.revocations:
                self.close_first_idle([connection])

    def drain(self) -> None:
        """Close idle connections after DRAIN_S, and wait for the others up to the graceful timeout."""
        idle_deadline = time.monotonic() + DRAIN_S
        end = time.monotonic() + self.cfg.graceful_timeout
        while self.connections and time.monotonic() < end:
            for connection in list(self.connections.values()):
                if connection.idle:
                    connection.deadline = min(connection.deadline, idle_deadline)
            self.supervise()

    # -- the other threads

    def serve(self) -> None:
        """Wait to become the active thread; then handle events until another one is activated."""
        own = None
        while not self.stopped:
            self.active_lock.acquire()
            own = self.activity = Activity()
            while self.activity is own and not self.stopped:
                own.busy_since = 0.0
                events = self.epoll.poll(maxevents=1)
                own.busy_since = time.monotonic()
                self.event_count += 1
                if self.supervisor_sleeps:
                    os.eventfd_write(self.wake_event, 1)
                for fd, _ in events:
                    if fd in self.listeners:
                        self.accept()
                    elif connection := self.connections.get(fd):
                        self.resume(connection)
        if own and self.activity is own:
            self.active_lock.release()  # so that every thread sees that the worker stops

    def accept(self) -> None:
        """Accept all new connections."""
        for listener in self.listeners.values():
            while self.alive:
                try:
                    sock, address = listener.accept()
                except OSError:  # there is none, or it is closed already
                    break
                if len(self.connections) >= self.max_connections and not self.close_one():
                    sock.close()
                    continue
                sock.setblocking(False)
                connection = Connection(sock, address, self)
                self.connections[connection.fd] = self.unauthenticated[connection.fd] = connection
                self.epoll.register(connection.fd, select.EPOLLIN | select.EPOLLONESHOT)

    def authenticated(self, connection: Connection) -> None:
        """Take note that the handshake of a connection is complete; close the oldest idle one of its
        certificate if there are too many. Untrusted where none is idle."""
        self.unauthenticated.pop(connection.fd, None)
        siblings = self.of_certificate[connection.lfdi]
        if len(siblings) >= self.max_of_certificate and not self.close_first_idle(siblings.values()):
            raise Untrusted(f"{connection.lfdi} has {self.max_of_certificate} connections already")
        siblings[connection.fd] = connection

    def leave(self, lfdi: str, method: str) -> None:
        """Count a request no more, and let others try that wait."""
        self.admission.leave(lfdi, method)
        if self.waiting:
            self.wake()

    def wake(self) -> None:
        """Let connections try again that have waited longest for a thread. Their sockets are writable."""
        for _ in range(min(len(self.waiting), WOKEN)):
            with suppress(IndexError, OSError):  # another thread was faster, or it is closed
                self.epoll.modify(self.waiting.popleft().fd, select.EPOLLOUT | select.EPOLLONESHOT)

    def close_one(self) -> bool:
        """Close a connection to make room for a new one; return whether there was one to close."""
        return (self.close_first_idle(self.unauthenticated.values())
                or self.close_first_idle(self.connections.values()))

    def close_first_idle(self, candidates: Iterable[Connection]) -> bool:
        """Close the first of these connections that is idle and that no thread is resuming."""
        for connection in list(candidates):
            if connection.idle and connection.lock.acquire(blocking=False):
                try:
                    if not connection.closed:
                        self.close(connection)
                        return True
                finally:
                    connection.lock.release()
        return False

    def resume(self, connection: Connection, late: bool = False) -> None:
        """Resume a connection until it has to wait, and register it for what it waits for.

        A late connection whose request is in flight is left alone: it holds its lock until it is answered,
        and the main thread must not wait for it.
        """
        if not connection.lock.acquire(blocking=not late):
            return
        try:
            if not connection.closed:
                self._step(connection, late)
        except (StopIteration, TimeoutError):  # at its end, or too late before its first byte
            self.close(connection)
        except Exception:
            logs.unexpected(log, f"the connection of {connection.address}")
            self.close(connection)
        finally:
            connection.lock.release()

    def _step(self, connection: Connection, late: bool) -> None:
        """Run a connection until it has to wait, and see to it that it is resumed then."""
        left = self.admission.left
        wants = connection.steps.throw(TimeoutError("too slow")) if late else next(connection.steps)
        if wants != WAIT_FOR_THREAD:
            self.epoll.modify(connection.fd, wants | select.EPOLLONESHOT)
            return
        self.waiting.append(connection)
        if self.admission.left != left:  # while this one was not waiting yet, so that nobody woke it
            self.wake()

    def close(self, connection: Connection) -> None:
        """Close a connection, whose lock has to be held."""
        connection.closed = True
        del self.connections[connection.fd]
        self.unauthenticated.pop(connection.fd, None)
        siblings = self.of_certificate.get(connection.lfdi, {})
        siblings.pop(connection.fd, None)
        if not siblings:
            self.of_certificate.pop(connection.lfdi, None)
        connection.steps.close()
        connection.sock.close()

    def handle_quit(self, sig: int, frame: Any) -> None:
        """Stop at once (SIGQUIT, SIGINT)."""
        self.stopped = True
        super().handle_quit(sig, frame)
