"""An honest client, as a process of its own that loads little: polls, and tells what it noticed."""
from __future__ import annotations

import time
from typing import Any

from clients.transport.mtls import ConnectionLost, Https, tls_context

POLL_S = 0.25


def run(address: str, files: tuple[str, str, str], fresh: bool, pipe: Any) -> None:
    """Poll for as many seconds as the pipe says, again and again until it says 0.

    Each time, send the latencies (s) and why there was no answer or another than 200. `fresh`: on a new
    connection each time.
    """
    https = Https(address, tls_context(*files), timeout=60)
    while seconds := pipe.recv():
        latencies, refused = [], []
        end = time.monotonic() + seconds
        while (begun := time.monotonic()) < end:
            try:
                reply = https.exchange("GET", "/dcap", None, {})
                if reply.status != 200:
                    refused.append(str(reply.status))
            except ConnectionLost as lost:
                refused.append(str(lost))
            latencies.append(time.monotonic() - begun)
            if fresh:
                https.close()
            time.sleep(max(0.0, POLL_S - latencies[-1]))
        pipe.send((latencies, refused))
    https.close()
