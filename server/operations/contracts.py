"""`contract`: what was agreed with the owners of devices, and block by block with businesses."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from server.errors import BadArgument
from server.grid.fleet import contractfiles, contracts, participation
from server.grid.fleet.contractfiles import ContractsImport
from server.grid.fleet.contracts import BlockRow, ContractRow, RemovedBlock
from server.grid.fleet.participation import ParticipationRow
from server.models.pages import Pages
from server.operations.declaration import Arg, DeviceName, DryRun, Group, Role, UploadedFile
from server.units import Percent, Seconds, Watts, WattsPerSecond

NO_LIMIT = "none"
MAX_LIMIT = 1e6
contract = Group("contract", """
    What was agreed with a device's owner. DEVICE is an LFDI, SFDI, number or name.

    A business agrees on blocks: a load that is turned off, a generator, the storage of its site.
    """)
GROUPS = (contract,)
BlockName = Annotated[str, Arg("The block's name.", option="block", metavar="NAME")]


@contract.operation("set", role=Role.OPERATOR)
def set_contract(
    device: DeviceName,
    *,
    events: Annotated[str | None, Arg(
        "The most events a season, of the whole device.", metavar="N|none")] = None,
    hours: Annotated[str | None, Arg(
        "The most hours a day, of the whole device.", metavar="N|none")] = None,
    tier: Annotated[int | None, Arg(
        "The lowest tier is used first.", least=-2 ** 15, most=2 ** 15 - 1)] = None,
    block: Annotated[str | None, Arg(
        "The block that the other clauses are of; it is made where there is none.", metavar="NAME")] = None,
    kind: Annotated[Literal["load", "generator", "storage"] | None, Arg(
        "What the block is; load for a new one if not given.")] = None,
    power_w: Annotated[Watts | None, Arg("By how much more is injected while it is called.", least=1)] = None,
    least_power_w: Annotated[Watts | None, Arg("A generator's least output.", least=0)] = None,
    notice_s: Annotated[Seconds | None, Arg("How long ahead it is called; a generator's start time.")] = None,
    shortest_s: Annotated[Seconds | None, Arg("The least length of an event.")] = None,
    longest_s: Annotated[Seconds | None, Arg("The greatest length of an event.")] = None,
    rest_s: Annotated[Seconds | None, Arg("The least time between two events.")] = None,
    events_day: Annotated[int | None, Arg("The most events a local day.", least=0)] = None,
    events_season: Annotated[int | None, Arg("The most events a season.", least=0)] = None,
    hours_season: Annotated[float | None, Arg("The most hours a season.", least=0)] = None,
    price_event: Annotated[float | None, Arg("What an event costs, in money.", least=0)] = None,
    price_kwh: Annotated[float | None, Arg("What a kWh costs: energy, or fuel.", least=0)] = None,
    emissions_kg_kwh: Annotated[float | None, Arg(
        "kg of CO2 a kWh; see the setting emission_price.", least=0)] = None,
    nominated_w: Annotated[Watts | None, Arg(
        "What is promised; below it the penalty is due.", least=0)] = None,
    penalty_kwh: Annotated[float | None, Arg(
        "What the site owes for each kWh below what it nominated.", least=0)] = None,
    ramp_w_per_s: Annotated[WattsPerSecond | None, Arg("How fast a generator changes its output.")] = None,
    island: Annotated[bool | None, Arg(
        "The generator carries its site apart from the network, and injects nothing.")] = None,
    reserve_percent: Annotated[Percent | None, Arg("What storage keeps for its site.")] = None,
    clear: Annotated[Sequence[str], Arg(
        "A clause of the block that is no longer agreed: notice_s, …", metavar="CLAUSE")] = (),
) -> ContractRow:
    """Set limits of a device, or clauses of one of its blocks; what is not given stays."""
    limits: dict[str, float | None] = {}
    for name, text in (("events", events), ("hours", hours)):
        if text is not None:
            limits[f"max_{name}"] = _limit(name, text)
    if tier is not None:
        limits["tier"] = tier
    given: Mapping[str, Any] = {
        "power_w": power_w, "least_power_w": least_power_w, "notice_s": notice_s, "shortest_s": shortest_s,
        "longest_s": longest_s, "rest_s": rest_s, "events_day": events_day, "events_season": events_season,
        "hours_season": hours_season, "price_event": price_event, "price_kwh": price_kwh,
        "emissions_kg_kwh": emissions_kg_kwh, "nominated_w": nominated_w, "penalty_kwh": penalty_kwh,
        "ramp_w_per_s": ramp_w_per_s, "island": island, "reserve_percent": reserve_percent}
    clauses = {name: value for name, value in given.items() if value is not None}
    if block is not None:
        contracts.set_block(device, block, kind, clauses, clear)
    elif clauses or clear or kind:
        raise BadArgument("block", f"{', '.join([*clauses, *clear, *filter(None, [kind])])} is of a block: "
                                   "name it")
    if limits or block is None:
        participation.set_contract(device, **limits)
    return contracts.contract(device)


def _limit(name: str, text: str) -> float | None:
    """A limit from text; None where it is to be none."""
    if text == NO_LIMIT:
        return None
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not 0 <= limit <= MAX_LIMIT:
        raise BadArgument(name, f"{text} is neither {NO_LIMIT} nor between 0 and {MAX_LIMIT:.0f}")
    return limit


@contract.operation("show", role=Role.VIEWER, in_subtree=True)
def show(device: DeviceName) -> ContractRow:
    """Show a device's limits and blocks, its rate of response, and whether it is excluded."""
    return contracts.contract(device)


@contract.operation("list", role=Role.VIEWER, in_subtree=True)
def list_contracts() -> Pages[ParticipationRow]:
    """List devices with a limit or a tier; `contract blocks` lists blocks."""
    return participation.contracts()


@contract.operation("blocks", role=Role.VIEWER, in_subtree=True)
def list_blocks() -> Pages[BlockRow]:
    """List the blocks that are agreed with businesses."""
    return contracts.blocks()


@contract.operation("remove", role=Role.OPERATOR, confirm="Remove the block {block} of {device}?")
def remove(device: DeviceName, *, block: BlockName) -> RemovedBlock:
    """Remove a block of a device; calls that were made stay, and are settled."""
    return contracts.remove_block(device, block)


@contract.operation("import", role=Role.OPERATOR)
def import_file(file: UploadedFile, *, dry_run: DryRun = False) -> ContractsImport:
    """Agree on blocks from a CSV file: device, block, kind, power_w and other clauses by their names.

    All of them or, if anything is wrong, none. A block of the file has no other clauses than there.
    """
    return contractfiles.load(file.text(), file.name, dry_run)
