"""How devices are told the limits of their connection point: the modes of a control. Pure.

    limit        where the device takes it     else, as a part of all that the connection point can do
    import       csipaus:opModImpLimW          opModMaxLimPctWAbsorb of setMaxChargeRateW
    load         csipaus:opModLoadLimW         the same
    export       csipaus:opModExpLimW          opModMaxLimW of setMaxW
    generation   csipaus:opModGenLimW          the same

What stands on the right limits the device alone, whatever else its premises consume or generate: an export
limit is kept, more strictly than it need be, an import limit only as far as the device itself draws. It is
sent where no member that takes the left would follow it as well.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from server.grid.fleet.members import Member
from server.grid.series.envelopesegments import KINDS, Limits
from server.resources import quantities
from server.resources.quantities import FULL
from server.units import Watts

IMPORT, EXPORT, GENERATION, LOAD = KINDS
MODES = {IMPORT: "csipaus:opModImpLimW", EXPORT: "csipaus:opModExpLimW",
         GENERATION: "csipaus:opModGenLimW", LOAD: "csipaus:opModLoadLimW"}
_INJECTING, _ABSORBING = "opModMaxLimW", "opModMaxLimPctWAbsorb"
FALLBACKS = {IMPORT: _ABSORBING, LOAD: _ABSORBING, EXPORT: _INJECTING, GENERATION: _INJECTING}


class Expression(NamedTuple):
    """How the kinds of limits are told the members of one connection point.

    `modes` are those of the kinds that someone takes directly, `fallbacks` the kinds that are told as a part
    of `rated_w`, by their mode. `untold` are the kinds that some members are not told, with how many.
    """
    modes: dict[str, str]
    fallbacks: dict[str, str]
    rated_w: dict[str, Watts]
    untold: dict[str, int]


def expression(members: Sequence[Member], kinds: Sequence[str]) -> Expression:
    """Return how these kinds of limits are told the members of a connection point."""
    rated_w = {_INJECTING: sum(member.max_injection_w for member in members),
               _ABSORBING: sum(member.max_absorption_w for member in members)}
    modes, fallbacks, untold = {}, {}, {}
    for kind in kinds:
        concerned = [member for member in members if _rating(member, FALLBACKS[kind]) or not member.ders]
        lacking = [member for member in concerned if MODES[kind] not in member.modes]
        if len(lacking) < len(concerned):
            modes[kind] = MODES[kind]
        fallback = FALLBACKS[kind]
        able = [member for member in lacking if fallback in member.modes]
        others = [member for member in members if member not in lacking and fallback in member.modes]
        if able and not others and rated_w[fallback]:
            fallbacks[kind] = fallback
            lacking = [member for member in lacking if member not in able]
        if lacking:
            untold[kind] = len(lacking)
    return Expression(modes, fallbacks, rated_w, untold)


def _rating(member: Member, mode: str) -> Watts:
    return member.max_injection_w if mode == _INJECTING else member.max_absorption_w


def base(how: Expression, limits: Limits) -> dict[str, Any]:
    """Return the DERControlBase of these limits; empty where nobody is told anything."""
    content: dict[str, Any] = {}
    for kind, limit_w in zip(KINDS, limits, strict=True):
        if limit_w is None:
            continue
        if kind in how.modes:
            content[how.modes[kind]] = quantities.power(limit_w)
        if kind in how.fallbacks:
            mode = how.fallbacks[kind]
            percent = min(int(limit_w / how.rated_w[mode] * FULL), FULL)
            content[mode] = min(percent, content.get(mode, FULL))
    return content
