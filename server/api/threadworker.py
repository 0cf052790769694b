"""gunicorn's worker of threads, which hands connections over that listen to changes.

A thread answers a request; a stream would occupy it for hours. Its view raises HandedOver once the head of
the answer is sent, and the connection goes to the thread of `listeners`.
"""
from __future__ import annotations

import resource
from typing import Any

from gunicorn.workers import gthread

from server.api import stream
from server.api.listeners import StreamListeners
from server.config import settings

_HANDED_OVER = object()


class StreamingWorker(gthread.ThreadWorker):
    """A process of the operator interface."""

    wsgi: Any

    def init_process(self) -> None:
        """Set up the forked process."""
        _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
        self.listeners = StreamListeners(settings.stream_listeners, settings.stream_of_user)
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application, and tell it where listeners go."""
        super().load_wsgi()
        application = self.wsgi
        self.wsgi = lambda environ, start_response: application(
            environ | {stream.LISTENERS: self.listeners}, start_response)

    def handle(self, conn: Any) -> Any:
        """Answer a request, in a thread of the pool."""
        try:
            return super().handle(conn)
        except stream.HandedOver as handed:
            self.listeners.add(conn.sock, handed.listener)
            return _HANDED_OVER

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Look after a connection whose request is answered, in the main thread."""
        if not fs.cancelled() and fs.exception() is None and fs.result() is _HANDED_OVER:
            self.nr_conns -= 1
            return
        super().finish_request(conn, fs)

    def run(self) -> None:
        """Serve until told to stop."""
        try:
            super().run()
        finally:
            self.listeners.close()
