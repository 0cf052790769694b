"""What differs between two states, as the audit log records it. Pure."""
from __future__ import annotations

from typing import Any


def difference(before: Any, after: Any) -> tuple[Any, Any]:
    """Return the parts of each that the other has not: mappings by key, lists by item, others whole. Pure."""
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = {
            key: difference(before.get(key), after.get(key))
            for key in sorted(before.keys() | after.keys())
            if before.get(key) != after.get(key)
        }
        return {key: old for key, (old, _) in pairs.items()}, {key: new for key, (_, new) in pairs.items()}
    if isinstance(before, list) and isinstance(after, list):
        removed, added = _missing_items(before, after), _missing_items(after, before)
        return (removed, added) if removed or added else (before, after)
    return before, after


def _missing_items(items: list[Any], others: list[Any]) -> list[Any]:
    """Return the items that are not among the others."""
    present = set(map(repr, others))
    return [item for item in items if repr(item) not in present]
