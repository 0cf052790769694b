"""Files that an operator publishes for devices to load, and how far they are (IEEE 2030.5-2018, 9.8)."""
from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypedDict

from server import audit
from server.config import settings
from server.errors import BadArgument, Refused
from server.functionsets.filedownload import LIST
from server.grid.groups import assignments, virtualders
from server.models import (EVERYONE, Device, Document, FileContent, FileProgress, VirtualDER, among, chunked,
                           vder_of_audience)
from server.models.pages import Pages
from server.resources import filecontents, numbering, sql, store
from server.resources.codes import FileStatus, FileType
from server.units import Href, Instant, Lfdi

TYPES: Mapping[str, int] = {kind.name.lower(): int(kind) for kind in FileType}
_VENDOR = range(0x8000, 0x10000)
STATUSES: Mapping[int, str] = {status: status.name.lower().replace("_", " ") for status in FileStatus}
FAILED = (FileStatus.LOAD_FAILED, FileStatus.VERIFICATION_FAILED, FileStatus.ACTIVATION_FAILED)
StatusName = Literal["idle", "loading", "load failed", "verifying", "verification failed", "verified",
                     "activation failed", "activating", "activated"]


class FileRow(TypedDict):
    """A File as it is offered. `seen_by` is who may load it: all devices, a device or a virtual DER.
    `sha256` is empty where its bytes are on another server. `activate_at` is null as long as devices are not
    to activate it."""
    href: Href
    kind: str
    mf_id: int
    mf_model: str
    mf_ver: str
    mf_hw_ver: str
    mf_ser_num: str
    seen_by: str
    size: int
    sha256: str
    activate_at: Instant | None


class StatusCount(TypedDict):
    """How many devices say that they are so far."""
    status: str
    devices: int


class FileDetail(FileRow):
    """A File with where its bytes are, how many devices may load it, and how far those are that said so."""
    name: str
    file_uri: str
    published_at: Instant | None
    may_load: int
    progress: list[StatusCount]


class PublishedFile(FileDetail):
    """A File that was published."""
    warnings: list[str]


class WithdrawnFile(TypedDict):
    """A File that is offered no more."""
    withdrawn: Href
    mf_model: str
    mf_ver: str


class StatusChange(TypedDict):
    """A change of status: by the device's clock, and when it told."""
    status: str
    at: Instant
    told_at: Instant


class LoadProgress(TypedDict):
    """How far a device is with a File. `since_at` is when it became so by its own clock, `told_at` when it
    said so. `busy_answers` counts the 503s that it met, `failed_requests` what else went wrong."""
    device: str
    lfdi: Lfdi
    status: str
    loaded_percent: int
    since_at: Instant
    told_at: Instant
    next_attempt_at: Instant
    busy_answers: int
    failed_requests: int
    history: list[StatusChange]


def file_type(text: str) -> str:
    """Return the hexadecimal digits of a File's type from its name, or of a maker's own from 8000 to FFFF.
    BadArgument for others."""
    if text in TYPES:
        return f"{TYPES[text]:04X}"
    try:
        number = int(text, 16)
    except ValueError:
        number = -1
    if number not in _VENDOR:
        raise BadArgument(
            "type", f"{text} is neither of {', '.join(TYPES)} nor one of the maker's, 8000 to FFFF")
    return f"{number:04X}"


def check(content: bytes, sha256: str | None) -> None:
    """Refuse (400) bytes that cannot be published: none, too many, or not those of this SHA-256."""
    if not content:
        raise BadArgument("file", "it is empty")
    if len(content) > settings.file_bytes:
        raise BadArgument("file", f"{len(content)} bytes are more than {settings.file_bytes}, which the "
                                  "setting file_bytes allows")
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256.strip().lower():
        raise BadArgument("sha256", f"the file has {hashlib.sha256(content).hexdigest()}: it is another, or "
                                    "damaged")


def publish(content: FileContent, file: Mapping[str, Any], vder: str | None) -> PublishedFile:
    """Offer stored bytes as a File, with what that says but its URI and size; to the device of its lFDI, the
    members of a virtual DER, or all. Refused (400, 404)."""
    audience = EVERYONE if vder is None else assignments.audience(virtualders.find(vder))
    return _publish(content, file, audience)


def _published(row: FileDetail) -> dict[str, object]:
    return {key: value for key, value in row.items() if key in (
        "href", "kind", "mf_id", "mf_model", "mf_ver", "seen_by", "size", "sha256", "activate_at")}


@audit.audited("file publish", "{href} {mf_model} {mf_ver}", answer=_published)
def _publish(content: FileContent, file: Mapping[str, Any], audience: str) -> PublishedFile:
    with store.transaction():
        href = f"{LIST}/{numbering.next_number(LIST)}"
        filecontents.attach(content, href)
        store.put(href, {**file, "fileURI": filecontents.uri(href), "size": content.size}, audience)
        detail = show(href)
        warnings = [] if detail["may_load"] else ["no device may load it"]
        same = [other.href for other in store.items(LIST)
                if other.href != href and _same(other.submitted, file)]
        if same:
            warnings.append(f"{', '.join(same)} is for the same model and version")
        return {**detail, "warnings": warnings}


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(key) == other.get(key)
               for key in ("type", "mfID", "mfModel", "mfVer", "mfHwVer", "mfSerNum", "lFDI"))


