"""`mirror`: the meters that devices mirror, and what becomes of one that is dead."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from server.devices import mirrors
from server.devices.mirrors import MirrorRow, RemovedMirror
from server.operations.declaration import Arg, Group, Role
from server.units import Href

mirror = Group("mirror", "The meters that devices mirror.")
GROUPS = (mirror,)


@mirror.operation("list", role=Role.VIEWER)
def list_mirrors(
    device: Annotated[str | None, Arg("A device's LFDI, SFDI, number or name; all if not given.",
                                      metavar="DEVICE")] = None,
) -> Iterator[MirrorRow]:
    """List mirrors with their usage points and what was read last."""
    return mirrors.list_mirrors(device)


@mirror.operation("remove", role=Role.OPERATOR, confirm="Remove {mirror} and its usage point?")
def remove(
    mirror: Annotated[Href, Arg("The mirror's href, such as /mup/1.", metavar="MIRROR")]
) -> RemovedMirror:
    """Remove a mirror with its usage point, such as that of a meter that is dead.

    Readings stay for reports until their time is over. A device that is alive makes the mirror again.
    """
    return mirrors.remove(mirror)
