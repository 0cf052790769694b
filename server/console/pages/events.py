"""Events: what devices are told and when: controls, load controls, reservations, prices and messages."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import Blueprint, render_template, request

from server import clock
from server.console import cells, running, tables, timelines
from server.console.pagetable import BY_KEY
from server.console.timelines import TimelineBar
from server.errors import Refused

PAGE = BY_KEY["events"]
DAY_S = 86_400
MOST = 100  # events of a kind in the time line
blueprint = Blueprint("events", __name__)


class EventKind(NamedTuple):
    """A kind of event: by which operations it is listed, shown and cancelled, and the argument that names
    it."""
    title: str
    listed: str
    shown: str
    cancelled: str
    argument: str
    columns: tuple[str, ...]
    teaches: str


_COMMON = ("vder", "status", "start", "duration_s")
KINDS: Mapping[str, EventKind] = {
    "control": EventKind("Controls", "control list", "control show", "control cancel", "control",
                         ("href", *_COMMON, "in_words", "potentially_superseded", "description"),
                         "No control: dispatch a virtual DER, or post a control in modes of the standard."),
    "load": EventKind("Load controls", "dr event list", "dr event show", "dr event cancel", "event",
                      ("href", *_COMMON, "in_words", "categories", "mandatory", "potentially_superseded"),
                      "No load control: ask the loads of a virtual DER to use less, or more before."),
    "message": EventKind("Messages", "message list", "message show", "message cancel", "message",
                         ("href", *_COMMON, "text", "priority"), "No message: send one to owners."),
    "price": EventKind("Prices", "tariff list", "tariff show", "tariff cancel", "tariff",
                       ("href", "vder", "rate_code", "currency", "tier", "price", "export_price"),
                       "No tariff: set a price, or import prices."),
}


@blueprint.get(PAGE.path)
def page() -> str:
    """Show the events of a virtual DER, or of all, as a time line and as lists."""
    vder, ended = request.args.get("vder", "").strip(), request.args.get("ended") == "true"
    given: dict[str, Any] = {"vder": vder} if vder else {}
    refusal = ""
    try:
        spans = list(_spans(given, ended))
    except Refused as refused:
        spans, refusal, given = [], refused.why, {}
    now = clock.now()
    line = timelines.chart(
        "timeline", "Time line", spans, summary=f"{len(spans)} events, by virtual DER and kind; the dotted "
        "line is now. A click opens one.", now=now, window=(now - DAY_S / 4, now + DAY_S)) if spans else None
    return render_template(
        "console/events.html", page=PAGE, vder=vder, ended=ended, refusal=refusal, line=line,
        days=_days(spans), tables=[_table(key, kind, given, ended) for key, kind in KINDS.items()],
        reservations=tables.of_operation(
            "ev sessions", given, caption="Reservations", filters=False, id="reservations", rows=20,
            columns=("name", "state", "window_start", "window_end", "granted_w", "granted_wh", "answer"),
            links={"name": lambda row: f"/console/devices/{row['lfdi']}"},
            teaches="No vehicle or storage has asked for energy."))


@blueprint.get(f"{PAGE.path}/<segment:key>/<href:href>")
def event(key: str, href: str) -> str:
    """Show an event, and let it be cancelled."""
    if key not in KINDS:
        raise Refused(404, f"there is no kind of event {key!r}")
    kind = KINDS[key]
    operation = running.find(kind.shown)
    found = running.run(kind.shown, {kind.argument: href})
    return render_template(
        "console/event.html", page=PAGE, kind=kind, href=href, event=found,
        result=cells.node(found, operation.result), responses=tables.of_operation(
            "responses", {"event": href}, caption="Responses", filters=False, rows=50,
            columns=("device", "answer", "received_at", "created_at"),
            links={"device": lambda row: f"/console/devices/{row['lfdi']}"},
            teaches="No device has responded yet.") if key in ("control", "load") else None)


def href_of(key: str, href: str) -> str:
    """Return the address of the page of an event."""
    return f"{PAGE.href}/{key}/{quote(href.lstrip('/'))}"


def _table(key: str, kind: EventKind, given: Mapping[str, Any], ended: bool) -> tables.ListTable:
    fixed = {**given, "ended": ended} if key != "price" else dict(given)
    link: Callable[[Mapping[str, Any]], str] = lambda row: href_of(key, row["href"])  # noqa: E731
    return tables.of_operation(kind.listed, fixed, caption=kind.title, id=key, columns=kind.columns, rows=20,
                               links={"href": link}, filters=False, teaches=kind.teaches)


def _spans(given: Mapping[str, Any], ended: bool) -> Any:
    """Yield the bars of the time line. Refused where there is no such virtual DER."""
    for key, kind in KINDS.items():
        if key == "price":
            continue
        found = running.page(kind.listed, {**given, "ended": ended}, limit=MOST)
        for row in found.rows:
            words = "; ".join(row.get("in_words") or [str(row.get("text") or row["description"])])
            state = row["status"] + (", in part superseded" if row.get("potentially_superseded") else "")
            yield TimelineBar(lane=f"{row['vder'] or 'all'}: {kind.title.lower()}", start=row["start"],
                       end=row["start"] + row["duration_s"], words=words or row["href"], group=state,
                       href=href_of(key, row["href"]))


def _days(spans: list[TimelineBar]) -> list[tuple[str, list[TimelineBar]]]:
    """The events by the local day on which they begin, as a calendar lists them."""
    days: dict[str, list[TimelineBar]] = {}
    for span in sorted(spans, key=lambda span: span.start):
        days.setdefault(cells.instant(span.start)[:len("2026-11-26")], []).append(span)
    return list(days.items())
