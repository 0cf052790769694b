"""By which modes generation is stopped, and how few controls reach everyone."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.grid.dispatch import stopmodes
from server.grid.dispatch.stopmodes import LIMITS, PREFERENCE
from server.grid.fleet.members import MemberDer

GEN, EXP, MAX = "csipaus:opModGenLimW", "csipaus:opModExpLimW", "opModMaxLimW"
FIXED, ENERGIZE, CONNECT = "opModFixedW", "opModEnergize", "opModConnect"


def der(*modes: str, inject: float = 5000) -> MemberDer:
    return MemberDer(inject, 5000, -5000, inject, None, None, None, None, frozenset(modes))


@pytest.mark.parametrize("ders, modes", [
    ([der(GEN, EXP, MAX, FIXED, ENERGIZE)], {GEN, EXP, MAX}),
    ([der(EXP, ENERGIZE)], {EXP}),
    ([der(FIXED, ENERGIZE, CONNECT)], {FIXED}),
    ([der(ENERGIZE, CONNECT)], {ENERGIZE}),
    ([der(CONNECT)], {CONNECT}),
    ([der("opModVoltVar")], None),
    ([der(inject=0)], set()),
    ([], set()),
    ([der(MAX), der(ENERGIZE)], {MAX, ENERGIZE}),
    ([der(MAX), der("opModVoltVar")], None),
    ([der(MAX), der("opModVoltVar", inject=0)], {MAX}),
])
def test_modes_in_order_of_preference(ders: list[MemberDer], modes: set[str] | None) -> None:
    assert stopmodes.stop_modes(ders) == modes


def test_what_is_sent_ends_generation() -> None:
    assert stopmodes.base({EXP, ENERGIZE, MAX}) == {
        EXP: {"multiplier": 0, "value": 0}, ENERGIZE: False, MAX: 0}
    assert stopmodes.base(frozenset().union(*PREFERENCE)).keys() == frozenset().union(*PREFERENCE)


def modes(*names: str) -> frozenset[str]:
    return frozenset(names)


def test_one_control_where_everyone_takes_a_limit() -> None:
    wanted = {1: modes(MAX), 2: modes(GEN, EXP)}
    reach = stopmodes.reach([(9, [1, 2, 3])], wanted, {**wanted, 3: modes(ENERGIZE)}, [])
    assert reach.modes == {9: {MAX, GEN, EXP}} and reach.devices == {9: [1, 2]} and not reach.singles


def test_ceasing_is_broadcast_where_it_hits_nobody_else() -> None:
    wanted, taken = {1: modes(MAX), 2: modes(ENERGIZE)}, {1: modes(MAX, ENERGIZE), 2: modes(ENERGIZE)}
    assert stopmodes.reach([(9, [1, 2]), (8, [2])], wanted, taken, []) == (
        {9: {MAX}, 8: {ENERGIZE}}, {9: [1], 8: [2]}, [])
    assert stopmodes.reach([(9, [1, 2])], wanted, taken, []) == ({9: {MAX}}, {9: [1]}, [2])
    taken[1] = modes(MAX)
    assert stopmodes.reach([(9, [1, 2]), (8, [2])], wanted, taken, []).modes == {9: {MAX, ENERGIZE}}


def test_a_load_beside_it_goes_on() -> None:
    wanted, taken = {2: modes(ENERGIZE)}, {2: modes(ENERGIZE), 5: modes(ENERGIZE)}
    assert stopmodes.reach([(9, [2, 5])], wanted, taken, []) == ({}, {}, [2])


def test_what_carries_a_stop_already_is_left_alone() -> None:
    wanted = {1: modes(MAX)}
    assert stopmodes.reach([(9, [1]), (8, [1])], wanted, wanted, [9]) == ({8: {MAX}}, {8: [1]}, [])


ROWS = st.sampled_from([modes(MAX), modes(GEN, EXP), modes(FIXED), modes(ENERGIZE), modes(CONNECT)])
TAKEN = st.frozensets(st.sampled_from(sorted(frozenset().union(*PREFERENCE))))


@given(st.dictionaries(st.integers(0, 9), st.tuples(ROWS, TAKEN), min_size=1),
       st.lists(st.frozensets(st.integers(0, 9)), max_size=4), st.frozensets(st.integers(1, 4)),
       st.dictionaries(st.integers(10, 12), TAKEN))
def test_everyone_is_reached_once_by_all_that_it_needs_and_nobody_by_more(
    devices: dict[int, tuple[frozenset[str], frozenset[str]]], below: list[frozenset[int]],
    occupied: frozenset[int], loads: dict[int, frozenset[str]]
) -> None:
    wanted = {device: row for device, (row, _) in devices.items()}
    taken = {**{device: row | more for device, (row, more) in devices.items()}, **loads}
    nodes = [(0, [*devices, *loads]),
             *((number, [device for device in members if device in devices])
               for number, members in enumerate(below, 1))]
    reach = stopmodes.reach(nodes, wanted, taken, occupied)
    reached = [device for of_node in reach.devices.values() for device in of_node] + reach.singles
    assert sorted(reached) == sorted(wanted) and not occupied & reach.modes.keys()
    members = dict(nodes)
    for number, sent in reach.modes.items():
        assert all(wanted[device] <= sent for device in reach.devices[number])
        for member in members[number]:
            assert taken[member] & sent - LIMITS <= wanted.get(member, frozenset())
