"""The tree of virtual DERs: what stands below and above each. One walk for everyone who asks."""
from __future__ import annotations

from server.models import VirtualDER


def subtree(area: VirtualDER) -> dict[int, VirtualDER]:
    """A virtual DER and all below it by number, each after the one above it."""
    below: dict[int | None, list[VirtualDER]] = {}
    for vder in VirtualDER.select().where(VirtualDER.device.is_null()).order_by(VirtualDER.id):
        below.setdefault(vder.parent_id, []).append(vder)
    found = {area.id: area}
    for reached in (queue := [area]):
        for child in below.get(reached.id, ()):
            found[child.id] = child
            queue.append(child)
    return found
