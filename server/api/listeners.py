"""Who listens to changes of state: one thread of a process that feeds all its listeners.

The worker hands over a connection once the head of the answer is sent (see `threadworker`). From then on it
takes no thread of its own: it is written to when there is something, and closed when its client goes, does
not take what it is sent, or may not see it any more.
"""
from __future__ import annotations

import logging
import os
import queue
import selectors
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress

from server import logs, scopes, statechanges
from server.api import streamtexts
from server.errors import Refused
from server.models import VirtualDER, db, discard_connection
from server.models.unavailable import DATABASE_ERRORS, reason
from server.operators.principals import Principal
from server.statechanges import ChangeRow

log = logging.getLogger(__name__)
POLL_S = 0.5  # between looks for changes
PAUSE_S = 5.0  # after a fault of the database
BEAT_S = 15.0  # between signs of life, and looks whether somebody may listen still
SLOW_S = 30.0  # without taking anything, after which a listener is closed
FULL = 1 << 16  # bytes that wait for a listener, from which on it is given no more
SLICE = 500  # changes that are read at once
_AGAIN = (ssl.SSLWantReadError, ssl.SSLWantWriteError, BlockingIOError, InterruptedError)


class StreamListener:
    """A connection to which changes are written after `position`.

    `principal` is whose it is; `recheck` returns the same or raises Refused. `kinds` restricts what is sent;
    empty: all. With `chunked` it is framed as HTTP/1.1 has it.
    """

    def __init__(self, principal: Principal, recheck: Callable[[], Principal], position: int,
                 kinds: frozenset[str] = frozenset(), chunked: bool = True) -> None:
        self.principal, self.recheck = principal, recheck
        self.position, self.kinds, self.chunked = position, kinds, chunked
        self.waiting = bytearray()
        self.moved_at = self.beat_at = time.monotonic()

    @property
    def subtree(self) -> VirtualDER | None:
        """The virtual DER at which the rights end."""
        return self.principal.subtree

    def put(self, text: bytes) -> None:
        """Add what is to be written."""
        if text:
            if not self.waiting:
                self.moved_at = time.monotonic()
            self.waiting += streamtexts.chunk(text) if self.chunked else text

    def give(self, rows: Iterable[ChangeRow], visible: frozenset[str] | None, key: bytes) -> None:
        """Add the changes that are new to it, of these audiences (None: of all)."""
        new = [row for row in rows if row.position > self.position]
        if new:
            self.put(b"".join(streamtexts.message(row, key) for row in new
                              if (visible is None or row.audience in visible)
                              and (not self.kinds or row.kind in self.kinds)))
            self.position = new[-1].position


