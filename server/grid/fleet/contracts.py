"""Contracts of businesses: the blocks of each device, as they are agreed; `blockterms` defines clauses."""
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypedDict, cast

from server import audit, scopes
from server.devices import enrolment
from server.errors import Refused
from server.grid.fleet import participation
from server.grid.fleet.participation import ParticipationRow
from server.grid.optimisation import blockterms
from server.grid.optimisation.blockterms import BlockTerms
from server.models import Block, Device, among
from server.models.pages import Pages
from server.resources import store
from server.units import Lfdi, Percent, Seconds, Watts, WattsPerSecond

Terms = Mapping[str, Any]
MAX_NAME = 64


class BlockRow(TypedDict):
    """A block of a device; see `blockterms.BlockTerms`. None is not agreed."""
    device: str
    lfdi: Lfdi
    block: str
    kind: str
    power_w: Watts
    least_power_w: Watts | None
    notice_s: Seconds
    shortest_s: Seconds
    longest_s: Seconds | None
    rest_s: Seconds
    events_day: int | None
    events_season: int | None
    hours_season: float | None
    price_event: float
    price_kwh: float
    emissions_kg_kwh: float
    nominated_w: Watts | None
    penalty_kwh: float
    ramp_w_per_s: WattsPerSecond | None
    island: bool
    reserve_percent: Percent


class ContractRow(ParticipationRow):
    """How a device takes part, and its blocks."""
    blocks: list[BlockRow]


class RemovedBlock(TypedDict):
    """A block that is no longer agreed."""
    device: str
    lfdi: Lfdi
    removed: str


def terms_of(block: Block) -> BlockTerms:
    """Return the terms of a block."""
    return BlockTerms(**block.terms)


def contract(device: str | Device) -> ContractRow:
    """Return what is agreed with a device (LFDI, SFDI, number or name)."""
    row = device if isinstance(device, Device) else enrolment.find(device)
    blocks = Block.select().where(Block.device == row).order_by(Block.name)
    return {**participation.show(row), "blocks": [describe(block, row) for block in blocks]}


def describe(block: Block, device: Device) -> BlockRow:
    """Return a block of a device."""
    row = {"device": device.name, "lfdi": device.lfdi, "block": block.name, "kind": block.kind}
    return cast(BlockRow, {**row, **vars(terms_of(block))})


def blocks() -> Pages[BlockRow]:
    """Return all blocks."""
    return Pages(scopes.devices(Block.select().join(Device)), Block.id, _rows)


def _rows(page: list[Block]) -> Iterator[BlockRow]:
    devices = {device.id: device
               for device in among(Device.select(), Device.id, (row.device_id for row in page))}
    for row in page:
        if row.device_id in devices:
            yield describe(row, devices[row.device_id])


@audit.audited("contract set", "{lfdi} {device}", state=contract)
def set_block(
    device: str | Device, name: str, kind: str | None, changes: Terms, cleared: Collection[str] = ()
) -> ContractRow:
    """Agree on these clauses of a block, which is made where there is none; what is not named stays.

    Those that are `cleared` are no longer agreed. Refused (400) where the clauses make no sense, with all
    that is wrong.
    """
    row = device if isinstance(device, Device) else enrolment.find(device)
    with store.transaction(enrolment.href(row)):
        _save(row, name, kind, changes, cleared)
        return contract(row)


def _save(row: Device, name: str, kind: str | None, changes: Terms, cleared: Collection[str] = ()) -> Block:
    if not 0 < len(name) <= MAX_NAME:
        raise Refused(400, f"a block has a name of 1 to {MAX_NAME} characters")
    block = Block.get_or_none((Block.device == row) & (Block.name == name))
    if kind is None:
        kind = blockterms.LOAD if block is None else block.kind
    unknown = sorted(set(cleared) - set(blockterms.CLAUSES))
    if unknown:
        raise Refused(400, f"there is no clause {unknown[0]!r}; there are {', '.join(blockterms.CLAUSES)}")
    before = {} if block is None else block.terms
    terms = {clause: value for clause, value in {**before, **changes}.items()
             if value is not None and clause not in cleared}
    wrong = list(blockterms.faults(kind, terms))
    if wrong:
        raise Refused(400, f"block {name} of {row.name or row.lfdi}: {'; '.join(wrong)}")
    block = block or Block(device=row, name=name)
    block.kind, block.terms = kind, BlockTerms(**terms).as_dict()
    block.save()
    return block


def save_all(rows: Iterable[tuple[Device, str, str, Terms]]) -> list[Block]:
    """Agree on blocks as they are here: device, name, kind and all clauses, in the caller's transaction."""
    return [_save(device, name, kind, dict.fromkeys(blockterms.CLAUSES) | dict(terms))
            for device, name, kind, terms in rows]


@audit.audited("contract remove", "{lfdi} {device}", state=contract)
def remove_block(device: str | Device, name: str) -> RemovedBlock:
    """Remove a block; calls that were made stay, and are settled. Refused (404) where there is none."""
    row = device if isinstance(device, Device) else enrolment.find(device)
    with store.transaction(enrolment.href(row)):
        if not Block.delete().where((Block.device == row) & (Block.name == name)).execute():
            names = [block.name for block in Block.select().where(Block.device == row).order_by(Block.name)]
            raise Refused(404, f"{row.name or row.lfdi} has no block {name!r}; it has "
                               f"{', '.join(names) or 'none'}")
    return {"device": row.name, "lfdi": row.lfdi, "removed": name}
