"""File download: which Files a device is offered, and its FileStatus (IEEE 2030.5-2018, 9.8, and the schema).

Who may read a File, and its bytes, is its audience; a File with an lFDI is for that device alone. FileList
has those of them whose maker, model, hardware version and serial number are the device's by its
DeviceInformation, and that meet the query. A device that has not said what it is gets all, and an aggregator
those of all its devices.

What the text of the standard leaves open of the query: it is by names of elements of File. A File that does
not say for which hardware, serial number or device it is meets every value of these. mfVer is the version
that a device has, or wants at least: it selects this one and those after it.
"""
from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from server import clock
from server.devices import access
from server.devices.requestcontext import ListPage, RequestContext
from server.errors import Refused
from server.models import EVERYONE, Document, FileProgress
from server.resources import filecontents, hexbinary, retrieve, schema, sql, store, table
from server.resources.codes import FileStatus, FileType, FunctionsImplemented
from server.resources.hooks import Change, after, before, instead
from server.units import Href, Instant, Lfdi

Data = dict[str, Any]
LIST = table.rows["FileList"].path
_WHOLE = 100  # percent
_VENDOR_TYPES = range(0x8000, 0x10000)
_PRODUCT = ("mfID", "mfModel", "mfHwVer", "mfSerNum")
_SAID = ("type", "mfID", "mfModel", "mfVer")  # what each File says; it may leave out the others
_INFORMATION = ("SELECT document.submitted FROM device JOIN document "
                "ON document.href = '/edev/' || device.id || '/di' "
                f"WHERE device.lfdi = ? AND device.kind <> '{access.AGGREGATOR}'")
_MOST_CHANGES = 32  # of status that are kept of a device and a file


class Query(NamedTuple):
    """Which Files a query selects: wanted values by the names of their elements."""
    values: dict[str, Any]

    def selects(self, file: Data) -> bool:
        """Return whether a File, by its data, is selected."""
        return all(_meets(name, wanted, file.get(name)) for name, wanted in self.values.items())


def query(text: str) -> Query:
    """Return what a query string selects; other parameters are left out. Refused (400) for a bad value."""
    values: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in _READERS and name not in values:
            try:
                values[name] = _READERS[name](value)
            except ValueError:
                raise Refused(400, f"query {name}={value}: this is no value of File/{name}") from None
    return Query(values)


def _hex(text: str) -> int:
    return int(text, 16)


_READERS: dict[str, Any] = {"type": _hex, "lFDI": _hex, "mfID": int, "mfHwVer": str, "mfModel": str,
                            "mfSerNum": str, "mfVer": str}


def _meets(name: str, wanted: Any, value: Any) -> bool:
    if value is None:
        return name not in _SAID
    if name == "mfVer":
        return version_key(value) >= version_key(wanted)
    return bool(_READERS[name](str(value)) == wanted)


def version_key(version: str) -> list[tuple[int, int, str]]:
    """Return what versions compare by: numbers in them as numbers, so that 1.10 is after 1.9. Pure."""
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part)
            for part in re.findall(r"\d+|[^\d.]+", version)]


def suits(file: Data, information: Data | None) -> bool:
    """Return whether a File is for a device of this DeviceInformation; what either leaves out fits. Pure."""
    if not information:
        return True
    return all(not file.get(name) or not information.get(name) or file[name] == information[name]
               for name in _PRODUCT)


def offered(lfdi: Lfdi) -> list[retrieve.Seen]:
    """Return the Files in the list of a caller, in its order."""
    files = retrieve.seen(LIST, lfdi)
    said = sql.row(_INFORMATION, lfdi) if files else None
    information = Document.submitted.python_value(said[0]) if said else None
    return [file for file in files if suits(file.submitted, information)]


@instead("GET", "FileList")
def file_list(context: RequestContext) -> ListPage:
    """Return the page of the Files for the caller that meet the query."""
    selected = query(context.query)
    files = [file for file in offered(context.caller.lfdi) if selected.selects(file.submitted)]
    start, _, limit = context.list_parameters
    page = files[start:start + limit]
    return ListPage("FileList", retrieve.page_of(page, len(files), context.variant))


