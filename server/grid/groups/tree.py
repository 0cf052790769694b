"""The tree of virtual DERs: what is below and above each. The one walk for all who need it."""
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from server.models import VirtualDER


@dataclass(frozen=True, kw_only=True)
class Tree:
    """All virtual DERs as they were when they were read, by number.

    `children` has those directly below each, and below None those at the top.
    """
    vders: dict[int, VirtualDER]
    children: dict[int | None, list[int]]

    @classmethod
    def read(
        cls, order: Any = VirtualDER.id, single: bool = False, include: Iterable[VirtualDER] = ()
    ) -> Self:
        """The virtual DERs, siblings in this order; of those of one device these (`include`), or all
        (`single`).

        A virtual DER of one device has no parent and no children.
        """
        query = VirtualDER.select().order_by(order)
        vders = {vder.id: vder for vder in (query if single else query.where(VirtualDER.device.is_null()))}
        vders = {vder.id: vder for vder in include} | vders
        children: dict[int | None, list[int]] = {}
        for number, vder in vders.items():
            children.setdefault(vder.parent_id, []).append(number)
        return cls(vders=vders, children=children)

    def walk(self, top: int | None = None) -> Iterator[tuple[VirtualDER, int]]:
        """A virtual DER (None: all) and those below it, parents first, with the depth below `top`."""
        stack = [
            (number, 0) for number in reversed([top] if top is not None else self.children.get(None, []))
        ]
        while stack:
            number, depth = stack.pop()
            yield self.vders[number], depth
            stack += ((child, depth + 1) for child in reversed(self.children.get(number, [])))

    def subtree(self, top: int) -> list[int]:
        """The number of a virtual DER and of all below it, parents first."""
        return [vder.id for vder, _ in self.walk(top)]

    def ancestors(self, number: int) -> Iterator[int]:
        """The number itself and those above it, up to the top."""
        at: int | None = number
        while at is not None and at in self.vders:
            yield at
            at = self.vders[at].parent_id

    def closure(self, numbers: Collection[int]) -> set[int]:
        """These and all above them."""
        reached = {number for number in numbers if number not in self.vders}
        for number in numbers:
            for at in self.ancestors(number):
                if at in reached:
                    break
                reached.add(at)
        return reached

    def depth(self, number: int) -> int:
        """How many are above a virtual DER."""
        return sum(1 for _ in self.ancestors(number)) - 1

    def height(self, number: int) -> int:
        """The levels of the tree from a virtual DER down, itself included."""
        return 1 + max(depth for _, depth in self.walk(number))
