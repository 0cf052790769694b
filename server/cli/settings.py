"""`settings`: the values in force, where they come from, and the reference in docs/settings.md."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from server.cli.tables import show
from server.config import SETTINGS, Setting, settings

_PREFACE = """# Settings

Made from `server/config/declarations.py` by `counterpoise settings --markdown`; a test holds the two equal.

A value comes from, later ones winning: the default, a TOML file (`counterpoise.toml` in the working
directory, or the file that `COUNTERPOISE_CONFIG` names), the environment (`COUNTERPOISE_PORT=8443`), the
command line (`counterpoise --set port=8443 serve`). Every command refuses at its start what is broken in any
of them, and names that do not exist. `counterpoise settings` shows the values in force and their sources.

A number is in the unit of its setting. Powers, energies, durations and shares may carry another, as options
do, in quotes where they stand in a file: `plausible_power_w = "50kW"`, `poll_rate = "5min"`,
`reserve = "10%"`.
"""
_HEADING = "| setting | default | unit | accepted | what it is for |\n| --- | --- | --- | --- | --- |\n"


@click.command("settings")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the reference, without values in force.")
def show_settings(as_json: bool, as_markdown: bool) -> None:
    """Every setting by group: its value, unit, range, where the value comes from, and what it is for."""
    if as_markdown:
        click.echo(markdown(), nl=False)
    elif as_json:
        show([_record(setting) for setting in SETTINGS.values()], as_json=True)
    else:
        for group, members in _groups():
            click.secho(f"\n{group}", bold=True)
            show([_row(setting) for setting in members], as_json=False)


def markdown() -> str:
    """The reference of all settings, as docs/settings.md has it."""
    parts = [_PREFACE]
    for group, members in _groups():
        parts.append(f"\n## {group}\n\n{_HEADING}")
        for setting in members:
            default = f"`{_text(setting.default)}`" if setting.default != "" else "empty"
            reason = f" (default: {setting.why})" if setting.why else ""
            former = f" Was called `{setting.was}`." if setting.was else ""
            parts.append(f"| `{setting.name}` | {default} | {setting.unit} | {setting.allowed} | "
                         f"{setting.help}{reason}.{former} |\n")
    return "".join(parts)


def _groups() -> Iterator[tuple[str, list[Setting]]]:
    for group in dict.fromkeys(setting.group for setting in SETTINGS.values()):
        yield group, [setting for setting in SETTINGS.values() if setting.group == group]


def _record(setting: Setting) -> dict[str, Any]:
    source, value = settings.source(setting.name), getattr(settings, setting.name)
    return {"name": setting.name, "value": setting.shown(value), "unit": setting.unit,
            "group": setting.group, "type": setting.kind.__name__, "default": setting.default,
            "least": setting.least, "most": setting.most, "choices": list(setting.choices),
            "accepted": setting.allowed, "source": source.kind, "place": source.place, "help": setting.help,
            "why": setting.why}


def _row(setting: Setting) -> dict[str, Any]:
    source = settings.source(setting.name)
    value = setting.in_words(getattr(settings, setting.name))
    return {"name": setting.name, "value": value, "unit": setting.unit,
            "source": source.place or source.kind, "help": f"{setting.help} [{setting.allowed}]"}


def _text(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.15g}" if isinstance(value, float) else str(value)


COMMANDS = (show_settings,)
