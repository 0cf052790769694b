"""Every statement of a device's requests on a partitioned database keeps to the device's partitions, and to
what is shared; and the answers are those of a plain database."""
from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import psycopg
import pytest

from server import clock, models
from server.config import settings
from server.grid.controls import defaultcontrols, dercontrols
from server.grid.dispatch import ordercreation
from server.grid.dispatch.orderrequest import OrderRequest
from server.grid.groups import virtualders
from server.models import db
from server.protocol.app import DeviceInterface
from server.resources import readingdays, refresh, sql, store
from tests import partitioned, peers, postgres
from tests.conftest import NOON
from tests.flows import documents
from tests.load.scale import population, requests
from tests.load.scale.requests import Ask, Caller
from tests.wsgi import Client

DEVICES = 48  # a dozen in each partition
LATER = NOON + 60
PAGES = (
    "/dcap", "/tm", "/edev?l=9", "/edev/{number}", "/edev/{number}/rg", "/edev/{number}/fsa?l=9",
    "/edev/{number}/fsa/1", "/derp?l=9", "{program}", "{program}/derc?l=9", "{program}/dderc",
    "/edev/{number}/der?l=9", "/edev/{number}/der/1", "/edev/{number}/der/1/ders", "/edev/{number}/lel?l=9",
    "/mup?l=9", "{mirror}", "/upt?l=9", "{usage}", "{usage}/mr?l=9", "{usage}/mr/1/rs?l=9",
    "{usage}/mr/1/rs/1/r?l=9", "/rsps?l=9", "/rsps/1/rsp?l=9")
PLANNED = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE)\b")
_OWNED = re.compile(rf"({'|'.join(partitioned.TABLES)})_(\d+)(_\w+)?")
_CHANGES = "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables"


class Plan(NamedTuple):
    """A statement, and the tables that its plan reads."""
    statement: str
    reads: frozenset[str]


plans: list[Plan] = []


