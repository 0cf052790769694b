"""Contracts of businesses from CSV files: a line for each block."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypedDict

from server import audit
from server.devices import enrolment
from server.errors import Refused
from server.grid.fleet import contracts
from server.grid.optimisation import blockterms
from server.models import Block, Device
from server.resources import csvlines, dryrun

REQUIRED = ("device", "block", "kind", "power_w")
OPTIONAL = tuple(name for name in blockterms.CLAUSES if name != "power_w")
_WHOLE = ("notice_s", "shortest_s", "longest_s", "rest_s", "events_day", "events_season")
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")


class ContractLine(NamedTuple):
    """A line of a file: its position, for messages, and the block that it agrees on."""
    position: str
    device: str
    block: str
    kind: str
    terms: dict[str, Any]


class ContractsImport(TypedDict):
    """What a file changed: `blocks` are named "device: block"."""
    file: str
    lines: int
    added: list[str]
    changed: list[str]
    dry_run: bool


def load(text: str, source: str, dry_run: bool = False) -> ContractsImport:
    """Agree on all blocks of a CSV file, or on none; a block of the file has no other clauses than there.

    `source` is the name of the file. With `dry_run` the change is rolled back. Refused (400, 404, 409) with
    the line.
    """
    return put(read(text, source), source, dry_run)


def read(text: str, source: str) -> list[ContractLine]:
    """Return the lines of a CSV text: device, block, kind and power_w, and optionally other clauses.

    An empty cell is not agreed. Refused (400) with the line.
    """
    table = csvlines.table(text, source, REQUIRED, OPTIONAL)
    return [_line(position, cells, table.decimal_comma) for position, cells in table.rows]


def _line(position: str, cells: dict[str, str], decimal_comma: bool) -> ContractLine:
    terms = {name: _value(name, cells[name], f"{position}, {name}", decimal_comma)
             for name in blockterms.CLAUSES if cells.get(name)}
    for column in ("device", "block"):
        if not cells[column]:
            csvlines.refuse(position, f"it names no {column}")
    return ContractLine(position, cells["device"], cells["block"], cells["kind"], terms)


def _value(name: str, cell: str, position: str, decimal_comma: bool) -> float | int | bool | None:
    if name == "island":
        if cell.lower() not in (*_YES, *_NO):
            csvlines.refuse(position, f"{cell!r} is neither yes nor no")
        return cell.lower() in _YES
    value = csvlines.number(cell, position, decimal_comma)
    if value is None or name not in _WHOLE:
        return value
    if value != int(value):
        csvlines.refuse(position, f"{cell} is not a whole number")
    return int(value)


def _state_of_result(result: ContractsImport) -> dict[str, Any]:
    return {"file": result["file"], "added": result["added"], "changed": result["changed"]}


@audit.audited("contract import", "{file}", answer=_state_of_result)
def put(lines: Iterable[ContractLine], source: str, dry_run: bool = False) -> ContractsImport:
    """Agree on the blocks of these lines, or on none. Refused (400, 404, 409) with the line's position."""
    added, changed, seen = [], [], set()
    with dryrun.transaction(dry_run):
        for line in lines:
            try:
                device = enrolment.find(line.device)
                if (device.id, line.block) in seen:
                    raise Refused(409, f"{line.device}: {line.block} is there twice")
                seen.add((device.id, line.block))
                before = _terms(device, line.block)
                contracts.save_all([(device, line.block, line.kind, line.terms)])
            except Refused as refused:
                raise Refused(refused.status, f"{line.position}: {refused.why}") from None
            if before is None:
                added.append(f"{device.name or device.lfdi}: {line.block}")
            elif before != _terms(device, line.block):
                changed.append(f"{device.name or device.lfdi}: {line.block}")
    return {"file": source, "lines": len(seen), "added": added, "changed": changed, "dry_run": dry_run}


def _terms(device: Device, name: str) -> Any:
    block = Block.get_or_none((Block.device == device) & (Block.name == name))
    return None if block is None else (block.kind, block.terms)
