"""The operator interface: the command line `counterpoise`.

Each command is a thin layer over a function of the packages below. What the function returns is printed as a
table for people or, with --json, for programs. Read `common` first (settings, database, errors), then
`values`, `files` and `tables` (what is typed and what is printed); every other module is named after its
commands.
"""
from __future__ import annotations

import click

from server.cli import (audit, certs, common, control, demo, device, dispatch, dr, ev, forecast, optout, plan,
                        rates, readings, report, run, settings, signals, vder)
from server.cli.group import Commands


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="counterpoise")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A setting for this call; see "
                                                                          "`settings`.")
@click.option("--as", "name", metavar="NAME", help="Who you are, for the audit trail; your login name if "
                                                   "not given.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the audit trail.")
@click.pass_context
def main(context: click.Context, pairs: tuple[str, ...], name: str | None, reason: str) -> None:
    """Counterpoise: an IEEE 2030.5 server and residential DERMS."""
    common.configure(pairs, context.invoked_subcommand or "")
    common.say_who(name, reason)
    context.call_on_close(common.close)


for module in (
    run,
    certs,
    device,
    vder,
    control,
    dispatch,
    dr,
    ev,
    signals,
    forecast,
    optout,
    plan,
    readings,
    rates,
    report,
    audit,
    settings,
    demo,
):
    for command in module.COMMANDS:
        main.add_command(command)