class StreamListeners:
    """The listeners of this process, and the thread that feeds them; it starts with the first."""

    def __init__(self, most: int, most_of_user: int) -> None:
        self.most, self.most_of_user = most, most_of_user
        self._new: queue.SimpleQueue[tuple[socket.socket, StreamListener]] = queue.SimpleQueue()
        self._of: dict[socket.socket, StreamListener] = {}
        self._users: Counter[str] = Counter()
        self._selector = selectors.DefaultSelector()
        self._wake, self._stopped = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC), False
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._poll_at = 0.0

    def __len__(self) -> int:
        return len(self._of)

    def check(self, who: str) -> None:
        """Refuse (503) another listener, or (429) another of the same user, where there are too many."""
        if len(self._of) >= self.most:
            raise Refused(503, f"{self.most} listen here already (setting stream_listeners)",
                          Retry_After="60")
        if self._users[who] >= self.most_of_user:
            raise Refused(429, f"{who} listens {self.most_of_user} times already (setting stream_of_user)",
                          Retry_After="60")

    def add(self, sock: socket.socket, listener: StreamListener) -> None:
        """Take over a connection, to which the head of the answer is written. Any thread may call this."""
        self._new.put((sock, listener))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="streams", daemon=True)
                self._thread.start()
        os.eventfd_write(self._wake, 1)

    def close(self) -> None:
        """Close all, since the process ends."""
        self._stopped = True
        os.eventfd_write(self._wake, 1)
        if self._thread is not None:
            self._thread.join(1)

    def _run(self) -> None:
        while not self._stopped:
            try:
                self.turn()
            except DATABASE_ERRORS as error:
                log.warning("changes cannot be read: %s", reason(error))
                discard_connection()
                self._poll_at = time.monotonic() + PAUSE_S
            except Exception:
                logs.unexpected(log, "telling of changes")
                self._poll_at = time.monotonic() + PAUSE_S
        for sock in list(self._of):
            self._drop(sock)
        db.close()

    def turn(self) -> None:
        """Wait until there is something to do, and do it."""
        wait_s = max(0.0, self._poll_at - time.monotonic()) if self._of else None
        for key, events in self._selector.select(wait_s):
            if key.fileobj == self._wake:
                os.eventfd_read(self._wake)
                self._take_new()
            elif isinstance(key.fileobj, socket.socket):
                if events & selectors.EVENT_READ and self._has_gone(key.fileobj):
                    self._drop(key.fileobj)
                elif events & selectors.EVENT_WRITE:
                    self._write(key.fileobj)
        if self._of and time.monotonic() >= self._poll_at:
            self._poll_at = time.monotonic() + POLL_S
            self.poll()

    def _take_new(self) -> None:
        with suppress(queue.Empty):
            while True:
                sock, listener = self._new.get_nowait()
                try:
                    self.check(listener.principal.name)
                    sock.setblocking(False)
                    self._selector.register(sock, selectors.EVENT_READ)
                except (Refused, OSError, ValueError):
                    sock.close()
                    continue
                self._of[sock] = listener
                self._users[listener.principal.name] += 1
                self._poll_at = 0.0

    def poll(self) -> None:
        """Read what has changed, write it to whom it concerns, and look after those that are slow."""
        statechanges.arrange()
        now, key = time.monotonic(), streamtexts.key()
        while ready := [one for one in self._of.values() if len(one.waiting) < FULL]:
            rows = statechanges.after(min(one.position for one in ready), SLICE)
            self._give(rows, ready, key)
            if len(rows) < SLICE:
                break
        for sock, listener in list(self._of.items()):
            if listener.waiting and now - listener.moved_at > SLOW_S:
                self._drop(sock)
                continue
            if now - listener.beat_at > BEAT_S:
                listener.beat_at = now
                self._beat(sock, listener, key)
            if listener.waiting:
                self._write(sock)

    def _give(self, rows: list[ChangeRow], listeners: Iterable[StreamListener], key: bytes) -> None:
        """Give changes to those who may see them; what each part of the tree sees is asked once."""
        seen: dict[int | None, frozenset[str] | None] = {None: None}
        for listener in listeners:
            top = listener.subtree
            if top is not None and top.id not in seen:
                with scopes.within(top):
                    seen[top.id] = frozenset(filter(statechanges.sees, {row.audience for row in rows}))
            listener.give(rows, seen[None if top is None else top.id], key)

    def _beat(self, sock: socket.socket, listener: StreamListener, key: bytes) -> None:
        """Give a sign of life, if somebody may listen still. Only who sees all is told how far all is."""
        try:
            listener.principal = listener.recheck()
        except Refused:
            self._drop(sock)
            return
        listener.put(streamtexts.beat(listener.position, key) if listener.subtree is None
                     else streamtexts.BEAT)

    def _has_gone(self, sock: socket.socket) -> bool:
        """Return whether a client has gone; what it sends is not read."""
        try:
            return not sock.recv(4096)
        except _AGAIN:
            return False
        except OSError:
            return True

    def _write(self, sock: socket.socket) -> None:
        """Write what the connection takes, and wait for it to take the rest."""
        listener = self._of.get(sock)
        if listener is None:
            return
        try:
            while listener.waiting:
                del listener.waiting[:sock.send(bytes(listener.waiting[:FULL]))]
                listener.moved_at = time.monotonic()
        except _AGAIN:
            pass
        except OSError:
            self._drop(sock)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if listener.waiting else 0)
        self._selector.modify(sock, wanted)

    def _drop(self, sock: socket.socket) -> None:
        listener = self._of.pop(sock, None)
        if listener is not None:
            self._users[listener.principal.name] -= 1
            with suppress(KeyError, ValueError):
                self._selector.unregister(sock)
            sock.close()
