"""A client that nobody here wrote: py20305 from PyPI, run as people run it, with its connector that needs no
hardware.

`server_2018_compat` is what it offers for servers of the 2018 edition: nothing of 2023 in what it sends.
Without it, as it comes, it sends what the 2023 edition has.
"""
from __future__ import annotations

import json
import re
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.flows.server import Process, Server, entries, free_port, until

_COMPLAINT = re.compile(r"^\S+ \S+ (?:WARNING|ERROR|CRITICAL) .*|^Traceback.*", re.MULTILINE)
UNENROLLED = "DeviceCapability has no MirrorUsagePointListLink"
"""What it says of a server that does not know it yet: right, since it may not post before it is enrolled."""


class RealClient:
    """py20305 with the certificate of this name. `options` replace sections of its configuration, value by
    value."""

    def __init__(
        self, server: Server, name: str, folder: Path, compat: bool = False, **options: dict[str, Any]
    ):
        self.name, self.folder = name, folder
        self.lfdi = entries(server.certs)[name]["lfdi"]
        self.port = free_port()
        configuration: dict[str, dict[str, Any]] = {
            "server": {"url": server.address, "server_2018_compat": compat},
            "tls": {"client_cert": f"{server.certs}/{name}.pem", "client_key": f"{server.certs}/{name}.key",
                    "ca_cert": f"{server.certs}/ca.pem"},
            "telemetry": {"post_rate_seconds": 2, "der_capability_poll_rate_seconds": 60,
                          "der_settings_poll_rate_seconds": 60},
            "api": {"enabled": True, "port": self.port},
            "history": {"path": str(folder / f"{name}.sqlite3")},
        }
        for section, values in options.items():
            configuration[section] = configuration.get(section, {}) | values
        path = folder / f"{name}.json"
        path.write_text(json.dumps({**configuration, "devices": [{"type": "print_demo", "lfdi": self.lfdi}]}))
        self.process = Process(
            [sys.executable, "-m", "py20305", "--config", str(path)], folder / f"{name}.log", {}, folder
        )

    def stop(self) -> int:
        """End it; its exit status."""
        return self.process.stop()

    def says(self, words: str, seconds: float = 30) -> None:
        """Wait until it has said this."""
        until(lambda: words in self.process.text, seconds)

    def complaints(self) -> list[str]:
        """The warnings and errors it logged since it was started, save for the one before it was enrolled."""
        return [line for line in _COMPLAINT.findall(self.process.text) if UNENROLLED not in line]

    def api(self, path: str, method: str = "GET") -> Any:
        """Its own account of itself."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def poll(self) -> None:
        """Have it look for controls now, since it never polls more often than every ten seconds."""
        assert self.api("poll-now", "POST")["status"] != "error"

    def responses(self, mrid: str) -> list[int]:
        """The statuses it says to have answered to an event."""
        return [one["status"] for one in self.api("responses")["responses"].get(mrid.lower(), [])]

    def writes(self, mrid: str = "") -> list[tuple[str, dict[str, Any]]]:
        """What it wrote to its device (because of this event), oldest first: the operation and its
        parameters."""
        query = f"?event_mrid={mrid}" if mrid else ""
        return [(one["control"], one["params"]) for one in self.api(f"history/writes{query}")["writes"]]
