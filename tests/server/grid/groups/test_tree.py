"""The walk of the tree of virtual DERs."""
from __future__ import annotations

from server.grid.groups.tree import Tree
from server.models import VirtualDER


def tree() -> Tree:
    """1 is above 2 and 4, 2 above 3; 5 stands alone."""
    parents = {1: None, 2: 1, 3: 2, 4: 1, 5: None}
    children: dict[int | None, list[int]] = {None: [1, 5], 1: [2, 4], 2: [3]}
    return Tree(
        vders={number: VirtualDER(id=number, parent=parent) for number, parent in parents.items()},
        children=children,
    )


def test_parents_come_before_children_with_their_depth() -> None:
    assert [(vder.id, depth) for vder, depth in tree().walk()] == [(1, 0), (2, 1), (3, 2), (4, 1), (5, 0)]
    assert tree().subtree(2) == [2, 3] and tree().subtree(5) == [5]


def test_what_is_above() -> None:
    assert list(tree().ancestors(3)) == [3, 2, 1]
    assert tree().closure([3, 5]) == {3, 2, 1, 5}
    assert tree().closure([9, 4]) == {9, 4, 1}, "a virtual DER of one device stands in no tree"


def test_depth_and_height() -> None:
    assert [tree().depth(number) for number in (1, 2, 3, 5)] == [0, 1, 2, 0]
    assert [tree().height(number) for number in (1, 2, 3, 5)] == [3, 2, 1, 1]
