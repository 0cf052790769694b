"""The device interface's configuration for gunicorn, with a SIGTERM at the worst moment.

The arbiter is told to end when it has just forked a worker, and passes that on before the worker has handlers
of its own.
"""
from __future__ import annotations

import os
import signal
import time
from typing import Any

from server.protocol.listen import *  # noqa: F401,F403


def post_fork(arbiter: Any, worker: Any) -> None:
    """Run in the new worker; return when the arbiter's SIGTERM has reached it, handled or blocked."""
    os.kill(worker.ppid, signal.SIGTERM)
    while signal.SIGTERM not in signal.sigpending() and arbiter.SIG_QUEUE.empty():
        time.sleep(0.001)
