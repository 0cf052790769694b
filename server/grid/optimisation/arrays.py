"""The array types of whole fleets."""
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]
Bools = NDArray[np.bool_]

__all__ = ["Bools", "Floats", "Whole", "np"]