@before("POST", "File")
@before("PUT", "File")
def _check_file(change: Change) -> None:
    kind = int(change.data["type"], 16)
    if kind not in [*FileType] and kind not in _VENDOR_TYPES:
        raise Refused(400, f"File/type: {kind:02X} is reserved; {min(FileType):02X} to {max(FileType):02X} "
                           "and 8000 to FFFF are possible")
    if change.data.get("lFDI") and change.audience == EVERYONE:
        change.audience = schema.hexadecimal(change.data["lFDI"], 40)


@after("DELETE", "File")
def _remove_content(change: Change) -> None:
    stored = filecontents.of(change.href)
    if stored is not None:
        filecontents.discard(stored)
    FileProgress.delete().where(FileProgress.file == change.href).execute()


@after("DELETE", "EndDevice")
def _remove_progress(change: Change) -> None:
    FileProgress.delete().where(FileProgress.lfdi == change.audience).execute()


# --- FileStatus -----------------------------------------------------------------------------------

@after("PUT", "DeviceInformation")
def _add_status(change: Change) -> None:
    """Let a device that says it loads files find its FileStatus, before it has said anything in it."""
    match, row = table.match(change.href), table.rows["FileStatus"]
    if match is not None and row.parameters == tuple(match.parameters) and (
            hexbinary.bits(change.data.get("functionsImplemented")) & FunctionsImplemented.SOFTWARE_DOWNLOAD):
        store.add_placeholders({row.href(**match.parameters): row.name})


@before("PUT", "FileStatus")
def _check(change: Change) -> None:
    status, percent = change.data["status"], change.data["loadPercent"]
    if status not in [*FileStatus]:
        raise Refused(400, f"FileStatus/status: {status} is reserved; 0 to {max(FileStatus):d} are possible")
    if percent > _WHOLE:
        raise Refused(400, f"FileStatus/loadPercent: {percent} is more than {_WHOLE}")
    file, before_it = _file(change.data, change.caller), _file(change.old or {}, change.caller)
    # a device goes on telling of a file that was withdrawn meanwhile
    if file is not None and file != before_it and not _is_seen(file, change.audience or ""):
        raise Refused(400, f"FileStatus/FileLink: there is no File {file} for this device")


def _is_seen(href: Href, lfdi: str) -> bool:
    match = table.match(href)
    return match is not None and match.row.name == "File" and retrieve.visible(href, lfdi)


def _file(data: Data, caller: Any) -> Href | None:
    """Return the href of the File that a FileStatus is about; None for one of another server, or none."""
    href = str((data.get("FileLink") or {}).get("href", ""))
    base = getattr(caller, "base", "")
    href = href.removeprefix(base) if base else href
    return href if href.startswith("/") else None


@after("PUT", "FileStatus")
def _record(change: Change) -> None:
    """Note how far the device is with the File, and when its status changed."""
    file, lfdi = _file(change.data, change.caller), change.audience
    if file is None or lfdi is None or not _is_seen(file, lfdi):
        return
    data, now = change.data, clock.now()
    stored = sql.row("SELECT history FROM file_progress WHERE file = ? AND lfdi = ?", file, lfdi)
    history = FileProgress.history.python_value(stored[0]) if stored else []
    entry = [data["status"], _bounded(data["statusTime"], now), now]
    if not history or history[-1][:2] != entry[:2]:
        history = [*history, entry][-_MOST_CHANGES:]
    values = {
        "file": file, "lfdi": lfdi, "status": data["status"], "percent": data["loadPercent"],
        "status_at": entry[1], "received_at": now, "next_attempt_at": data["nextRequestAttempt"],
        "busy_answers": data["request503Count"], "failed_requests": data["requestFailCount"],
        "history": history}
    FileProgress.insert(values).on_conflict(
        conflict_target=[FileProgress.file, FileProgress.lfdi],
        update={name: value for name, value in values.items() if name not in ("file", "lfdi")}).execute()


def _bounded(instant: Instant, now: Instant) -> Instant:
    """Return an instant of a device's clock, which may be ahead, as no later than now."""
    return min(instant, now)
