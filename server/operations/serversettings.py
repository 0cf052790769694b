"""`setting`: the settings in force of the server that is asked, and where each value comes from."""
from __future__ import annotations

from typing import Annotated, TypedDict

from server.config import SETTINGS, Setting, checks, settings
from server.operations.declaration import Arg, Group, Role

setting = Group("setting", """
    The settings in force of the server that is asked; `settings` shows those of this command line.
    """, default="list")
GROUPS = (setting,)
HIDDEN = "(set)"


class SettingRow(TypedDict):
    """A setting as people write it. `source` is default, file, environment, option or program, and `place`
    the file and key, the variable or the option; `why` is the reason of the default."""
    name: str
    group: str
    value: str
    unit: str
    source: str
    place: str
    default: str
    accepted: str
    help: str
    why: str


@setting.operation("list", role=Role.VIEWER)
def list_settings(
    *,
    group: Annotated[str | None, Arg("Only this group, such as Alarms.", choices=tuple(dict.fromkeys(
        declared.group for declared in SETTINGS.values())))] = None,
    changed: Annotated[bool, Arg("Only those that are set, not those at their defaults.")] = False,
) -> list[SettingRow]:
    """List every setting: its value, unit, where the value comes from, and what it is for.

    Passwords in it are not shown.
    """
    return [_row(declared) for declared in SETTINGS.values()
            if (group is None or declared.group == group) and (not changed or settings.is_set(declared.name))]


def _row(declared: Setting) -> SettingRow:
    source, value = settings.source(declared.name), getattr(settings, declared.name)
    shown = HIDDEN if declared.check is checks.DIGEST and value else declared.in_words(value)
    return {"name": declared.name, "group": declared.group, "value": shown, "unit": declared.unit,
            "source": source.kind, "place": source.place, "default": declared.in_words(declared.default),
            "accepted": declared.allowed, "help": declared.help, "why": declared.why}
