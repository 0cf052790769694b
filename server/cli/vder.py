"""`vder …`: virtual DERs, their members, programs and defaults."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from server.cli import values
from server.cli.common import DURATION, PAIR, WHOLE, verb
from server.cli.members import members
from server.cli.status import capability as ability
from server.cli.status import status
from server.grid.controls import defaultcontrols
from server.grid.flexibility import capability
from server.grid.groups import virtualders


@click.group()
def vder() -> None:
    """Group DERs into virtual DERs. VDER is a name or number.

    Members come by a rule over labels, such as "kind = ev_charger and feeder = F12", by list, or from the
    virtual DERs below it.
    """


@vder.command()
@click.argument("name")
@click.option("--rule", default="", help="Who is in it: a condition on labels, kind, name.")
@click.option("--member", "members", multiple=True, help="A device that is in it by name.")
@click.option("--parent", help="The virtual DER it belongs to.")
@click.option("--primacy", type=WHOLE, help="0 (strongest) to 255; one stronger than its parent's if not "
                                            "given.")
@click.option("--purpose", default="", help="topology, programme, provider, kind, …")
@click.option("--import-limit", "import_limit_w", type=float,
              help="The most that its members may consume together, in W.")
@click.option("--export-limit", "export_limit_w", type=float,
              help="The most that its members may inject together, in W.")
@verb
def create(name: str, **rest: Any) -> Any:
    """Make a virtual DER and publish its DERProgram to its members."""
    return virtualders.create(name, **rest)


@vder.command("list")
@click.option("--single", is_flag=True, help="Those of single devices as well, which per-device orders make.")
@verb
def list_vders(single: bool) -> Any:
    """The tree of virtual DERs."""
    return virtualders.list_vders(single)


@vder.command()
@click.argument("vder")
@verb
def show(vder: str) -> Any:
    """A virtual DER with its members, its default and what it can do now."""
    return {
        **virtualders.show(vder),
        "modes": capability.capability(vder)["modes"],
        "capability": capabilities(vder),
    }


def capabilities(vder: str) -> list[dict[str, Any]]:
    """What a virtual DER and those below it can do now, a row each; powers in W, injection positive."""
    def walk(node: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
        yield {"name": node["name"], "depth": depth, **{key: node[key] for key in _SHOWN}}
        for child in node["children"]:
            yield from walk(child, depth + 1)
    return list(walk(capability.capability(vder), 0))


_SHOWN = (
    "members",
    "online",
    "stale",
    "unrated",
    "rated_inject_w",
    "rated_absorb_w",
    "injection_w",
    "up_w",
    "down_w",
    "capacity_wh",
    "up_wh",
    "down_wh",
    "charge",
)


@vder.command()
@click.argument("vder")
@click.option("--name", help="Another name.")
@click.option("--rule", help="Another rule; empty for none.")
@click.option("--parent", help="Another parent; empty for the top.")
@click.option("--primacy", type=WHOLE, help="Another primacy.")
@click.option("--purpose", help="Another purpose.")
@click.option("--import-limit", "import_limit_w", type=float,
              help="Another limit on what its members consume together, in W; inf for none.")
@click.option("--export-limit", "export_limit_w", type=float,
              help="Another limit on what its members inject together, in W; inf for none.")
@click.option("--add", multiple=True, metavar="DEVICE", help="Put a device in by name.")
@click.option("--remove", multiple=True, metavar="DEVICE", help="Take a device out that was put in by name.")
@verb
def update(vder: str, **changes: Any) -> Any:
    """Change a virtual DER; its members' assignments follow in the same transaction."""
    return virtualders.update(vder, **changes)


@vder.command()
@click.argument("vder")
@click.option("--force", is_flag=True, help="Even while it has controls that are scheduled or active.")
@verb
def delete(vder: str, force: bool) -> Any:
    """Remove a virtual DER, its program and its members' assignments to it."""
    virtualders.delete(vder, force)
    return {"deleted": vder}


@vder.command()
@click.argument("vder")
@click.argument("modes", type=PAIR, nargs=-1)
@click.option("--also", type=PAIR, multiple=True, help="An element of DefaultDERControl itself, such as "
                                                       "setGradW=100.")
@click.option("--clear", is_flag=True, help="Have no default any more.")
@verb
def default(
    vder: str, modes: tuple[tuple[str, str], ...], also: tuple[tuple[str, str], ...], clear: bool
) -> Any:
    """Show or set the DefaultDERControl: MODE=VALUE …, as with `control post`."""
    if clear:
        defaultcontrols.clear_default(vder)
    elif modes or also:
        defaultcontrols.set_default(
            vder, values.data("DERControlBase", modes), values.data("DefaultDERControl", also)
        )
    return virtualders.show(vder)["default"] or {}


@vder.command()
@click.argument("vder")
@click.option("--horizon", type=DURATION, default="24h", show_default=True, help="How far.")
@verb
def forecast(vder: str, horizon: int) -> Any:
    """What is expected of its load, sun, heat and cars: the quantiles 0.1, 0.5 and 0.9, in W with injection
    positive."""
    from server.grid.series import forecasts
    return forecasts.table(vder, horizon)


for _command in (members, status, ability):
    vder.add_command(_command)
COMMANDS = (vder,)
