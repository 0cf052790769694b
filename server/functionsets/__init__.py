"""What a function set adds to plain storage, one module each.

A function set without a module only stores documents. A module registers hooks (see resources/hooks.py);
`load` imports them all.
"""
from __future__ import annotations

import importlib
import pkgutil


def load() -> None:
    """Import every function set, which registers its hooks."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
