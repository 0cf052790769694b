"""Fatal alerts of TLS, sent or received, of which the server notes LogEvents (IEEE 2030.5-2018, 6.10)."""
from __future__ import annotations

from typing import Any

from OpenSSL import SSL

_FATAL = 2  # RFC 5246, 7.2: a warning, such as the one that closes a connection, is 1


class Faults(list[str]):
    """Why a client was not accepted, in words, and the number of the last fatal alert; None for none."""
    alert: int | None = None


def watch(context: SSL.Context) -> None:
    """Let the connections of a context note their fatal alerts in the Faults that are their app data.

    OpenSSL calls it at each step of a handshake (21 times, which costs about 30 µs of 700).
    """
    context.set_info_callback(_on_step)


def _on_step(tls: SSL.Connection, where: int, value: Any) -> None:
    if where & SSL.SSL_CB_ALERT and value >> 8 == _FATAL:
        faults = tls.get_app_data()
        if faults is not None:
            faults.alert = value & 0xFF
