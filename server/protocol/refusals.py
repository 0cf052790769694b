"""Connections that are refused are logged with the reason, each client and reason at most once a minute.

What the standard has a code for is in the server's LogEvents, too (see selflog, which bounds them).
"""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic

from server import logs
from server.functionsets import selflog
from server.models import db
from server.models.unavailable import DATABASE_ERRORS

log = logging.getLogger(__name__)
QUIET_S = 60  # a device that is refused tries again and again
MOST = 1024  # clients and reasons that are remembered; beyond, the oldest is forgotten

_lock = threading.Lock()
_last: dict[tuple[str, str], tuple[float, int]] = {}


def record(address: str, reason: str) -> None:
    """Log that the connection of a client at an address is refused, unless that was just logged."""
    now = monotonic()
    with _lock:
        logged_at, left_out = _last.pop((address, reason), (-QUIET_S, 0))
        quiet = now - logged_at < QUIET_S
        _last[address, reason] = (logged_at, left_out + 1) if quiet else (now, 0)
        if len(_last) > MOST:
            del _last[next(iter(_last))]
    if not quiet:
        more = f" ({left_out} more times since it was last said)" if left_out else ""
        log.warning("%s is refused: %s%s", address, reason, more)


def record_alert(address: str, alert: int) -> None:
    """Note that a connection has ended with a fatal alert of TLS."""
    _note(lambda: selflog.tls_alert(address, alert))


def record_access(who: str) -> None:
    """Note that the certificate of `who` (an SFDI or an address) is not accepted within a connection."""
    _note(lambda: selflog.access_failed(who))


def _note(write: Callable[[], None]) -> None:
    """Write a LogEvent. Where that fails, the client is answered all the same."""
    if db.obj is None:  # as in a server of an empty view
        return
    try:
        write()
    except DATABASE_ERRORS as error:
        log.warning("the LogEvent of a refusal was not stored: %s", error)
    except Exception:
        logs.unexpected(log, "the LogEvent of a refusal")


def forget() -> None:
    """Forget what was logged."""
    with _lock:
        _last.clear()
