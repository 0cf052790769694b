"""`audit`: who changed what, and why; and whether the log of it is complete."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

from server import audit, auditarchive
from server.errors import BadArgument
from server.models.pages import Pages
from server.operations.declaration import Arg, Group, Role, UploadedFile
from server.units import Instant

audit_group = Group(
    "audit",
    "Every change of state by an operator: who, operation, before, after, reason, chained by hashes.")
GROUPS = (audit_group,)
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


@audit_group.operation("verify", role=Role.VIEWER, without_database="files")
def verify(
    files: Annotated[Sequence[UploadedFile], Arg(metavar="[FILE]...")] = (),
    *,
    archive: Annotated[Path | None, Arg(
        "The folder of the archive, to verify it and the log as one.")] = None,
    known: Annotated[str, Arg("An entry of this hash has to be in it.", metavar="HASH")] = "",
) -> Verification:
    """Verify that the log is complete: nothing altered, missing or reordered.

    FILEs of an archive, in their order, or one that `audit export` wrote, are verified without a database.
    Prints how many entries there are and the newest hash. Keep that somewhere else: with `known` it shows
    even if somebody has written the whole log anew.
    """
    head: Mapping[str, Any] = {}
    if files and archive is not None:
        raise BadArgument("archive", "specify either files or `archive`")
    if files:
        faults, head = auditarchive.faults_of_files(((file.name, file.content) for file in files), known)
    elif archive is not None:
        faults, head = auditarchive.verify(archive, known), audit.head()
    else:
        faults, head = audit.verify(known), audit.head()
    result: Verification = {"entries": head["entries"], "hash": head["hash"], "complete": not faults}
    if faults:
        result["faults"] = faults
    return result


@audit_group.operation("export", role=Role.VIEWER)
def export(
    *, since: Since = None, until: Annotated[Instant | None, Arg("Only before this instant.")] = None
) -> Pages[audit.AuditRow]:
    """Export entries with their hashes, one JSON object a line."""
    return audit.every(since, until)
