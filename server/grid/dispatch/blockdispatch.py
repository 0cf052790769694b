"""Blocks of businesses in an order: chosen by price, called by load controls and set points, and recorded.

Powers are W of injection; a call adds to it.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from server import clock
from server.errors import Refused
from server.grid.dispatch import blockcommands, blockselection
from server.grid.dispatch.blockselection import BlockSelection
from server.grid.dispatch.shares import ShareRow
from server.grid.fleet import blockcalls, fleetstate, memberqueries
from server.grid.fleet.blockcalls import NewCall
from server.grid.fleet.members import Member
from server.grid.fleet.siteblocks import SiteBlock
from server.grid.optimisation.arrays import np
from server.models import DispatchOrder, VirtualDER
from server.resources import sql
from server.units import Href, Instant, Lfdi, Seconds, Watts

_SETPOINTS = {"opModFixedW", "opModTargetW"}
# Whether anything of a virtual DER may be a block: to read what blocks can give costs more.
_ANY = (
    "SELECT 1 FROM membership m LEFT JOIN device_type t ON t.device_id = m.device_id "
    "LEFT JOIN block b ON b.device_id = m.device_id AND b.kind <> 'storage' "
    "WHERE m.vder_id = ? AND (b.id IS NOT NULL OR t.kind = 'interruptible') LIMIT 1"
)


@dataclass(frozen=True)
class CallableBlocks:
    """The blocks of a virtual DER for an order from `start` on; `lfdi_of` and `injection_w` are by number."""
    vder: VirtualDER
    start: Instant
    duration_s: Seconds
    blocks: Sequence[SiteBlock]
    lfdi_of: Mapping[int, Lfdi]
    injection_w: Mapping[int, Watts]

    @staticmethod
    def of(vder: VirtualDER, start: Instant, duration_s: Seconds) -> CallableBlocks | None:
        """Those of a virtual DER; None where it has none. Generators without a contract take set points as
        others do, and are not among them."""
        if sql.row(_ANY, vder.id) is None:
            return None
        state = fleetstate.read(vder, clock.now())
        blocks = [block for block in state.blocks if block.contracted or block.kind == "load"]
        injection_w = np.nan_to_num(state.columns.meters.injection_w).tolist()
        return CallableBlocks(vder, start, duration_s, blocks, memberqueries.lfdis_of(vder),
                              dict(zip(state.columns.device.tolist(), injection_w, strict=True)))

    @cached_property
    def lfdis(self) -> set[Lfdi]:
        """The LFDIs of their devices, which take part by their blocks alone."""
        return {self.lfdi_of[block.device] for block in self.blocks}

    @property
    def baseline_w(self) -> Watts:
        """What their devices inject without the order."""
        return sum(self.injection_w.get(device, 0.0) for device in {block.device for block in self.blocks})

    def check_broadcast(self, devices: Sequence[Member], base: Mapping[str, object] | None) -> None:
        """Refuse (409) a control for all members that would start a generator under contract as well."""
        modes = _SETPOINTS & set(base or ())
        reached = [member.name or member.lfdi for member in devices
                   if member.lfdi in self.lfdis and modes & member.modes]
        if reached:
            raise Refused(409, f"{', '.join(reached)} would follow a control for all of {self.vder.name}, "
                               "whatever the contract says: address each device by itself (--per-device)")

    def select(self, change_w: Watts) -> BlockSelection:
        """Choose blocks for so much more injection."""
        return blockselection.select(self.blocks, change_w, self.start, self.duration_s, clock.now())

    def refusals(self, selection: BlockSelection) -> list[str]:
        """Return why blocks cannot be called, a sentence each."""
        return [f"{self._name(block)} is not called: {why}" for block, why in selection.refusals]

    def _name(self, block: SiteBlock) -> str:
        name = memberqueries.names_of([block.device])[block.device]
        return ", ".join(filter(None, (name, block.name)))

    def calls(self, selection: BlockSelection) -> list[NewCall]:
        """Return the calls of a selection."""
        until = self.start + self.duration_s
        return [NewCall(block.device, block.name, self.start, until, power_w, block.terms)
                for block, power_w in selection.called]

    def publish(self, calls: Sequence[NewCall], reason: str) -> dict[int, Href]:
        """Publish the events of calls; return the event of each device (number)."""
        kind_of = {(block.device, block.name): block.kind for block in self.blocks}
        return blockcommands.publish(self.vder.primacy, calls, kind_of, reason)

    def shares(self, calls: Sequence[NewCall], events: Mapping[int, Href], reason: str) -> list[ShareRow]:
        """Return the share of each device in calls."""
        rows = []
        for device in dict.fromkeys(call.device for call in calls):
            of_device = [call for call in calls if call.device == device]
            baseline_w = self.injection_w.get(device, 0.0)
            names = ", ".join(call.block or "what it reports" for call in of_device)
            rows.append(ShareRow(
                lfdi=self.lfdi_of[device], event_href=events[device], baseline_w=baseline_w,
                planned_w=baseline_w + sum(call.called_w for call in of_device),
                reason="; ".join(filter(None, (reason, f"calls {names}")))))
        return rows

    @staticmethod
    def record(order: DispatchOrder, calls: Sequence[NewCall], events: Mapping[int, Href]) -> None:
        """Record the calls of an order."""
        blockcalls.record(calls, order.id, dict(events))
