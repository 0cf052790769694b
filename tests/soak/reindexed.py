"""What `counterpoise reindex` changes: nothing, where all that is derived follows what was submitted."""
from __future__ import annotations

from server.resources import store
from tests import tables


def changes() -> list[str]:
    """Reindex, and tell what it changed, by table: the rows that are gone and those that are new."""
    before = {name: tables.rows(name) for name in tables.names()}
    if not store.reindex():
        return []
    told = []
    for name, rows in before.items():
        after = tables.rows(name)
        if after != rows:
            gone, new = ([*(one - other)][:2] for one, other in ((rows, after), (after, rows)))
            told.append(f"reindex changed {name}: {gone} -> {new}"[:3000])
    return told
