"""Dry runs of any operation: it is run, and then rolled back with its transaction."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from server import audit
from server.resources import dryrun, pollrates


@contextmanager
def trial() -> Iterator[None]:
    """Roll back the changes inside, and add no entries to the audit log meanwhile."""
    try:
        with audit.unrecorded(), dryrun.transaction(dry_run=True):
            yield
    finally:
        pollrates.forget()  # which may have read rates that are no more
