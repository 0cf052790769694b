"""Which of what is installed apart is there, for rooms that can do without."""
from importlib.util import find_spec

BALANCE = all(find_spec(name) for name in ("numpy", "highspy"))
