"""What clients need not follow: more than 15 FunctionSetAssignments or programs (CSIP 2.1, groups), and
primacies that the standard reserves."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from server.grid.groups import deviceassignments, programs
from server.grid.groups.tree import Tree
from server.models import Device, Membership, VirtualDER, chunked

MOST = 15  # FunctionSetAssignments of a device, and programs that they lead to


def warnings(vder: VirtualDER) -> Iterator[str]:
    """Yield a sentence for each limit that a virtual DER, or what its members are in, exceeds."""
    if vder.primacy in programs.RESERVED:
        yield (f"primacy {vder.primacy}: the standard reserves 3 to 64 and 192 to 255, and a client may "
               "refuse it; 0 to 2 and 65 to 191 are free")
    kinds: Counter[str] = Counter()
    members = Membership.select(Membership.device).where(Membership.vder == vder)
    for chunk in chunked(Device.select().where(Device.id.in_(members)).order_by(Device.id), programs.CHUNK):
        for vders in deviceassignments.memberships(chunk).values():
            counts = {"programs": len(vders), "FunctionSetAssignments": len(
                deviceassignments.assigning(vders.keys(), Tree.of(vders.values())))}
            kinds.update(kind for kind, count in counts.items() if count > MOST)
    for kind, count in sorted(kinds.items()):
        have = "has" if count == 1 else "have"
        yield (f"{count} of its devices {have} more than {MOST} {kind}, and a client may leave out the rest: "
               "let them be in fewer virtual DERs")
