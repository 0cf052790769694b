"""How a document is rendered and written. Only `store` calls this, inside its transactions."""
from __future__ import annotations

from typing import Any

from server import clock
from server.errors import Refused
from server.models import Document
from server.resources import codec, derive, events, hooks, rates, schema, sql, table
from server.resources.derive import Standing

Data = dict[str, Any]
_COLUMNS = ("href", "kind", "parent", "audience", "stated", "body", "body_2023", "mrid", "sort", "at", "until",
            "standing", "fresh_until", "status")
_SELECT = f'SELECT {", ".join(_COLUMNS)} FROM document WHERE href = ?'
_UPSERT = (f'INSERT INTO document ({", ".join(_COLUMNS)}) VALUES ({sql.marks(len(_COLUMNS))}) ON CONFLICT (href) '
           f'DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])}')


def keep(kind: str, href: str, above: str, audience: str, stated: Data | None, standing: Standing | None = None,
         compare: bool = False, check: bool = False) -> bool:
    """Render and write a document; with `compare` only if that changes anything; whether it did. With `check` it is
    refused (400) where it is not valid, since nobody has looked at it yet.

    An event is written as scheduled, and judged with its neighbours afterwards.
    """
    data = stated if stated is not None else blank(kind)
    place = derive.place(kind, href, data)
    ruled = rates.overriding(kind, audience)
    if standing is None:
        standing = _standing(kind, data, place)
    if standing.status is not None:
        ruled["EventStatus"] = standing.status
    extra = {**_links(kind, href), **rates.extra(kind, audience)}
    try:
        body, body_2023 = derive.bodies(kind, derive.complete(kind, href, data, extra, ruled))
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused(400, str(error)) from None
    if check:
        codec.check(kind, body_2023 or body)
    values = (href, kind, above, audience, Document.stated.db_value(stated), body, body_2023, place.mrid, place.sort,
              place.at, place.until, standing.standing, standing.fresh_until,
              Document.status.db_value(standing.status))
    if compare and _stored(href) == values:
        return False
    sql.execute(_UPSERT, *values)
    return True


def _stored(href: str) -> tuple[Any, ...]:
    row = sql.row(_SELECT, href) or ()
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


def _standing(kind: str, data: Data, place: derive.Place) -> Standing:
    if derive.is_event(kind):
        now = clock.now()
        return Standing(Document.LISTED, now, {"currentStatus": events.SCHEDULED, "dateTime": now,
                                               "potentiallySuperseded": False})
    if place.until is None:
        return Standing(Document.LISTED, None)
    return derive.interval_standing(data["interval"]["start"], place.until, clock.now())


def again(href: str) -> bool:
    """Render a document again from what was said; whether anything changed."""
    row = sql.row("SELECT kind, parent, audience, stated, status FROM document WHERE href = ?", href)
    if row is None:
        return False
    kind, above, audience, stated, status = row
    if status is not None:
        return judge(above)
    return keep(kind, href, above, audience, Document.stated.python_value(stated), compare=True)


def judge(list_href: str, everything: bool = False) -> bool:
    """Find the status of the events of a list, now, and render those that it changed (or all); whether there were any.

    A final status (cancelled, superseded) becomes part of what is said, since it outlasts the newer event.
    """
    listed = Document.select().where(Document.parent == list_href)
    if not everything:
        listed = listed.where(Document.standing < Document.GONE)
    found = {document.href: document for document in listed}
    verdicts = events.judge_all((events.from_data(document.kind, href, document.stated)
                                 for href, document in found.items()), clock.now())
    changed = False
    for href, verdict in verdicts.items():
        document = found[href]
        standing = derive.event_standing(verdict, (document.stated.get("EventStatus") or {}).get("reason"))
        if not everything and (document.standing, document.fresh_until, document.status) == standing:
            continue
        stated = document.stated
        if verdict.status == events.SUPERSEDED:
            stated = {**stated, "EventStatus": standing.status}
        changed |= keep(document.kind, href, list_href, document.audience, stated, standing, compare=True)
    return changed


def _links(kind: str, href: str) -> Data:
    """The derived links of a document, with the counts of the lists they lead to."""
    below = derive.link_rows(kind)
    if not below:
        return {}
    counts: dict[str, int] = {}
    lists = {}
    for link in below:
        if link.row.is_list:
            counter = hooks.instead_of("COUNT", link.row.name)
            target = f"{href}/{link.step}"
            if counter:
                counts[target] = counter(target)
            else:
                lists[target] = link.row
    stored = {f"{href}/{table.rows[row.of or row.name].path.rpartition('/')[2]}" for row in lists.values()}
    found = {above: (count, active) for above, count, active in sql.rows(
        "SELECT parent, count(*), sum(CASE WHEN standing = 1 THEN 1 ELSE 0 END) FROM document "
        f"WHERE parent IN ({sql.marks(len(stored))}) AND standing < 2 GROUP BY parent", *stored)} if stored else {}
    for target, row in lists.items():
        source = f"{href}/{table.rows[row.of].path.rpartition('/')[2]}" if row.of else target
        counts[target] = found.get(source, (0, 0))[1 if row.of else 0]
    present = {single for single, in sql.rows("SELECT href FROM document WHERE parent = ?", href)}
    return derive.links(kind, href, counts, present)


def blank(kind: str) -> Data:
    """The least that a document of this kind may hold: every required element at zero."""
    return _blank(schema.plan(kind))


def _blank(plan: schema.Plan) -> Data:
    zero: dict[str, Any] = {"int": 0, "bool": False, "hex": "0", "str": ""}
    data: Data = {}
    for field in (*plan.attributes, *plan.elements):
        if field.required and field.edition != 2023 and field.key != "href":
            value = _blank(field.plan) if field.plan else zero[field.simple.kind]
            data[field.key] = [value] if field.many else value
    return data
