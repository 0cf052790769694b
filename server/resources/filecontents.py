"""The bytes of files that this server serves: in parts, in the database, which every node reads.

They never change: a File of other bytes is another File. See docs/decisions/0021.
"""
from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable

from server import clock
from server.models import FileContent, FilePart
from server.models.base import chunked
from server.resources import sql
from server.resources.transactions import transaction
from server.units import Href, Seconds

PART_BYTES = 1 << 16
_TOGETHER = 32  # parts that are stored in one transaction: others wait for no more than 2 MiB
_ABANDONED_S: Seconds = 86400  # after which the bytes of a file that was not published count as abandoned
_SCOPE = "/file"
_CONTENT = re.compile(r"(/file/[1-9][0-9]{0,17})/content")
Track = Callable[..., Iterable[list[int]]]


def uri(file: Href) -> Href:
    """Return where the bytes of a File are."""
    return f"{file}/content"


def file_of(href: Href) -> Href | None:
    """Return the File whose bytes are at an href; None where that is no fileURI of this server."""
    match = _CONTENT.fullmatch(href)
    return match[1] if match else None


def add(content: bytes, name: str, track: Track = lambda batches, *_: batches) -> FileContent:
    """Store bytes that are to become a File, some parts in each transaction; return their row.

    `track` tells how far it is, see operations/progress. What an interruption left behind is removed.
    """
    with transaction(_SCOPE):
        _remove_abandoned()
        stored: FileContent = FileContent.create(
            name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest(), created_at=clock.now())
    numbers = range(-(-len(content) // PART_BYTES))
    try:
        for batch in track(list(chunked(numbers, _TOGETHER)), "storing", len):
            with transaction(_SCOPE):
                for number in batch:
                    begin = number * PART_BYTES
                    FilePart.insert(content=stored.id, number=number,
                                    data=content[begin:begin + PART_BYTES]).execute()
    except BaseException:
        discard(stored)
        raise
    return stored


def attach(stored: FileContent, href: Href) -> None:
    """Let bytes be those of a File."""
    FileContent.update(href=href).where(FileContent.id == stored.id).execute()


def of(href: Href) -> FileContent | None:
    """Return the row of the bytes of a File; None where this server has none."""
    row: FileContent | None = FileContent.get_or_none(FileContent.href == href)
    return row


def part(content: int, number: int) -> bytes | None:
    """Return a part of some bytes (the number of their row); None where there is none any more."""
    found = sql.bodies("SELECT data FROM file_part WHERE content = ? AND number = ?", content, number)
    return bytes(found[0][0]) if found else None


def discard(stored: FileContent) -> None:
    """Remove bytes."""
    with transaction(_SCOPE):
        FilePart.delete().where(FilePart.content == stored.id).execute()
        FileContent.delete().where(FileContent.id == stored.id).execute()


def _remove_abandoned() -> None:
    """Remove the bytes of files whose publishing was interrupted."""
    old = FileContent.href.is_null() & (FileContent.created_at < clock.now() - _ABANDONED_S)
    for stored in list(FileContent.select().where(old)):
        discard(stored)
