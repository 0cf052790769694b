"""`poll-rate` and `post-rate`: how often devices ask and report."""
from __future__ import annotations

from typing import Any

import click

from server import audit
from server.cli.common import DURATION, verb
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.models import Rate
from server.resources import pollrates, store, table


def _set(what: str) -> list[dict[str, Any]]:
    return [{"kind": rate.kind, "device": rate.lfdi, "seconds": rate.interval_s}
            for rate in Rate.select().where(Rate.purpose == what).order_by(Rate.kind, Rate.lfdi)]


@audit.audited("rate set", "{what}", state=lambda what: {"what": what, "rates": _set(what)})
def _decide(what: str, kind: str, lfdi: str, seconds: int | None) -> None:
    pollrates.set_rate(what, kind, lfdi, seconds)
    store.apply_rates(lfdi)


def _rate_command(what: str, name: str, help: str) -> click.Command:
    @click.command(name, help=help)
    @click.argument("seconds", type=DURATION, required=False)
    @click.option("--kind", default="", help="Only for this kind of resource, such as DERControlList.")
    @click.option("--device", "device", default="", help="Only for this device.")
    @click.option("--clear", is_flag=True, help="Set no rate of its own any more.")
    @verb
    def command(seconds: int | None, kind: str, device: str, clear: bool) -> Any:
        lfdi = enrolment.find(device).lfdi if device else ""
        if kind and kind not in table.rows:
            raise Refused(400, f"--kind: there is no resource {kind}")
        if clear or seconds is not None:
            _decide(what, kind, lfdi, None if clear else seconds)
        return [
            *_set(what),
            {"kind": "all others", "device": "", "seconds": getattr(settings, f"{what}_rate")},
        ]
    return command


COMMANDS = (
    _rate_command(
        "poll",
        "poll-rate",
        "Show or set how often devices poll (pollRate), in general (with --set), for a "
        "kind of resource, a device, or both.",
    ),
    _rate_command("post", "post-rate", "Show or set how often devices post readings (postRate), likewise."),
)
