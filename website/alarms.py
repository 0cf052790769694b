"""The page of alarms: every kind, from server/alarmkinds.py."""
from __future__ import annotations

from server.alarmkinds import DAY_S, HOUR_S, KINDS

PATH = "reference/alarms.md"
_PREFACE = """# Alarms

Every kind of alarm, how soon somebody has to act (critical: now; warning: today), what to do, and when it
clears. [How alarms reach people](../how-to/run-in-production.md) is a matter of settings. `counterpoise alarm
list` and `/api/v1/alarms` have those that stand.

| kind | severity | what to do | clears |
| --- | --- | --- | --- |
"""


def page() -> str:
    """The page, with the kinds in the order of the source."""
    return _PREFACE + "".join(
        f"| {name} | {kind.severity} | {kind.remedy} | {_clears(kind.lapses_after_s)} |\n"
        for name, kind in KINDS.items())


def _clears(lapses_after_s: int | None) -> str:
    if lapses_after_s is None:
        return "when what it is about is over"
    number, unit = (lapses_after_s // DAY_S, "day") if lapses_after_s >= DAY_S else (
        lapses_after_s // HOUR_S, "hour")
    return f"{number} {unit}{'s' if number > 1 else ''} after it was raised last"
