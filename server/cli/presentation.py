"""What the command line adds to an operation: parameters of its own, and another way to print the result."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import click


@dataclass(frozen=True)
class Presentation:
    """`print(result, as_json, **values of the parameters)`."""
    print: Callable[..., None]
    parameters: tuple[click.Parameter, ...] = ()
    has_tables: bool = False  # that are cut, unless they are to be printed `whole`
