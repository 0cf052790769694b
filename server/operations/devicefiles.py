"""`device import`: many devices enrolled or relabelled by a file, with a report of the refused lines."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, NamedTuple, TypedDict

from server import audit
from server.devices import enrolment, names
from server.errors import BadArgument, Refused
from server.models import Device, among, chunked
from server.operations import enrolmentfiles, personaldata, progress, textfiles
from server.operations.bulkenrolment import TOGETHER
from server.operations.declaration import Arg, DryRun, Role, UploadedFile
from server.operations.devices import device
from server.operations.trials import trial
from server.resources import csvlines

GROUPS = personaldata.GROUPS  # the same group, with more operations
MOST_TOLD = 10_000
_AGAIN = "Correct the line, and import it again"
_ENROLLED = "Leave the line out, or set `relabel` to change what is enrolled"


class RefusedLine(TypedDict):
    """A line of a file that was not done."""
    line: int
    device: str
    reason: str
    remedy: str


class ImportedDevices(TypedDict):
    """How many lines of a file were done, how many refused, and the first 10,000 of these."""
    done: int
    refused: int
    lines: list[RefusedLine]


class _EnrolmentLine(NamedTuple):
    number: int
    entry: dict[str, Any]
    fault: str = ""


Act = Callable[[Sequence[_EnrolmentLine]], object]


@device.operation("import", role=Role.ADMINISTRATOR, in_parts=True)
def load(
    file: Annotated[UploadedFile, Arg(metavar="FILE")],
    *,
    relabel: Annotated[bool, Arg("They are enrolled: set name, kind and labels.")] = False,
    all_or_none: Annotated[bool, Arg("Do nothing where any line is refused.")] = False,
    dry_run: DryRun = False,
) -> ImportedDevices:
    """Enrol or relabel the devices of a file, some in each transaction: CSV, or JSON with an object a line.

    Its columns or keys are lfdi and, where wanted, pin, name, kind, labels, manager, profile and category;
    with `relabel` lfdi, name, kind and labels. Lines that are right are done; the others are reported.
    Aggregators stand before the devices that they manage.
    """
    act = _relabel if relabel else _enrol
    if all_or_none or dry_run:
        with trial():
            tried = _done(file, act)
        if dry_run or tried["refused"]:
            return tried if dry_run else {**tried, "done": 0}
    return _done(file, act)


def _done(file: UploadedFile, act: Act) -> ImportedDevices:
    text = file.text()
    total = text.count("\n") + 1
    refused, count, done = list[RefusedLine](), 0, 0
    for chunk in chunked(_lines(text, file.name), TOGETHER):
        progress.report("importing", min(done + count, total), total)
        before = count
        for line in _refused(chunk, act):
            count += 1
            if count <= MOST_TOLD:
                refused.append(line)
        done += len(chunk) - (count - before)
    return {"done": done, "refused": count, "lines": refused}


def _refused(lines: Sequence[_EnrolmentLine], act: Act) -> Iterator[RefusedLine]:
    """Do lines together, without those that are refused; yield these."""
    right = []
    for line in lines:
        if line.fault:
            yield _told(line, line.fault)
        else:
            right.append(line)
    yield from _halved(right, act)


def _halved(lines: Sequence[_EnrolmentLine], act: Act) -> Iterator[RefusedLine]:
    """Do all of these, or each half of them; what is refused alone is yielded."""
    if not lines:
        return
    try:
        act(lines)
    except Refused as refused:
        if len(lines) == 1:
            yield _told(lines[0], refused.why)
            return
        half = len(lines) // 2
        yield from _halved(lines[:half], act)
        yield from _halved(lines[half:], act)


def _told(line: _EnrolmentLine, reason: str) -> RefusedLine:
    remedy = _ENROLLED if "is enrolled already" in reason else _AGAIN
    device = str(line.entry.get("lfdi", ""))
    device = device if textfiles.is_storable(device) else repr(device)
    return {"line": line.number, "device": device, "reason": reason, "remedy": remedy}


# --- what is done ---------------------------------------------------------------------------------

def _counted(devices: Sequence[Device]) -> dict[str, Any]:
    return {"count": len(devices), "devices": [device.lfdi for device in devices]}


@audit.audited("device enrol", "{count} devices", answer=_counted)
def _enrol(lines: Sequence[_EnrolmentLine]) -> list[Device]:
    return enrolment.enrol_all([
        enrolment.Entry(
            enrolment.plain(entry["lfdi"]), entry.get("pin"), entry.get("name", ""),
            names.check_kind(entry.get("kind", "")), entry.get("labels", {}), entry.get("manager", ""),
            entry.get("category"), entry.get("profile", ""))
        for _, entry, _ in lines])


@audit.audited("device label", "{count} devices", answer=_counted)
def _relabel(lines: Sequence[_EnrolmentLine]) -> list[Device]:
    entries = {enrolment.plain(line.entry["lfdi"]): line.entry for line in lines}
    if len(entries) < len(lines):
        raise Refused(409, "a device is there twice")
    found = {row.lfdi: row for row in among(Device.select(), Device.lfdi, entries)}
    if missing := [lfdi for lfdi in entries if lfdi not in found]:
        raise Refused(404, f"no device has the LFDI {missing[0]}")
    changed = [
        enrolment.renamed(found[lfdi], entry.get("labels", {}), entry.get("name"),
                          names.check_kind(entry["kind"]) if "kind" in entry else None)
        for lfdi, entry in entries.items()]
    enrolment.relabel_all(changed)
    return changed


# --- lines ----------------------------------------------------------------------------------------

def _lines(text: str, name: str) -> Iterator[_EnrolmentLine]:
    """Yield the lines of a file with their numbers; of those that are no device the fault."""
    first = text.lstrip("\ufeff\r\n\t ")[:1]
    if first == "[":
        raise BadArgument("file", f"{name} is one JSON list: write an object in each line, or CSV")
    yield from _of_json(text, name) if first == "{" else _of_csv(text, name)


def _of_json(text: str, name: str) -> Iterator[_EnrolmentLine]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                entry, = enrolmentfiles.entries(UploadedFile(name, f"[{line}]".encode()))
                yield _EnrolmentLine(number, entry)
            except (Refused, ValueError) as error:
                yield _EnrolmentLine(number, _lfdi(line), getattr(error, "why", str(error)))


def _lfdi(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return {"lfdi": found.get("lfdi", "")} if isinstance(found, dict) else {}


def _of_csv(text: str, name: str) -> Iterator[_EnrolmentLine]:
    lines = csvlines.read(text, name).lines
    columns = [cell.strip().lower() for cell in next(iter(lines), (1, []))[1]]
    csvlines.table(",".join(columns), name, *enrolmentfiles.COLUMNS)  # which refuses unknown ones
    for number, cells in islice(lines, 1, None):
        if csvlines.is_blank(cells):
            continue
        entry = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
        try:
            if len(cells) != len(columns):
                raise Refused(400, f"{name}, line {number}: {len(cells)} cells for {len(columns)} columns")
            yield _EnrolmentLine(number, enrolmentfiles.of_cells(f"{name}, line {number}", entry))
        except Refused as refused:
            yield _EnrolmentLine(number, {"lfdi": entry.get("lfdi", "")}, refused.why)
