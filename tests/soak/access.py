"""The access matrix: every resource, every method, every kind of certificate, against what the tables say."""
from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path

from certs import dev
from server.config import settings
from server.models import db
from server.resources import table
from server.resources.table import METHODS
from tests.flows.documents import SEP_XML
from tests.flows.server import entries
from tests.peers import Peer
from tests.soak.fuzz.world import world
from tests.soak.outcome import Outcome
from tests.soak.site import Site
from tests.standard.accessmatrix import KINDS, Case, Kind, cases, prepare
from tests.wsgi import Client


def compare(outcome: Outcome, answers: Iterable[tuple[Case, int]]) -> Outcome:
    """Complete the outcome: answers with a wrong status are faults."""
    statuses = Counter[int]()
    for case, status in answers:
        statuses[status] += 1
        if status not in case.right:
            outcome.faults.append(f"{case.who}: {case.method} {case.href} ({case.row.name}) is {status}, not "
                                  + " or ".join(map(str, sorted(case.right))))
    outcome.tried = f"{statuses.total()} requests: {len(table.rows)} resources, {len(METHODS)} methods, " \
                    f"{len(KINDS)} kinds of certificate"
    outcome.figures = {str(status): count for status, count in sorted(statuses.items())}
    return outcome


def prove(engine: str) -> Outcome:
    """Ask everything of everything, in this process; each request is undone before the next."""
    with world(engine) as place, place.fresh():
        settings.registration = False
        prepare()
        callers = {who: Peer(Client(place.application), kind.lfdi) for who, kind in KINDS.items()}

        def ask(case: Case) -> int:
            with db.atomic() as change:
                status = callers[case.who].request(case.method, case.href, case.body, **case.headers).status
                change.rollback()
            return status
        asked = ((case, ask(case)) for case in cases())
        return compare(Outcome(f"access matrix, {engine}", ""), asked)


def prove_over_tls(engine: str) -> Outcome:
    """Ask the same of `serve` over mutual TLS, with certificates of a CA.

    What a caller may change is left out, since it would be another server for the next one.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-access")))
        dev.make_dev(folder / "certs", devices=len(KINDS))
        names = {who: f"device-{number}" for number, who in enumerate(KINDS, 1)}
        known = entries(folder / "certs")
        kinds = {who: Kind(known[names[who]]["lfdi"], kind.rights) for who, kind in KINDS.items()}
        place = stack.enter_context(world(engine))
        stack.enter_context(place.fresh())
        prepare(kinds)
        site = Site(folder, folder / "certs", settings.database, clock=f"1@{time.time()}@{place.now}")
        stack.callback(site.end)
        site.start_serve()
        callers = {who: stack.enter_context(closing(site.https(name))) for who, name in names.items()}

        def ask(case: Case) -> int:
            fields = {**(SEP_XML if case.body else {}), **case.headers}
            return callers[case.who].exchange(case.method, case.href, case.body, fields).status
        refused = (case for case in cases(kinds) if not case.right & {201, 204})
        asked = ((case, ask(case)) for case in refused)
        outcome = compare(Outcome(f"access matrix over TLS, {engine}", ""), asked)
        outcome.faults += site.tracebacks()
        return outcome
