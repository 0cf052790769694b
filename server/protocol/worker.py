"""gunicorn's worker for the device interface: many connections, few threads.

One thread at a time has the turn: it waits on the epoll and does itself what there is to do, so nothing is
handed over between threads, which would cost more than most requests do. When it is held up in one (by the
database, say) the main thread, who watches, gives the turn to another. A connection is armed for one event at
a time (EPOLLONESHOT): whoever is told of it has it alone, takes it as far as it goes without waiting, and
arms it again.

At `max_connections` somebody gives way to the newcomer: the oldest of those who have not shown a certificate
yet, else the oldest that is between two requests. If nobody is, the newcomer is turned away.
"""
from __future__ import annotations

import logging
import os
import resource
import select
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gunicorn.workers import base

from server import logs
from server.config import settings
from server.protocol.connection import Connection
from server.protocol.proxy import Proxies
from server.protocol.trust import Authorities

log = logging.getLogger(__name__)

PARTING = 2
"""Seconds for which a stopping worker keeps idle connections: a request may be on its way (RFC 9112 9.6)."""

OTHER_FILES = 100
"""Descriptors left to all else than connections."""

PATIENCE = 0.01
"""Seconds after which a thread that is held up loses its turn."""


class Turn:
    """One thread's time at the epoll."""
    since = 0.0
    """When it began what it is doing; zero while it waits."""


def _unblock_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, base.Worker.SIGNALS)


os.register_at_fork(after_in_parent=_unblock_signals)


