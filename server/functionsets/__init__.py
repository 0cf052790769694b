"""What a function set adds to plain storage, one file each; a function set without a file keeps documents, no more."""
from __future__ import annotations

import importlib
import pkgutil


def load() -> None:
    """Import every function set, so that its hooks are known."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
