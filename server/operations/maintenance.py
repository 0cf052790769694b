"""`reindex`: upkeep of the database."""
from __future__ import annotations

from typing import TypedDict

from server.operations.declaration import Group, Role
from server.operations.progress import track
from server.resources import store

reindex_group = Group("reindex")
GROUPS = (reindex_group,)


class Reindexed(TypedDict):
    """How many derived rows and bodies were not as their documents say."""
    changed: int


@reindex_group.operation("", role=Role.ADMINISTRATOR, in_parts=True)
def reindex() -> Reindexed:
    """Rebuild every derived row and body; changes nothing in a healthy database."""
    return {"changed": store.reindex(lambda hrefs: track(hrefs, "rebuilding"))}
