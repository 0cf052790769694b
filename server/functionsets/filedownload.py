"""File download: the checks of a FileStatus (IEEE 2030.5-2018, 9.8, and the schema)."""
from __future__ import annotations

from server.errors import Refused
from server.resources.codes import FileStatus
from server.resources.hooks import Change, before

_WHOLE = 100  # percent


@before("PUT", "FileStatus")
def _check(change: Change) -> None:
    status, percent = change.data["status"], change.data["loadPercent"]
    if status not in [*FileStatus]:
        raise Refused(400, f"FileStatus/status: {status} is reserved; 0 to {max(FileStatus):d} are possible")
    if percent > _WHOLE:
        raise Refused(400, f"FileStatus/loadPercent: {percent} is more than {_WHOLE}")
