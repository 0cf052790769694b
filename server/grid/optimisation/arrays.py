"""The array types of whole fleets, and numpy, loaded when it is first used.

Commands that only list something import modules with mathematics in them, but need none of it.
"""
from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


class LazyModule:
    """Stands for a module, which is imported when something in it is asked for."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> Any:
        value = getattr(import_module(self._name), name)
        setattr(self, name, value)  # the next time it is found without this
        return value


if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.intp]
    Bools = NDArray[np.bool_]
else:
    np = LazyModule("numpy")
    Floats = Whole = Bools = Any

__all__ = ["Bools", "Floats", "LazyModule", "Whole", "np"]