class Explaining(psycopg.Cursor[Any]):
    """A cursor that explains what it is about to execute."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        self._explain(query, params)
        return super().execute(query, params, **options)

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        rows = list(params_seq)
        self._explain(query, rows[0])
        super().executemany(query, rows, **options)

    def _explain(self, query: str, params: Any) -> None:
        if PLANNED.match(query):
            explained = psycopg.Cursor(self.connection).execute(f"EXPLAIN (FORMAT JSON) {query}", params)
            (plan,), = explained.fetchall()
            plans.append(Plan(query, frozenset(_reads(plan[0]["Plan"]))))


def _reads(node: dict[str, Any]) -> Iterator[str]:
    if "Relation Name" in node and node["Node Type"] != "ModifyTable":
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _reads(child)


class Site(NamedTuple):
    """The database of the test: the devices that call, the program and the event that they share, and what
    they were answered before the tables were laid out anew, by LFDI and page."""
    application: DeviceInterface
    callers: list[Caller]
    program: str
    subject: str
    before: dict[tuple[str, str], bytes]

    def get(self, page: str) -> Ask:
        """Return a GET of one of PAGES."""
        return lambda peer, caller, _: peer.get(page.format(
            number=caller.number, mirror=caller.mirror, usage=caller.mirror.replace("mup", "upt"),
            program=self.program))

    def ask(self, caller: Caller, ask: Ask, turn: int = 1) -> peers.Reply:
        return ask(peers.Peer(Client(self.application), caller.lfdi), caller, turn)


@pytest.fixture(scope="module")
def site(_postgres: str, application: DeviceInterface) -> Iterator[Site]:
    saved = dict(settings.__dict__)
    clock.turn_to(NOON)
    settings.database = postgres.create(f"{_postgres}_parts", options=partitioned.OPTIONS)
    settings.default_vder = "everyone"
    refresh.forget()
    models.connect()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(population, "TEMPLATE", DEVICES // 4)
        population.build(DEVICES)
    subject = dercontrols.post(population.AREA, {"opModMaxLimW": 5000}, 3600)["mrid"]
    dercontrols.post(population.AREA, {"opModMaxLimW": 4000}, 3600, LATER)
    defaultcontrols.set_default(population.AREA, {"opModMaxLimW": 9000})
    ordercreation.create_order(OrderRequest(
        vder=population.AREA, quantity="watts", value=20_000.0, duration_s=900, start=NOON + 7200))
    program = virtualders.find(population.AREA).program
    made = Site(application, requests.callers(3), program, subject, {})
    for caller in made.callers:
        for turn in (1, 2):
            assert made.ask(caller, requests.post_reading, turn).status == 201
        for page in PAGES:
            made.before[caller.lfdi, page] = made.ask(caller, made.get(page)).body
    readingdays.arrange(NOON)
    partitioned.lay_out()
    db.obj.connection().cursor_factory = Explaining
    yield made
    db.close()
    settings.__dict__.clear()
    settings.__dict__.update(saved)


def post_event(peer: peers.Peer, caller: Caller, turn: int) -> peers.Reply:
    return peer.request("POST", f"/edev/{caller.number}/lel", documents.log_event(turn))


def post_mirror(peer: peers.Peer, caller: Caller, turn: int) -> peers.Reply:
    return peer.request("POST", "/mup", documents.mirror(caller.number, caller.lfdi))


def post_response(subject: str) -> Ask:
    return lambda peer, caller, turn: peer.post("/rsps/1/rsp", "DERControlResponse", {
        "createdDateTime": NOON, "endDeviceLFDI": caller.lfdi, "status": turn, "subject": subject})


def requested(site: Site, caller: Caller, ask: Ask, turn: int = 1) -> tuple[peers.Reply, set[str]]:
    """Send a request; return the reply, and the tables of which rows have changed. Its plans are `plans`."""
    plans.clear()
    with partitioned.request(caller.lfdi):
        before = changes()
        reply = site.ask(caller, ask, turn)
        return reply, {name for name, count in changes().items() if count > before.get(name, 0)}


def changes() -> dict[str, int]:
    """Return how many rows of each table this connection has changed, of those that are not reported yet."""
    return dict(psycopg.Cursor(db.obj.connection()).execute(_CHANGES).fetchall())


def numbers(tables: Iterable[str]) -> set[str]:
    """Return the numbers of the partitions of devices among these tables."""
    return {match[2] for table in tables if (match := _OWNED.fullmatch(table))}


def test_the_key_is_in_every_primary_key_and_devices_are_spread(site: Site) -> None:
    for name, layout in partitioned.TABLES.items():
        columns = [column for column, in sql.rows(
            "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey) "
            f"WHERE indisprimary AND indrelid = '{name}'::regclass")]
        assert layout.key in columns
    counts = [sql.row(f"SELECT count(DISTINCT audience) FROM document_{number}")[0]
              for number in partitioned.PARTITIONS]
    assert sum(counts) == DEVICES and min(counts) > 3


def check(site: Site, caller: Caller, name: str, ask: Ask) -> peers.Reply:
    """Send a request, which stays in the partitions of its device; return the reply."""
    own = numbers(row[0] for row in sql.rows(
        "SELECT tableoid::regclass::text FROM document WHERE href = ?", f"/edev/{caller.number}"))
    reply, changed = requested(site, caller, ask, 3)
    assert len(own) == 1 and plans and reply.status < 300, (name, reply)
    for plan in plans:
        assert numbers(plan.reads) <= own, (name, plan)
    assert numbers(changed) <= own, name
    return reply


def test_what_is_read_is_as_before_and_in_the_partitions_of_the_device(site: Site) -> None:
    for caller in site.callers:
        for page in PAGES:
            assert check(site, caller, page, site.get(page)).body == site.before[caller.lfdi, page], page


def test_what_is_written_is_in_the_partitions_of_the_device(site: Site) -> None:
    writes: dict[str, Ask] = {
        "DERStatus": requests.put_status, "LogEvent": post_event, "MirrorUsagePoint": post_mirror,
        "Reading": requests.post_reading, "DERControlResponse": post_response(site.subject)}
    for caller in site.callers:
        for name, ask in writes.items():
            check(site, caller, name, ask)
    assert store.reindex() == 0


def test_an_event_that_begins_is_rendered_in_a_request(site: Site) -> None:
    clock.turn_to(LATER)
    asked = set()
    for caller in site.callers:
        reply = check(site, caller, "begins", site.get("{program}/derc?l=9"))
        statuses = [event["EventStatus"]["currentStatus"] for event in reply.data["DERControl"]]
        assert statuses == [4, 1, 0]  # superseded by the one that begins; and that of the order
        asked |= {plan.statement for plan in plans}
    assert any("min(fresh_until)" in statement for statement in asked)
