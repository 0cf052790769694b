"""What a condition finds, and how conditions are shown."""
from __future__ import annotations

from typing import NamedTuple, TypedDict


class Finding(NamedTuple):
    """What is wrong (such as `device 7`), and what is seen of it, in words; "" where it is in order."""
    source: str
    detail: str = ""


class ConditionRow(TypedDict):
    """A condition: its alarm, what is watched, its thresholds by setting, and how many alarms of it stand."""
    kind: str
    severity: str
    condition: str
    thresholds: dict[str, str]
    standing: int
