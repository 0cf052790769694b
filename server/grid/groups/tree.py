"""The tree of virtual DERs: walks down and up, depth and height.

All code that needs the tree uses this class; no other module follows `parent` or `children`.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from server.models import VirtualDER


@dataclass(frozen=True, kw_only=True)
class Tree:
    """All virtual DERs at the time of reading, by number.

    `children` has the numbers directly below each virtual DER; those at the top are under the key None.
    """
    vders: dict[int, VirtualDER]
    children: dict[int | None, list[int]]

    @classmethod
    def read(
        cls, order: Any = VirtualDER.id, single: bool = False, include: Iterable[VirtualDER] = ()
    ) -> Self:
        """Read the tree, with siblings in the given order.

        A virtual DER of a single device has no parent and no children. It is left out unless it is in
        `include` or `single` is true.
        """
        query = VirtualDER.select().order_by(order)
        return cls.of([*include, *(query if single else query.where(VirtualDER.device.is_null()))])

    @classmethod
    def of(cls, vders: Iterable[VirtualDER]) -> Self:
        """Return the tree of these virtual DERs, siblings in their order; of two with one number the latter
        counts."""
        of_number = {vder.id: vder for vder in vders}
        children: dict[int | None, list[int]] = {}
        for number, vder in of_number.items():
            children.setdefault(vder.parent_id, []).append(number)
        return cls(vders=of_number, children=children)

    def changed(self, vders: Iterable[VirtualDER]) -> Self:
        """Return the tree with these virtual DERs, which are new or in place of those with their numbers."""
        return self.of([*self.vders.values(), *vders])

    def walk(self, top: int | None = None) -> Iterator[tuple[VirtualDER, int]]:
        """Yield a virtual DER (None: all trees) and those below it, parents first, each with its depth below
        `top`."""
        stack = [
            (number, 0) for number in reversed([top] if top is not None else self.children.get(None, []))
        ]
        while stack:
            number, depth = stack.pop()
            yield self.vders[number], depth
            stack += ((child, depth + 1) for child in reversed(self.children.get(number, [])))

    def subtree(self, top: int) -> list[int]:
        """Return the number of a virtual DER and of all below it, parents first."""
        return [vder.id for vder, _ in self.walk(top)]

    def ancestors(self, number: int) -> Iterator[int]:
        """Yield the number itself, then those above it, up to the top."""
        current: int | None = number
        while current is not None and current in self.vders:
            yield current
            current = self.vders[current].parent_id

    def closure(self, numbers: Collection[int]) -> set[int]:
        """Return these numbers and all above them."""
        reached = {number for number in numbers if number not in self.vders}
        for number in numbers:
            for ancestor in self.ancestors(number):
                if ancestor in reached:
                    break
                reached.add(ancestor)
        return reached

    def lowest(self, numbers: Collection[int]) -> set[int]:
        """Return those of these numbers that have none of the others below them; `numbers` has all that are
        above each."""
        return set(numbers) - {self.vders[number].parent_id for number in numbers if number in self.vders}

    def depth(self, number: int) -> int:
        """Return how many virtual DERs are above this one."""
        return sum(1 for _ in self.ancestors(number)) - 1

    def height(self, number: int) -> int:
        """Return the number of levels from this virtual DER down, its own included."""
        return 1 + max(depth for _, depth in self.walk(number))
