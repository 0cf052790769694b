"""`audit`: who changed what, and why; and whether the log of it is complete."""
from __future__ import annotations

import json
from typing import Annotated, Any, NotRequired, TypedDict

from server import audit
from server.errors import Refused
from server.operations.declaration import Arg, Group, Role, UploadedFile
from server.units import Instant

audit_group = Group(
    "audit",
    "Every change of state by an operator: who, operation, before, after, reason, chained by hashes.")
GROUPS = (audit_group,)
_ENTRY_KEYS = {"id", "previous", "hash", *audit.FIELDS}
Since = Annotated[Instant | None, Arg("Only from this instant on.")]


class Verification(TypedDict):
    """How many entries there are, the hash of the newest, and what is wrong with the log."""
    entries: int
    hash: str
    complete: bool
    faults: NotRequired[list[str]]


@audit_group.operation("tail", role=Role.VIEWER)
def tail(
    *,
    limit: Annotated[int, Arg("The newest so many.", least=0, option="n/lines")] = 20,
    who: Annotated[str, Arg("Only by this operator.")] = "",
    operation: Annotated[str, Arg(
        "Only of this kind: vder, or more exactly, vder update.", option="what")] = "",
    subject: Annotated[str, Arg("Only with this text in the subject.")] = "",
    since: Since = None,
) -> list[audit.AuditRow]:
    """List the newest entries, oldest first."""
    return audit.entries(limit, who=who, operation=operation, subject=subject, since=since)


@audit_group.operation("verify", role=Role.VIEWER)
def verify(
    file: Annotated[UploadedFile | None, Arg(metavar="[FILE]")] = None,
    *,
    known: Annotated[str, Arg("An entry of this hash has to be in it.", metavar="HASH")] = "",
) -> Verification:
    """Verify that the log (or a FILE that `audit export` wrote) is complete: nothing altered, missing or
    reordered.

    Prints how many entries there are and the newest hash. Keep that somewhere else: with `known` it shows
    even if somebody has written the whole log anew.
    """
    if file is None:
        faults, head = audit.verify(known), audit.head()
    else:
        entries = _entries(file)
        faults = audit.faults(entries, known=known)
        head = {"entries": len(entries), "hash": entries[-1]["hash"] if entries else audit.BEGIN}
    result: Verification = {"entries": head["entries"], "hash": head["hash"], "complete": not faults}
    if faults:
        result["faults"] = faults
    return result


def _entries(file: UploadedFile) -> list[dict[str, Any]]:
    """Return the entries of a file; in exports of earlier versions the operation is called `what`."""
    try:
        entries = [json.loads(line) for line in file.content.decode().splitlines()]
        for entry in entries:
            if "what" in entry:
                entry["operation"] = entry.pop("what")
        if not all(set(entry) == _ENTRY_KEYS and type(entry["id"]) is int for entry in entries):
            raise ValueError("an entry has other fields")
    except (ValueError, TypeError, RecursionError) as error:
        raise Refused(400, f"{file.name}: this is not an audit log, an entry a line ({error})") from None
    return entries


@audit_group.operation("export", role=Role.VIEWER)
def export(
    *, since: Since = None, until: Annotated[Instant | None, Arg("Only before this instant.")] = None
) -> list[audit.AuditRow]:
    """Export entries with their hashes, one JSON object a line."""
    return audit.entries(since=since, until=until)
