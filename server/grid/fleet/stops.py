"""Stops in force: which virtual DERs and devices are stopped, and that nothing else is ordered of them.

A stop is an order of the quantity STOP (see dispatch/stops). It is in force until it is cancelled.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from server import scopes
from server.errors import Refused
from server.grid.groups.tree import Tree
from server.grid.series.intervals import iso
from server.models import VirtualDER
from server.resources import sql
from server.units import Instant, Lfdi

STOP = "stop"
_IN_FORCE = "o.quantity = 'stop' AND o.cancelled_at IS NULL"  # as in the index dispatch_order_stop
_STOPS = (f"SELECT o.id, o.vder_id, v.name, o.created_at FROM dispatch_order o "
          f"JOIN virtual_der v ON v.id = o.vder_id WHERE {_IN_FORCE} ORDER BY o.id")
_DEVICES = (f"SELECT m.device_id FROM dispatch_order o JOIN share s ON s.order_id = o.id "
            "JOIN device d ON d.lfdi = s.lfdi JOIN membership m ON m.device_id = d.id "
            f"WHERE {_IN_FORCE} AND m.vder_id = ?")
_LFDIS = (f"SELECT s.lfdi FROM share s JOIN dispatch_order o ON o.id = s.order_id "
          f"WHERE s.lfdi IN ({{}}) AND {_IN_FORCE}")


_HOLDING = ("SELECT o.id, o.vder_id, v.name, o.created_at FROM dispatch_order o "
            "JOIN virtual_der v ON v.id = o.vder_id JOIN membership m ON m.vder_id = o.vder_id "
            f"JOIN device d ON d.id = m.device_id WHERE {_IN_FORCE} AND d.lfdi = ? ORDER BY o.id")


class Stop(NamedTuple):
    """A stop in force: the number of its order, its virtual DER, and since when."""
    order: int
    vder_id: int
    vder: str
    since: Instant

    @property
    def refusal(self) -> str:
        """Why nothing can be ordered, and what to do."""
        return (f"{self.vder} is stopped since {iso(self.since)} (order {self.order}): "
                f"`counterpoise resume {self.vder}` ends that")


def in_force() -> list[Stop]:
    """Return the stops in force, in the order in which they were made."""
    return [Stop(*row) for row in sql.rows(_STOPS)]


def holding(lfdi: Lfdi) -> Stop | None:
    """Return the stop in force of a virtual DER that a device is in, whether or not it was told of it; None
    where there is none."""
    row = sql.row(f"{_HOLDING} LIMIT 1", lfdi)
    return None if row is None else Stop(*row)


def stopped_devices(vder: VirtualDER) -> set[int]:
    """Return the members (by number) of a virtual DER that are stopped."""
    return {device for device, in sql.rows(_DEVICES, vder.id)}


def stopped_lfdis(lfdis: Iterable[Lfdi]) -> set[Lfdi]:
    """Return those of these devices that are stopped."""
    if not sql.row(f"SELECT count(*) FROM dispatch_order o WHERE {_IN_FORCE}")[0]:
        return set()
    return {lfdi for lfdi, in sql.among(_LFDIS, lfdis)}


def check(vder: VirtualDER) -> None:
    """Refuse (409) to order anything of a virtual DER that is stopped, or that is below one which is."""
    stops = in_force()
    if not stops:
        return
    above = set(Tree.read(include=[vder]).ancestors(vder.id))
    for stop in stops:
        if stop.vder_id in above:
            raise Refused(409, stop.refusal if scopes.sees_vder(stop.vder_id)
                          else f"{scopes.ANOTHER}, which has its members, is stopped")
