"""A client of another author: py20305 from PyPI, run as a user runs it, with its connector that needs no
hardware.

With `server_2018_compat` it sends nothing of the 2023 edition; by default it sends what that edition has.
"""
from __future__ import annotations

import json
import re
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.flows.server import Process, Server, entries, free_port, until

_WARNING = re.compile(r"^\S+ \S+ (?:WARNING|ERROR|CRITICAL) .*|^Traceback.*", re.MULTILINE)
UNENROLLED = "DeviceCapability has no MirrorUsagePointListLink"
"""Its warning at a server that does not know it yet. It is right: it may not post before it is enrolled."""


class RealClient:
    """py20305 with the certificate of this name; `options` replace values in its configuration."""

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
        """Stop it; return its exit status."""
        return self.process.stop()

    def await_output(self, text: str, seconds: float = 30) -> None:
        """Wait until its output has this text."""
        until(lambda: text in self.process.text, seconds)

    def warnings(self) -> list[str]:
        """Return the warnings and errors that it logged, except for UNENROLLED."""
        return [line for line in _WARNING.findall(self.process.text) if UNENROLLED not in line]

    def api(self, path: str, method: str = "GET") -> Any:
        """Return an answer of its own API."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/api/v1/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def poll(self) -> None:
        """Make it poll for controls now; by itself it does so at the poll rate."""
        assert self.api("poll-now", "POST")["status"] != "error"

    def rediscover(self) -> None:
        """Make it discover anew, and wait for it; it does so by itself too, at its poll rate."""
        self.api("rediscover", "POST")

        def is_complete() -> bool:
            text = self.process.text
            return text.rfind("Rediscovery complete") > text.rfind("Rediscovery: resetting")

        until(is_complete)

    def log_of(self, mrid: str) -> list[str]:
        """Return what it logged about an event."""
        return [line for line in self.process.text.splitlines() if f"Event {mrid[:8].lower()}" in line]

    def responses(self, mrid: str) -> list[int]:
        """Return the statuses of its Responses to an event, by its own account."""
        return [response["status"] for response in self.api("responses")["responses"].get(mrid.lower(), [])]

    def writes(self, mrid: str = "") -> list[tuple[str, dict[str, Any]]]:
        """Return what it wrote to its device (because of this event), the oldest first: operation and
        parameters."""
        query = f"?event_mrid={mrid}" if mrid else ""
        return [(write["control"], write["params"]) for write in self.api(f"history/writes{query}")["writes"]]
