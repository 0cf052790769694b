"""The audit log in files: entries that move out of the database, and the verification of both together.

Old entries move to files `audit-FIRST.jsonl` (FIRST is the number of the first entry in it), an entry a line,
in the folder of the setting `audit_archive`. The KeyValue `audit archived` has number and hash of the last
one, with which the first in the database is chained. A file is complete on the disk before its entries
are deleted; a worker that is killed in between writes the same file again.
"""
from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from server import audit, clock
from server.config import settings
from server.errors import Refused
from server.models import AuditEntry, KeyValue
from server.resources import store

SLICE = 10_000  # entries in a file
DAY = 86_400  # s
_KEYS = {"id", "previous", "hash", *audit.FIELDS}


def archive() -> int:
    """Move up to a file of entries that are older than `audit_days` to the archive; return how many.

    None, as long as no folder is set. OSError where the file cannot be written; then nothing is deleted.
    """
    if not settings.audit_archive:
        return 0
    before = clock.now() - settings.audit_days * DAY
    oldest = AuditEntry.select().order_by(AuditEntry.id).first()
    if oldest is None or oldest.at >= before:
        return 0
    with store.transaction():
        audit.locked_head()
        rows: Iterable[Any] = AuditEntry.select().order_by(AuditEntry.id).limit(SLICE).dicts()
        # up to the first that is younger, also where the clock was set back: numbers have no gap
        entries = list(takewhile(lambda row: row["at"] < before, rows))
        if not entries:  # another worker was faster
            return 0
        _write(Path(settings.audit_archive), entries)
        last = entries[-1]
        KeyValue.insert(name=audit.ARCHIVED, value=json.dumps([last["id"], last["hash"]])).on_conflict(
            conflict_target=[KeyValue.name], preserve=[KeyValue.value]).execute()
        AuditEntry.delete().where(AuditEntry.id <= last["id"]).execute()
    return len(entries)


def _write(folder: Path, entries: list[dict[str, Any]]) -> None:
    """Write a file that is there as a whole or not at all, and that only its owner can read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file, part = folder / f"audit-{entries[0]['id']:09}.jsonl", folder / f".audit-{entries[0]['id']:09}.part"
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as output:
        output.writelines(line(entry) + "\n" for entry in entries)
        output.flush()
        os.fsync(output.fileno())
    part.replace(file)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def line(entry: Any) -> str:
    """Return an entry as a line of a file."""
    return json.dumps(entry, ensure_ascii=False, sort_keys=True)


def read(name: str, content: bytes) -> list[dict[str, Any]]:
    """Return the entries of a file; in exports of earlier versions the operation is called `what`.

    Refused (400) where it is none.
    """
    try:
        entries = [json.loads(text) for text in content.decode().splitlines()]
        for entry in entries:
            if "what" in entry:
                entry["operation"] = entry.pop("what")
        if not all(set(entry) == _KEYS and type(entry["id"]) is int for entry in entries):
            raise ValueError("an entry has other fields")
    except (ValueError, TypeError, RecursionError) as error:
        raise Refused(400, f"{name}: this is not an audit log, an entry a line ({error})") from None
    return entries


def files(folder: Path) -> list[Path]:
    """Return the files of an archive, the oldest first. Refused (404) where there are none."""
    found = sorted(folder.glob("audit-*.jsonl"), key=lambda path: path.name)
    if not found:
        raise Refused(404, f"{folder} has no file audit-….jsonl of an archive")
    return found


def faults_of_files(
    contents: Iterable[tuple[str, bytes]], known: str = ""
) -> tuple[list[str], dict[str, Any]]:
    """Return what is wrong with the entries of files, one after the other, and their last number and hash.

    The first file may begin with any entry: then those before it are in another file.
    """
    entries = [entry for name, content in contents for entry in read(name, content)]
    begin = end = audit.START
    if entries:
        end = (entries[-1]["id"], entries[-1]["hash"])
    if entries and entries[0]["id"] > 1:
        begin = (entries[0]["id"] - 1, entries[0]["previous"])
    return audit.faults(entries, known=known, begin=begin), {"entries": end[0], "hash": end[1]}


def verify(folder: Path, known: str = "") -> list[str]:
    """Return what is wrong with an archive and the database together; nothing if they are complete."""
    def all_entries() -> Iterator[Any]:
        newest = audit.ended(audit.ARCHIVED)[0]
        for path in files(folder):
            yield from (entry for entry in read(str(path), path.read_bytes()) if entry["id"] <= newest)
        yield from audit.stored()
    return audit.faults(all_entries(), audit.ended(audit.HEAD), known)
