"""Loading of a file, as a device does it: a part at a time, verified, activated when it is told to, and each
change told by its FileStatus (IEEE 2030.5-2018, 9.8)."""
from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from clients.reports.reporter import FIRST_VERSION, Trace
from clients.transport.connection import Busy, Connection, Refusal
from clients.transport.discovery import DiscoveredDevice, link_href
from server.resources.codes import FileStatus, FileType

PART_BYTES = 16_384
MOST_FAILURES = 3
"""Requests that fail before a load is given up."""
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")
_OVER = {FileStatus.LOAD_FAILED, FileStatus.VERIFICATION_FAILED, FileStatus.ACTIVATED}


def version_key(version: str) -> list[tuple[int, str]]:
    """Return what versions are compared by: 1.10 is later than 1.9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in version.split(".")]


class FileLoader:
    """Loads software for one EndDevice.

    `version` is that which the device runs, which an activation changes. `due` is the server second at which
    to `run` next; infinite where nothing is to be done before the FileList is read again.
    """

    def __init__(
        self, name: str, connection: Connection, on_event: Callable[[Trace], None],
        version: str = FIRST_VERSION
    ):
        self.version = version
        self.due = math.inf
        self._name, self._connection, self._on_event = name, connection, on_event
        self._status, self._told, self._told_at = FileStatus.IDLE, FileStatus.IDLE, 0
        self._file: dict[str, Any] = {}
        self._content = bytearray()
        self._etag, self._digest = "", b""
        self._busy = self._failures = 0
        self._next_attempt_at = 0
        self._untold: dict[str, Any] = {}    # what is to be said where there is a FileStatusLink

    def run(self, discovered: DiscoveredDevice, now: float) -> None:
        """Do the next step with the files that were read last; Unreachable where there is no answer."""
        second = int(now)
        self._send(discovered)
        offered = {file["href"]: file for file in discovered.files}
        if self._file.get("href") not in offered or self._status in _OVER:
            self._begin(offered, second)
        elif self._status is not FileStatus.IDLE:
            self._file = offered[self._file["href"]]
        if self._status is FileStatus.LOADING and now >= self._next_attempt_at:
            self._load(discovered, second)
        elif self._status is FileStatus.VERIFIED and self._file.get("activateTime", math.inf) <= now:
            self._tell(discovered, FileStatus.ACTIVATING, second)
            self.version = self._file["mfVer"]
            self._tell(discovered, FileStatus.ACTIVATED, second)
        self.due = self._due(now)

    def _due(self, now: float) -> float:
        if self._status is FileStatus.LOADING:
            return max(now, self._next_attempt_at)
        if self._status is FileStatus.VERIFIED:
            return float(self._file.get("activateTime", math.inf))
        return math.inf

    def _begin(self, offered: dict[str, dict[str, Any]], now: int) -> None:
        """Take the newest software that is later than that which runs, unless it has failed before."""
        failed = self._file.get("href") if self._status in _OVER else None
        newer = [file for href, file in offered.items()
                 if int(file["type"], 16) == FileType.SOFTWARE and href != failed
                 and version_key(file["mfVer"]) > version_key(self.version)]
        if not newer:
            return
        self._file = max(newer, key=lambda file: version_key(file["mfVer"]))
        self._content, self._etag, self._digest = bytearray(), "", b""
        self._busy = self._failures = 0
        self._next_attempt_at, self._status = now, FileStatus.LOADING

    def _load(self, discovered: DiscoveredDevice, now: int) -> None:
        """Ask for the next part, and verify the whole with the last one."""
        begin, size = len(self._content), int(self._file["size"])
        headers = {"Range": f"bytes={begin}-{min(begin + PART_BYTES, size) - 1}"}
        if self._etag:
            headers["If-Range"] = self._etag
        try:
            part = self._connection.load(urlsplit(self._file["fileURI"]).path, headers)
        except Busy as busy:
            self._busy += 1
            self._next_attempt_at = math.ceil(now + busy.delay_s)
            self._tell(discovered, FileStatus.LOADING, now)
            return
        except Refusal:
            self._failures += 1
            failed = self._failures >= MOST_FAILURES
            self._tell(discovered, FileStatus.LOAD_FAILED if failed else FileStatus.LOADING, now)
            return
        if part.status != 206:      # it is the whole, or another one than before
            self._content = bytearray()
        self._content += part.body
        self._etag = part.headers.get("ETag", "")
        digest = _DIGEST.search(part.headers.get("Repr-Digest", ""))
        self._digest = base64.b64decode(digest[1]) if digest else b""
        self._tell(discovered, FileStatus.LOADING, now)
        if len(self._content) >= size:
            self._verify(discovered, size, now)

    def _verify(self, discovered: DiscoveredDevice, size: int, now: int) -> None:
        self._tell(discovered, FileStatus.VERIFYING, now)
        is_whole = len(self._content) == size and self._digest in (
            b"", hashlib.sha256(self._content).digest())
        self._tell(discovered, FileStatus.VERIFIED if is_whole else FileStatus.VERIFICATION_FAILED, now)

    def _tell(self, discovered: DiscoveredDevice, status: FileStatus, now: int) -> None:
        """PUT the FileStatus, and trace a change of status."""
        self._status = status
        if status is not self._told:
            self._on_event(Trace(now, self._name, "file", f"{status.name.lower()} {self._file['mfVer']}"))
            self._told, self._told_at = status, now
        self._untold = {
            "FileLink": {"href": self._file["href"]}, "status": int(status), "statusTime": self._told_at,
            "loadPercent": min(100, 100 * len(self._content) // max(1, int(self._file["size"]))),
            "nextRequestAttempt": self._next_attempt_at, "request503Count": self._busy,
            "requestFailCount": self._failures}
        self._send(discovered)

    def _send(self, discovered: DiscoveredDevice) -> None:
        """PUT the FileStatus where there is something to say, and where to; a server may have none for a
        device before it has read its DeviceInformation."""
        href = link_href(discovered.device, "FileStatusLink")
        if href is not None and self._untold:
            self._connection.put(href, "FileStatus", self._untold)
            self._untold = {}
