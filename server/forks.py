"""What a process that is forked from another begins without: what that one counts and tells already."""
from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[[], None])


def forgotten(forget: F) -> F:
    """Call a function in each process that is forked from this one, before its threads begin."""
    os.register_at_fork(after_in_child=forget)
    return forget
