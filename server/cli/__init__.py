"""The operator interface: the command line `counterpoise`.

Its commands are made from the declarations in `server.operations`. Read `commands` first (how), then
`parameters` (what is typed), `tables` (with `columns`), `jsonoutput` and `presentation` (what is printed;
`audit` for its entries), `common` (settings, database, progress), `remote` (operations on another server)
and `group` (what happens when a command fails; `summaries` is the list of commands). `run`, `console`,
`check`, `certs`, `backup`, `settings`, `reference` and `demo` are commands that are not operations.
"""
from __future__ import annotations

from importlib import import_module

import click

from server import operations
from server.cli import common
from server.cli.group import Commands
from server.cli.jsonoutput import VERSIONS
from server.cli.summaries import SUMMARIES
from server.config.sources import CA, SERVER, TOKEN

# Commands that are not operations, with their modules.
PROCESSES = {"serve": "run", "work": "run", "init": "run", "console": "console",
             "check": "check", "certs": "certs",
             "backup": "backup", "restore": "backup", "move": "backup",
             "settings": "settings", "operations": "reference", "demo": "demo"}
ANYWHERE = {"certs", "settings", "operations"}  # of these, what needs no database


def load(name: str) -> click.Command:
    """The command of a name, made when it is asked for."""
    if name in operations.MODULES:
        from server.cli import commands
        return commands.group(operations.load(name))
    module = import_module(f"{__name__}.{PROCESSES[name]}")
    of_module: tuple[click.Command, ...] = module.COMMANDS
    return next(command for command in of_module if command.name == name)


@click.group(
    cls=Commands,
    summaries=SUMMARIES,
    load=load,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="counterpoise")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE",
              help="A setting for this call; see `settings`.")
@click.option("--as", "name", metavar="NAME",
              help="Who you say you are, for the audit log; your login name if not given. Approves nothing "
                   "once there are users.")
@click.option("--server", "url", metavar="URL", envvar=SERVER,
              help=f"Work on this server, through its REST interface, in place of the database ({SERVER}).")
@click.option("--token", "token", metavar="FILE",
              help=f"The file with the token for --server; without it {TOKEN} is the token.")
@click.option("--ca", metavar="FILE", envvar=CA,
              help=f"The authority of the certificate of --server, PEM ({CA}).")
@click.option("--json-version", type=click.Choice(VERSIONS),
              help="Refuse where --json has another version than this.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the audit log.")
@click.pass_context
def main(context: click.Context, pairs: tuple[str, ...], name: str | None, reason: str,
         json_version: str | None, url: str | None, token: str | None, ca: str | None) -> None:
    """Counterpoise: an IEEE 2030.5 server and residential DERMS."""
    common.configure(pairs, context.invoked_subcommand or "")
    common.act_as(name or common.login(), reason)
    if url:
        _work_on(context, url, token, ca or "", name)
    context.call_on_close(common.close)


def _work_on(context: click.Context, url: str, token: str | None, ca: str, name: str | None) -> None:
    """Have the command work on a remote server. Refused where it is one of this machine alone."""
    command = context.invoked_subcommand or ""
    if command in ANYWHERE:
        return
    if command in PROCESSES:
        raise click.UsageError(f"`{command}` works on this machine alone: leave out --server, or unset "
                               f"{SERVER}.")
    if name:
        raise click.UsageError("--as is for the local command line: on a server the token says who acts.")
    from server.cli import remote
    context.meta[common.SERVER] = remote.server_at(url, common.token(token), ca)
