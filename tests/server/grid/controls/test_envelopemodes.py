"""By which modes limits of a connection point are told."""
from __future__ import annotations

import pytest

from server.grid.controls import envelopemodes
from server.grid.fleet.members import Member, MemberDer
from server.grid.series.envelopesegments import KINDS, Limits

IMP, EXP = "csipaus:opModImpLimW", "csipaus:opModExpLimW"
GEN, LOAD = "csipaus:opModGenLimW", "csipaus:opModLoadLimW"
MAX, ABSORB = "opModMaxLimW", "opModMaxLimPctWAbsorb"
ALL: Limits = (7000.0, 5000.0, 4000.0, 3000.0)


def member(*modes: str, inject: float = 10_000, absorb: float = 5000) -> Member:
    der = MemberDer(inject, absorb, -absorb, inject, None, None, None, None, frozenset(modes))
    return Member("x", "x", "", True, (der,), None, None)


def w(value: int) -> dict[str, int]:
    return {"multiplier": 0, "value": value}


@pytest.mark.parametrize("members, base, untold", [
    ([member(IMP, EXP, GEN, LOAD, MAX)], {IMP: w(7000), EXP: w(5000), GEN: w(4000), LOAD: w(3000)}, {}),
    ([member(MAX, ABSORB)], {MAX: 4000, ABSORB: 6000}, {}),
    ([member(MAX)], {MAX: 4000}, {"import_limit": 1, "load_limit": 1}),
    ([member(EXP, MAX)], {EXP: w(5000), MAX: 4000}, {"import_limit": 1, "load_limit": 1}),
    ([member(MAX, absorb=0), member(MAX, absorb=0)], {MAX: 2000}, {}),
    ([member(IMP, EXP, GEN, LOAD), member(MAX, ABSORB)],
     {IMP: w(7000), EXP: w(5000), GEN: w(4000), LOAD: w(3000), MAX: 2000, ABSORB: 3000}, {}),
    ([member(IMP, EXP, GEN, LOAD, MAX), member(MAX, absorb=0)],
     {IMP: w(7000), EXP: w(5000), GEN: w(4000), LOAD: w(3000)}, {"export_limit": 1, "generation_limit": 1}),
    ([member("opModFixedW")], {}, dict.fromkeys(KINDS, 1)),
    ([Member("x", "x", "", True, (), None, None)], {}, dict.fromkeys(KINDS, 1)),
])
def test_each_limit_is_told_as_its_members_take_it(
    members: list[Member], base: dict[str, object], untold: dict[str, int]
) -> None:
    how = envelopemodes.expression(members, KINDS)
    assert envelopemodes.base(how, ALL) == base and how.untold == untold


def test_what_is_not_limited_is_not_said() -> None:
    how = envelopemodes.expression([member(IMP, EXP, GEN, LOAD)], KINDS)
    assert envelopemodes.base(how, (None, 0.0, None, None)) == {EXP: w(0)}
    assert envelopemodes.base(how, (None, None, None, None)) == {}


def test_a_fraction_is_rounded_so_that_the_limit_is_kept() -> None:
    how = envelopemodes.expression([member(MAX, inject=3000, absorb=0)], ["export_limit"])
    assert envelopemodes.base(how, (None, 1000.0, None, None)) == {MAX: 3333}
    assert envelopemodes.base(how, (None, 9000.0, None, None)) == {MAX: 10_000}
