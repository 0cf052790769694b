"""numpy for the rooms that reckon with whole fleets; the extra `balance` brings it, and says so where it is missing."""
try:
    import numpy as np
    from numpy.typing import NDArray
except ImportError as missing:
    raise ImportError("the balance needs numpy and highspy: pip install 'counterpoise[balance]'") from missing

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]
Bools = NDArray[np.bool_]

__all__ = ["Bools", "Floats", "Whole", "np"]
