"""DER: what a device's DER is told of programs; all else about it is kept as said (IEEE 2030.5-2018,
10.10)."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Response

from server.devices import access
from server.errors import Refused
from server.models import Audience, Device, Document
from server.protocol import answers
from server.protocol.views import RequestContext
from server.resources import retrieve, sql, store, table
from server.resources.hooks import Change, after, before, instead, only_operator

_PLACED = ("DERCapability", "DERSettings", "DERStatus", "DERAvailability")

for _method in ("PUT", "POST", "DELETE"):
    before(_method, "DERProgram", "DERControl", "DERCurve", "DefaultDERControl", "FlowReservationResponse")(
        only_operator)


@after("POST", "DER")
def _furnish(change: Change) -> None:
    for kind in _PLACED:
        href = f"{change.href}/{table.rows[kind].path.rpartition('/')[2]}"
        if store.get(href) is None:
            store.add_placeholder(kind, href)


@after("POST", "DERProgram")
@after("DELETE", "DERProgram")
def _counted(change: Change) -> None:
    """The DERs that follow a program count it."""
    followers = Device.select(Device.id).join(Audience, on=(Audience.lfdi == Device.lfdi)).where(
        Audience.audience == change.audience)
    touch(device.id for device in followers)


@after("POST", "UsagePoint")
@after("DELETE", "UsagePoint")
def _mirrored(change: Change) -> None:
    """The DERs of a device link to its usage point."""
    touch(device.id for device in Device.select(Device.id).where(Device.lfdi == change.audience))


def touch(devices: Iterable[int]) -> None:
    """See that the DERs of these devices (their numbers) are rendered again: what they follow has changed."""
    for number in devices:
        above = table.rows["DERList"].href(device=number)
        store.touch(*(href for href, in sql.rows("SELECT href FROM document WHERE parent = ?", above)))


def _audiences(href: str) -> tuple[str, ...]:
    """The audiences of the device that a DER belongs to."""
    match = table.match(href)
    assert match is not None
    return tuple(
        audience
        for (audience,) in sql.rows(
            "SELECT a.audience FROM device d JOIN audience a ON a.lfdi = d.lfdi WHERE d.id = ?",
            match.parameters["device"],
        )
    )


@instead("COUNT", "AssociatedDERProgramList", "CurrentDERProgram")
def _count(href: str) -> int:
    return retrieve.page(retrieve.Selection("/derp", audiences=_audiences(href)), None, 0, None, 0).all


@instead("GET", "AssociatedDERProgramList")
def programs_of_der(ask: RequestContext) -> Response:
    """The programs that a DER follows, whoever asks (an aggregator asks for each of its devices)."""
    _visible(ask)
    return _programs(ask, _audiences(ask.href))


@instead("GET", "AssignedDERProgramList")
def programs_of_group(ask: RequestContext) -> Response:
    """The programs that a FunctionSetAssignments leads to: those of one virtual DER."""
    return _programs(ask, (f"vder:{ask.parameters['vder']}",))


def _programs(ask: RequestContext, audiences: tuple[str, ...]) -> Response:
    if store.due():
        store.refresh()
    span = ask.span()
    found = retrieve.page(
        retrieve.Selection("/derp", audiences=audiences),
        ask.who.lfdi,
        span.start,
        span.after,
        span.limit,
        ask.edition,
    )
    if not found.all and ask.match.row.name == "AssignedDERProgramList":
        raise Refused(404, access.NOT_THERE)
    return ask.list("DERProgramList", found)


@instead("GET", "CurrentDERProgram")
def current(ask: RequestContext) -> Response:
    """Of the programs that a DER follows, the one that has a control active now; of several, and else of all,
    the one with the lowest primacy."""
    _visible(ask)
    if store.due():
        store.refresh()
    rows: list[Any] = list(Document.select().where(
        (Document.parent == "/derp") & Document.audience.in_(_audiences(ask.href))).order_by(Document.sort))
    active = [row for row in rows if Document.select().where(
        (Document.parent == f"{row.href}/derc") & (Document.visibility == Document.ACTIVE)).exists()]
    if not rows:
        raise Refused(404, "this DER follows no program")
    href = (active or rows)[0].href
    found = retrieve.single(href, None, ask.edition)
    assert found is not None
    inside = found.body.replace(b'href="%s"' % href.encode(), b'href="%s"' % ask.href.encode(), 1)
    return answers.document("DERProgram", inside, ask.request, ask.edition)


@instead("GET", "AssociatedUsagePoint")
def usage_point(ask: RequestContext) -> Response:
    """The first usage point that the DER's device mirrors."""
    _visible(ask)
    row = _points(ask.href).first()
    if row is None:
        raise Refused(404, "this DER's device mirrors no usage point")
    found = retrieve.single(row.href, None, ask.edition)
    assert found is not None
    inside = found.body.replace(b'href="%s"' % row.href.encode(), b'href="%s"' % ask.href.encode(), 1)
    return answers.document("UsagePoint", inside, ask.request, ask.edition)


@instead("COUNT", "AssociatedUsagePoint")
def _count_points(href: str) -> int:
    return _points(href).count()


def _points(href: str) -> Any:
    """The usage points of the device that a DER belongs to."""
    match = table.match(href)
    assert match is not None
    return Document.select().join(Device, on=(Device.lfdi == Document.audience)).where(
        (Document.parent == "/upt") & (Device.id == match.parameters["device"])).order_by(Document.sort)


def _visible(ask: RequestContext) -> None:
    if retrieve.single(table.parent(ask.href), ask.who.lfdi) is None:
        raise Refused(404, access.NOT_THERE)