class Worker(base.Worker):
    """A process of `threads` threads that serve up to `max_connections` connections.

    gunicorn makes the object in its arbiter and forks then. From that moment until the worker has its own
    handlers it has the arbiter's, which put a signal into a queue that nobody reads in the worker: a SIGTERM
    would be lost, and the arbiter would wait in vain and kill in the end. So signals are blocked from before
    the fork, and wait for handlers.
    """

    alive: bool

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS)

    def init_signals(self) -> None:
        super().init_signals()
        _unblock_signals()

    def init_process(self) -> None:
        self.context = self.cfg.ssl_context(self.cfg, None) if self.cfg.is_ssl else None
        self.proxies = None
        if settings.proxies:
            self.proxies = Proxies(settings.proxies, Authorities(Path(settings.client_ca).read_bytes()))
        self.proxy_key = "HTTP_" + settings.proxy_header.upper().replace("-", "_")
        self.handshake_timeout, self.header_timeout = settings.handshake_timeout_s, settings.header_timeout_s
        self.body_timeout, self.keepalive = settings.body_timeout_s, settings.keepalive_s
        self.max_body = settings.max_body_bytes
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.max_connections = min(settings.max_connections, most - OTHER_FILES)
        self.epoll = select.epoll()
        self.end, self.bell = (os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(2))
        self.baton = threading.Lock()       # whoever holds it has the turn
        self.turn: Turn | None = None
        self.events, self.dozing, self.last_look = 0, False, 0.0
        self.connections: dict[int, Connection] = {}
        self.strangers: dict[int, Connection] = {}
        self.stopped = False
        super().init_process()

    # -- the main thread

    def run(self) -> None:
        """Until told to stop: look after the threads. Then let what is under way end, and go."""
        self.listeners = {listener.fileno(): listener.sock for listener in self.sockets}
        for fd in self.listeners:
            # edge-triggered, exclusive: of all workers' threads one is woken for a newcomer
            self.epoll.register(fd, select.EPOLLIN | select.EPOLLET | select.EPOLLEXCLUSIVE)
        self.epoll.register(self.end, select.EPOLLIN)
        threads = [threading.Thread(target=self.serve, daemon=True) for _ in range(self.cfg.threads)]
        for thread in threads:
            thread.start()
        while self.alive and self.ppid == os.getppid():
            self.watch()
        self.alive = False
        for fd in self.listeners:
            self.epoll.unregister(fd)
        self.part()
        self.stopped = True
        os.eventfd_write(self.end, 1)
        for thread in threads:
            thread.join(1)

    def watch(self) -> None:
        """Wait a moment, or while nothing happens until something does or a second is over. Then see whether
        somebody is held up, and once a second whether somebody is late."""
        seen = self.events
        if self.dozing:
            ready, _, _ = select.select([self.PIPE[0], self.bell], [], [], 1)
            for fd in ready:
                os.read(fd, 4096)
            self.dozing = False
        else:
            time.sleep(PATIENCE)
        now = time.monotonic()
        if (turn := self.turn) and turn.since and now - turn.since > PATIENCE:
            self.turn = None
            self.baton.release()
        elif seen == self.events and self.alive:
            self.dozing = True
        if now - self.last_look > 1:
            self.last_look = now
            self.notify()
            self.accept()
            for connection in list(self.connections.values()):
                if connection.deadline < now:
                    self.resume(connection, late=True)

    def part(self) -> None:
        """Close what is idle, wait for what is not."""
        parting, end = time.monotonic() + PARTING, time.monotonic() + self.cfg.graceful_timeout
        while self.connections and time.monotonic() < end:
            for connection in list(self.connections.values()):
                if connection.quiet:
                    connection.deadline = min(connection.deadline, parting)
            self.watch()

    # -- the other threads

    def serve(self) -> None:
        """Wait for the turn; take events as they come, until the turn is another's."""
        mine = None
        while not self.stopped:
            self.baton.acquire()
            mine = self.turn = Turn()
            while self.turn is mine and not self.stopped:
                mine.since = 0.0
                events = self.epoll.poll(maxevents=1)
                mine.since = time.monotonic()
                self.events += 1
                if self.dozing:
                    os.eventfd_write(self.bell, 1)
                for fd, _ in events:
                    if fd in self.listeners:
                        self.accept()
                    elif connection := self.connections.get(fd):
                        self.resume(connection)
        if mine and self.turn is mine:
            self.baton.release()    # the worker stops: everybody is to see it

    def accept(self) -> None:
        """Let in all who wait."""
        for listener in self.listeners.values():
            while self.alive:
                try:
                    sock, address = listener.accept()
                except OSError:     # nobody there, or gone again
                    break
                if len(self.connections) >= self.max_connections and not self.make_room():
                    sock.close()
                    continue
                sock.setblocking(False)
                connection = Connection(sock, address, self)
                self.connections[connection.fd] = self.strangers[connection.fd] = connection
                self.epoll.register(connection.fd, select.EPOLLIN | select.EPOLLONESHOT)

    def admitted(self, connection: Connection) -> None:
        """A connection has shown its certificate."""
        self.strangers.pop(connection.fd, None)

    def make_room(self) -> bool:
        """Close the connection that can best be spared; whether there is one."""
        return self.spare(self.strangers.values()) or self.spare(self.connections.values())

    def spare(self, candidates: Iterable[Connection]) -> bool:
        """Close the first of these that is quiet and in nobody's hands."""
        for connection in list(candidates):
            if connection.quiet and connection.lock.acquire(blocking=False):
                try:
                    if not connection.closed:
                        self.close(connection)
                        return True
                finally:
                    connection.lock.release()
        return False

    def resume(self, connection: Connection, late: bool = False) -> None:
        """Take a connection as far as it goes, and arm it for what it waits for then."""
        with connection.lock:
            if connection.closed:
                return
            try:
                if late:
                    wants = connection.life.throw(TimeoutError("too slow"))
                else:
                    wants = next(connection.life)
                self.epoll.modify(connection.fd, wants | select.EPOLLONESHOT)
            except (StopIteration, TimeoutError):   # at its end; or late before it began: not a byte has come
                self.close(connection)
            except Exception:
                logs.unexpected(log, f"the connection of {connection.address}")
                self.close(connection)

    def close(self, connection: Connection) -> None:
        """Forget a connection whose lock is held."""
        connection.closed = True
        del self.connections[connection.fd]
        self.strangers.pop(connection.fd, None)
        connection.life.close()
        connection.sock.close()

    def handle_quit(self, sig: int, frame: Any) -> None:
        self.stopped = True
        super().handle_quit(sig, frame)
