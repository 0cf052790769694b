"""`poll-rate` and `post-rate`: how often devices poll and post readings."""
from __future__ import annotations

from typing import Annotated, Any, TypedDict

from server import audit
from server.config import settings
from server.devices import enrolment
from server.errors import BadArgument
from server.models import Rate
from server.operations.declaration import Arg, Group, Role
from server.resources import outbox, pollrates, schema, store, table
from server.units import Lfdi, Seconds

poll_rate, post_rate = Group("poll-rate"), Group("post-rate")
GROUPS = (poll_rate, post_rate)
Interval = Annotated[Seconds | None, Arg(least=1, metavar="[DURATION]")]
Kind = Annotated[str, Arg("Only for this kind of resource, such as DERProgramList.")]
OnlyDevice = Annotated[str, Arg("Only for this device.")]
Clear = Annotated[bool, Arg("Remove the rate that was set.")]


class RateRow(TypedDict):
    """How often devices poll or post resources of a kind; `device` is empty for all devices."""
    kind: str
    device: Lfdi
    seconds: Seconds


def _rates(purpose: str, general: bool = True) -> list[RateRow]:
    """Return the rates that were set, with the general one or without."""
    return [{"kind": rate.kind, "device": rate.lfdi, "seconds": rate.interval_s}
            for rate in Rate.select().where(Rate.purpose == purpose).order_by(Rate.kind, Rate.lfdi)
            if general or rate.kind or rate.lfdi]


def _state(purpose: str) -> dict[str, Any]:
    return {"purpose": purpose, "rates": _rates(purpose)}


@audit.audited("rate set", "{purpose}", state=_state)
def _set(purpose: str, kind: str, lfdi: str, interval_s: int | None) -> None:
    with store.transaction():
        pollrates.set_rate(purpose, kind, lfdi, interval_s)
        store.apply_rates(lfdi)
        if purpose == "poll":
            outbox.rates_changed(kind, lfdi)


def _show_or_set(purpose: str, interval_s: int | None, kind: str, device: str, clear: bool) -> list[RateRow]:
    lfdi = enrolment.find(device).lfdi if device else ""
    if kind:
        _check_kind(purpose, kind)
    if clear or interval_s is not None:
        _set(purpose, kind, lfdi, None if clear else interval_s)
    general_s = pollrates.configured(purpose, "", "") or getattr(settings, f"{purpose}_rate")
    return [*_rates(purpose, general=False), {"kind": "all others", "device": "", "seconds": general_s}]


def _check_kind(purpose: str, kind: str) -> None:
    """Refuse a kind of resource that has no such rate, and name the one above it that has."""
    if kind not in table.rows:
        raise BadArgument("kind", f"there is no resource {kind}")
    row, attribute = table.rows[kind], f"{purpose}Rate"
    if _has(row, attribute) and row.element == kind:
        return
    if row.element != kind:
        raise BadArgument("kind", f"{kind} has the rate of {row.element}: specify that")
    above = [other for other in table.rows.values() if row.path.startswith(f"{other.path}/")
             and _has(other, attribute) and other.element == other.name]
    having = max(above, key=lambda other: len(other.path), default=None)
    others = ", ".join(other.name for other in table.rows.values()
                       if _has(other, attribute) and other.element == other.name)
    remedy = f"specify {having.name}, which is above it" if having else f"those that have one are {others}"
    raise BadArgument("kind", f"{kind} has no {attribute}: {remedy}")


def _has(row: table.Row, attribute: str) -> bool:
    return attribute in schema.type_spec(row.element).by_key


@poll_rate.operation("", role=Role.OPERATOR)
def set_poll_rate(
    interval_s: Interval = None, *, kind: Kind = "", device: OnlyDevice = "", clear: Clear = False
) -> list[RateRow]:
    """Show or set how often devices poll (pollRate): all, or for a kind of resource, a device, or both.

    The setting `poll_rate` holds where nothing is set.
    """
    return _show_or_set("poll", interval_s, kind, device, clear)


@post_rate.operation("", role=Role.OPERATOR)
def set_post_rate(
    interval_s: Interval = None, *, kind: Kind = "", device: OnlyDevice = "", clear: Clear = False
) -> list[RateRow]:
    """Show or set how often devices post readings (postRate): all, or of a kind of resource, a device, or
    both.

    The setting `post_rate` holds where nothing is set.
    """
    return _show_or_set("post", interval_s, kind, device, clear)
