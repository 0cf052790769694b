"""By which modes the generation of a device is stopped, and which programs can carry them. Pure.

A DER is stopped by the first row of PREFERENCE of which it takes a mode, by all modes of that row that it
takes:

    limits of generation and export, to 0   it may go on to charge and to serve its own premises
    power 0                                 for storage that takes no limit
    cease to energize, disconnect           for what takes nothing else

One control to all members of a virtual DER may have modes of several rows, since each device follows those
that it takes. It must not have one by which a member would do more than it has to; limits of generation harm
no one.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from server.grid.fleet.members import MemberDer
from server.resources import quantities

Modes = frozenset[str]
LIMITS = frozenset({"csipaus:opModGenLimW", "csipaus:opModExpLimW", "opModMaxLimW", "opModMaxLimWInject"})
PREFERENCE: tuple[Modes, ...] = (LIMITS, *(frozenset({mode}) for mode in (
    "opModFixedW", "opModTargetW", "opModEnergize", "opModConnect")))
_NOTHING = quantities.active_power(0)
_VALUES: Mapping[str, Any] = {
    "csipaus:opModGenLimW": _NOTHING, "csipaus:opModExpLimW": _NOTHING, "opModMaxLimW": 0,
    "opModMaxLimWInject": _NOTHING, "opModFixedW": 0, "opModTargetW": _NOTHING, "opModEnergize": False,
    "opModConnect": False}
NO_MODES: Modes = frozenset()


class Reach(NamedTuple):
    """How members (by number) are reached: those whose control is broadcast, by the virtual DER (number), and
    those that need a control of their own. `modes` are those of each broadcast."""
    modes: dict[int, Modes]
    devices: dict[int, list[int]]
    singles: list[int]


def base(modes: Iterable[str]) -> dict[str, Any]:
    """Return the DERControlBase of a stop in these modes."""
    return {mode: _VALUES[mode] for mode in sorted(modes)}


def stop_modes(ders: Iterable[MemberDer]) -> Modes | None:
    """Return the modes by which a device with these DERs is stopped: none where nothing of it generates, None
    where a DER that does takes no such mode."""
    modes: set[str] = set()
    for der in ders:
        if der.max_injection_w <= 0:
            continue
        row = next((row & der.modes for row in PREFERENCE if row & der.modes), NO_MODES)
        if not row:
            return None
        modes |= row
    return frozenset(modes)


def reach(
    nodes: Sequence[tuple[int, Collection[int]]], wanted: Mapping[int, Modes], taken: Mapping[int, Modes],
    occupied: Collection[int]
) -> Reach:
    """Return how devices are reached, with as few controls as the modes allow.

    `nodes` are virtual DERs with the numbers of their members, parents first. `wanted` are the modes by
    which each device is to be stopped, `taken` all that each member takes. `occupied` virtual DERs can carry
    no control.
    """
    found = Reach({}, {}, [])
    pending = dict(wanted)
    for number, members in nodes:
        if number in occupied:
            continue
        here = [device for device in members if device in pending]
        modes = frozenset().union(*(pending[device] for device in here))
        if not _harmless(modes - LIMITS, members, wanted, taken):
            modes &= LIMITS
        reached = [device for device in here if pending[device] <= modes]
        if not reached:
            continue
        found.modes[number] = frozenset().union(*(pending[device] for device in reached))
        found.devices[number] = reached
        for device in reached:
            del pending[device]
    found.singles.extend(sorted(pending))
    return found


def _harmless(
    modes: Modes, members: Iterable[int], wanted: Mapping[int, Modes], taken: Mapping[int, Modes]
) -> bool:
    """Whether no member would follow one of these modes that it need not."""
    return all(modes & taken.get(device, NO_MODES) <= wanted.get(device, NO_MODES) for device in members)