def list_files() -> Iterator[FileRow]:
    """Yield the Files, in the order of FileList."""
    for chunk in chunked(store.items(LIST), 500):
        contents = {content.href: content for content in
                    among(FileContent.select(), FileContent.href, [document.href for document in chunk])}
        names = _names({document.audience for document in chunk})
        for document in chunk:
            yield _row(document, contents.get(document.href), names)


def show(href: Href) -> FileDetail:
    """Return a File. Refused (404) where there is none."""
    document = _file(href)
    content = filecontents.of(href)
    counts = sql.rows("SELECT status, count(*) FROM file_progress WHERE file = ? "
                      "GROUP BY status ORDER BY status", href)
    return {
        **_row(document, content, _names({document.audience})),
        "name": content.name if content else "",
        "file_uri": document.submitted["fileURI"],
        "published_at": content.created_at if content else None,
        "may_load": _may_load(document.audience),
        "progress": [{"status": STATUSES.get(status, str(status)), "devices": count}
                     for status, count in counts],
    }


def devices(href: Href, status: str | None = None, failed: bool = False) -> Pages[LoadProgress]:
    """Return how far each device is that has said so, by LFDI. Refused (404) where there is no such File."""
    _file(href)
    query = FileProgress.select().where(FileProgress.file == href)
    if status is not None:
        query = query.where(FileProgress.status == next(
            number for number, name in STATUSES.items() if name == status))
    if failed:
        query = query.where(FileProgress.status.in_([int(number) for number in FAILED]))
    return Pages(query, FileProgress.lfdi, _progress_rows)


def _state(href: Href) -> dict[str, object]:
    return _published(show(href))


@audit.audited("file activate", "{href} {mf_model} {mf_ver}", state=_state)
def activate(href: Href, at: Instant | None) -> FileDetail:
    """Say when devices activate a File that they have loaded and verified; None: not until it is said.
    Refused (404) where there is none."""
    with store.transaction(href):
        submitted = {key: value for key, value in _file(href).submitted.items() if key != "activateTime"}
        store.put(href, submitted if at is None else {**submitted, "activateTime": at})
    return show(href)


@audit.audited("file withdraw", "{href} {mf_model} {mf_ver}", state=_state)
def withdraw(href: Href) -> WithdrawnFile:
    """Offer a File no more, and remove its bytes and what devices said of it. Refused (404) where there is
    none."""
    submitted = _file(href).submitted
    store.remove(href)
    return {"withdrawn": href, "mf_model": submitted["mfModel"], "mf_ver": submitted["mfVer"]}


def _file(href: Href) -> Document:
    document = store.get(href)
    if document is None or document.kind != "File":
        raise Refused(404, f"there is no file {href}: `counterpoise file list` has those that there are")
    return document


def _row(document: Document, content: FileContent | None, names: Mapping[str, str]) -> FileRow:
    data = document.submitted
    kind = int(data["type"], 16)
    return {
        "href": document.href,
        "kind": next((name for name, number in TYPES.items() if number == kind), f"{kind:04X}"),
        "mf_id": data["mfID"],
        "mf_model": data["mfModel"],
        "mf_ver": data["mfVer"],
        "mf_hw_ver": data.get("mfHwVer", ""),
        "mf_ser_num": data.get("mfSerNum", ""),
        "seen_by": names.get(document.audience, document.audience),
        "size": data["size"],
        "sha256": content.sha256 if content else "",
        "activate_at": data.get("activateTime"),
    }


def _names(audiences: Iterable[str]) -> dict[str, str]:
    """The names of audiences."""
    vders = {number: audience for audience in audiences for number in [vder_of_audience(audience)] if number}
    names = {vders[vder.id]: vder.name for vder in among(VirtualDER.select(), VirtualDER.id, vders)}
    names |= {device.lfdi: device.name or device.lfdi
              for device in among(Device.select(), Device.lfdi, set(audiences) - set(vders.values()))}
    return {EVERYONE: "all devices", **names}


def _may_load(audience: str) -> int:
    """How many enrolled devices are of an audience."""
    if audience == EVERYONE:
        return int(Device.select().where(Device.state == Device.ENROLLED).count())
    number = vder_of_audience(audience)
    if number:
        return int(virtualders.members(VirtualDER.get_by_id(number)).order_by().count())
    return int(Device.select().where(Device.lfdi == audience).count())


def _progress_rows(page: Iterable[FileProgress]) -> Iterator[LoadProgress]:
    rows = list(page)
    named = among(Device.select(), Device.lfdi, [row.lfdi for row in rows])
    names = {device.lfdi: device.name for device in named}
    for row in rows:
        yield {
            "device": names.get(row.lfdi) or row.lfdi,
            "lfdi": row.lfdi,
            "status": STATUSES.get(row.status, str(row.status)),
            "loaded_percent": row.percent,
            "since_at": row.status_at,
            "told_at": row.received_at,
            "next_attempt_at": row.next_attempt_at,
            "busy_answers": row.busy_answers,
            "failed_requests": row.failed_requests,
            "history": [{"status": STATUSES.get(status, str(status)), "at": at, "told_at": told_at}
                        for status, at, told_at in row.history],
        }
