"""DER: the programs and usage point of a device's DER (IEEE 2030.5-2018, 10.10).

All else of a DER is stored as submitted.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from server.devices import access, enddevices
from server.devices.requestcontext import Fragment, ListPage, RequestContext
from server.errors import Refused
from server.models import Document
from server.resources import documents, hexbinary, refresh, retrieve, sql, store, table
from server.resources.codes import RoleFlags
from server.resources.hooks import Change, after, after_all, before, instead
from server.units import Href, Lfdi

_OF_DER = RoleFlags.DER | RoleFlags.PEV | RoleFlags.SUBMETER
_SINGLETONS = ("DERCapability", "DERSettings", "DERStatus", "DERAvailability")


@before("POST", "DER")
def _check_only_one(change: Change) -> None:
    """Refuse (403) a second DER by who speaks the 2023 edition, in which parts are DERComponents."""
    caller = change.caller
    if caller is None or caller.edition_of(change.data) != 2023:
        return
    first = next(iter(store.items(change.list_href)), None)
    if first is not None:
        raise Refused(403, f"DER: there is {first.href} already, and since 2023 there is one; POST its parts "
                           f"to {first.href}/part")


@before("POST", "DERComponent")
@before("PUT", "DERComponent")
def _check_component(change: Change) -> None:
    """Refuse (400) what is no LFDI; a POST of a part that is there changes that one."""
    lfdi = change.data["lFDI"]
    enddevices.check_lfdi(lfdi, "DERComponent")
    if change.method == "POST":
        known = next((item for item in store.items(change.list_href) if item.submitted["lFDI"] == lfdi), None)
        if known is not None:
            change.href, change.old = known.href, known.submitted


@after_all("POST", "DER")
def _add_singletons(changes: list[Change]) -> None:
    store.add_placeholders({f"{change.href}/{table.rows[kind].path.rpartition('/')[2]}": kind
                            for change in changes for kind in _SINGLETONS})


@after_all("POST", "DERProgram")
@after_all("DELETE", "DERProgram")
def _program_count(changes: list[Change]) -> None:
    """Update the DERs that follow programs, whose links have the number of programs."""
    touch(number for number, in sql.among(
        "SELECT d.id FROM audience a CROSS JOIN device d WHERE a.audience IN ({}) AND d.lfdi = a.lfdi",
        (change.audience for change in changes)))


@after("PUT", "DERCurve")
def _curve_count(change: Change) -> None:
    """Update the program of a curve: its link counts what the draft has a type for, if that is what is
    stored."""
    store.touch(table.parent(table.parent(change.href)))


@after("POST", "UsagePoint")
@after("PUT", "UsagePoint")
@after("DELETE", "UsagePoint")
def _usage_point_link(change: Change) -> None:
    if change.method != "PUT" or change.old != change.data:
        touch_of(change.audience or "")


def touch_of(lfdi: Lfdi) -> None:
    """Render the DERs of a device again, which link to its usage point."""
    touch(number for number, in sql.rows("SELECT id FROM device WHERE lfdi = ?", lfdi))


def touch(numbers: Iterable[int]) -> None:
    """Render the DERs of the devices with these numbers again, because what they link to has changed."""
    store.touch(*(href for href, in sql.among(
        "SELECT href FROM document WHERE parent IN ({})",
        (table.rows["DERList"].href(device=number) for number in numbers))))


def _audiences(href: str) -> tuple[str, ...]:
    """Return the audiences of the device that a DER belongs to."""
    return tuple(audience for audience, in sql.rows(
        "SELECT a.audience FROM device d JOIN audience a ON a.lfdi = d.lfdi WHERE d.id = ?", _device(href)))


@instead("COUNT", "CurrentDERProgram")
def _count_current_programs(hrefs: list[Href]) -> dict[Href, int]:
    """Return no number, so that no DER has a CurrentDERProgramLink.

    A link would say that a control is active now. It is optional, the edition of 2023 has none, and to keep
    it true every DER that follows a program were to be rendered at the beginning and end of each control.
    """
    return dict.fromkeys(hrefs, 0)


@instead("COUNT", "AssociatedDERProgramList")
def _count_programs(hrefs: list[Href]) -> dict[Href, int]:
    owners = _owners(hrefs)
    found = dict(sql.among(
        # a subquery, since PostgreSQL would go through all programs for a join
        "SELECT a.lfdi, sum((SELECT count(*) FROM document p WHERE p.parent = '/derp' AND "
        f"p.audience = a.audience AND p.{documents.LISTED})) FROM audience a WHERE a.lfdi IN ({{}}) "
        "GROUP BY a.lfdi", owners.values()))
    return {href: int(found.get(lfdi, 0)) for href, lfdi in owners.items()}


@instead("GET", "AssociatedDERProgramList")
def programs_of_der(context: RequestContext) -> ListPage:
    """Return the programs that a DER follows, not the caller: an aggregator asks for each of its devices."""
    _check_visible(context)
    page = context.page(retrieve.Selection("/derp", audiences=_audiences(context.href)))
    return ListPage("DERProgramList", page)


@instead("GET", "CurrentDERProgram")
def current_program(context: RequestContext) -> Fragment:
    """Return the program of a DER that has an active control; of several the one with the lowest primacy.
    Refused (404) where none has."""
    _check_visible(context)
    programs: list[Any] = list(
        Document.select()
        .where((Document.parent == "/derp") & Document.audience.in_(_audiences(context.href))
               & (Document.visibility < Document.EXPIRED))
        .order_by(Document.sort)
    )
    refresh.freshen(documents=[program.href for program in programs])
    active = [program for program in programs if Document.select().where(
        (Document.parent == f"{program.href}/derc") & (Document.visibility == Document.ACTIVE)).exists()]
    if not active:
        raise Refused(404, "this DER follows no program with an active control")
    href = active[0].href
    document = retrieve.single(href, None, context.variant)
    assert document is not None
    return context.moved("DERProgram", document, href)


@instead("GET", "AssociatedUsagePoint")
def usage_point(context: RequestContext) -> Fragment:
    """Return the first usage point of a DER that the DER's device mirrors. Refused (404) where there is
    none."""
    _check_visible(context)
    points = [point for point in documents.own("/upt", _owners([context.href])[context.href])
              if _is_of_der(point.submitted)]
    if not points:
        raise Refused(404, "this DER's device mirrors no usage point of a DER")
    document = retrieve.single(points[0].href, None, context.variant)
    assert document is not None
    return context.moved("UsagePoint", document, points[0].href)


@instead("COUNT", "AssociatedUsagePoint")
def _count_usage_points(hrefs: list[Href]) -> dict[Href, int]:
    owners = _owners(hrefs)
    found = Counter(point.audience for point in documents.among(
        "audience", set(owners.values()), f"AND parent = '/upt' AND {documents.LISTED}")
        if _is_of_der(point.submitted))
    return {href: found[lfdi] for href, lfdi in owners.items()}


def _is_of_der(point: Mapping[str, Any]) -> bool:
    """Return whether a UsagePoint is the submeter of a DER, and not the meter of the premises (roleFlags)."""
    return bool(hexbinary.bits(point.get("roleFlags")) & _OF_DER)


def _owners(hrefs: Iterable[Href]) -> dict[Href, Lfdi]:
    """Return the devices that DERs belong to; "" where one is gone."""
    numbers = {href: _device(href) for href in hrefs}
    lfdis = dict(sql.among("SELECT id, lfdi FROM device WHERE id IN ({})", numbers.values()))
    return {href: lfdis.get(number, "") for href, number in numbers.items()}


def _device(href: Href) -> int:
    """Return the number of the device that a DER, or what is below it, belongs to."""
    match = table.match(href)
    assert match is not None
    return int(match.parameters["device"])


def _check_visible(context: RequestContext) -> None:
    """Refuse (404) a caller that does not see the DER."""
    if retrieve.single(table.parent(context.href), context.caller.lfdi) is None:
        raise Refused(404, access.NOT_THERE)
