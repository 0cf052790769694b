"""Does what is to be done later, one at a time in each process of the operator interface.

Who does it says so all the time. If that ends, since the process was killed, another does it again; unless it
has changed something already: then it has failed, and says so.
"""
from __future__ import annotations

import logging
import secrets
import threading
import time
from typing import Any

from flask import Response

from server import actors, clock, logs, scopes
from server.api import calls, jobs
from server.api.problems import problem
from server.api.routes import ROOT, routes
from server.errors import Refused
from server.models import OperatorJob, OperatorUser, db
from server.models.unavailable import DATABASE_ERRORS
from server.operations import progress
from server.operators import authorisation
from server.operators.principals import Principal
from server.operators.roles import Role, lesser

log = logging.getLogger(__name__)
PAUSE_S = 1.0  # between two looks for work
HEARTBEAT_S = 10.0
GONE_S = 60  # without a word of who does it
ATTEMPTS = 3
TELL_S = 0.5  # between two words of how far it is
_INTERRUPTED = ("it was interrupted after it had changed something: the audit log says what. Look at what "
                "there is, and ask for the rest (skip_enrolled leaves out what is enrolled)")


def start() -> threading.Thread:
    """Begin to look for work, in a thread of this process."""
    thread = threading.Thread(target=_run, name="jobs", daemon=True)
    thread.start()
    return thread


def _run() -> None:
    while True:
        try:
            if not run_next():
                time.sleep(PAUSE_S)
        except DATABASE_ERRORS:
            time.sleep(PAUSE_S)
        except Exception:
            logs.unexpected(log, "looking for operations to be done")
            time.sleep(PAUSE_S)
        finally:
            if not db.is_closed():
                db.close()


def run_next() -> bool:
    """Do the oldest operation that waits, if there is any; return whether there was."""
    _take_over()
    row = _claim()
    if row is None:
        return False
    worker = threading.Thread(target=_do_and_close, args=(row,), name=f"operation {row.id}", daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(HEARTBEAT_S)
        if worker.is_alive():
            _of(row).execute()
    return True


def _of(row: OperatorJob, **values: object) -> Any:
    """The statement that says that it is still being done, with these values too."""
    return OperatorJob.update(claimed_at=int(time.time()), **values).where(
        (OperatorJob.id == row.id) & (OperatorJob.claim == row.claim))


def _take_over() -> None:
    """Let what nobody does any more wait again, or fail where it has changed something."""
    gone = (OperatorJob.state == OperatorJob.RUNNING) & (OperatorJob.claimed_at < int(time.time()) - GONE_S)
    for row in OperatorJob.select(
            OperatorJob.id, OperatorJob.claim, OperatorJob.changed, OperatorJob.attempts).where(gone):
        if row.changed or row.attempts >= ATTEMPTS:
            why = _INTERRUPTED if row.changed else f"it was interrupted {ATTEMPTS} times. Ask for less"
            _end(row, problem(Refused(500, why)))
        else:
            OperatorJob.update(state=OperatorJob.WAITING, claim="").where(
                (OperatorJob.id == row.id) & (OperatorJob.claim == row.claim)).execute()


def _claim() -> OperatorJob | None:
    first = OperatorJob.select(OperatorJob.id).where(
        OperatorJob.state == OperatorJob.WAITING).order_by(OperatorJob.id).first()
    if first is None:
        return None
    mine = secrets.token_hex(8)
    OperatorJob.update(
        state=OperatorJob.RUNNING, claim=mine, claimed_at=int(time.time()), started_at=clock.now(),
        attempts=OperatorJob.attempts + 1,
    ).where((OperatorJob.id == first.id) & (OperatorJob.state == OperatorJob.WAITING)).execute()
    found: OperatorJob | None = OperatorJob.get_or_none(
        (OperatorJob.id == first.id) & (OperatorJob.claim == mine))
    return found


def _do_and_close(row: OperatorJob) -> None:
    try:
        _end(row, do(row))
    except DATABASE_ERRORS:
        log.warning("operation %s: the database does not answer; it is taken up again", row.id)
    finally:
        db.close()


def do(row: OperatorJob) -> Response:
    """Do an operation, and return what a request for it is answered."""
    told = 0.0

    def tell(step: str, done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_S or done >= total:
            told = time.monotonic()
            _of(row, step=step, done=done, total=total).execute()
    route = routes()[row.operation]
    try:
        who = _principal(row)
        given = jobs.given_of(row)
        with (authorisation.acting(who, row.reason), progress.reporting(tell),
              actors.noticing(lambda: _of(row, changed=True).execute())):
            authorisation.check(who, route.operation, given)
            return calls.produced(route, given, row.accepted, f"{ROOT}{jobs.PATH}/{row.id}/result")
    except Refused as refused:
        return problem(refused)
    except ImportError as missing:
        if calls.EXTRA not in str(missing):
            raise
        return problem(Refused(501, str(missing)))
    except DATABASE_ERRORS:
        raise
    except Exception:
        return problem(Refused(500, logs.unexpected(log, f"operation {row.id}")))


def _principal(row: OperatorJob) -> Principal:
    user = OperatorUser.get_or_none(OperatorUser.name == row.who)
    if user is None or user.disabled:
        raise Refused(403, f"{row.who} may sign in no more")
    if user.vder is not None and not scopes.is_within(row.vder, user.vder):
        raise Refused(403, f"the rights of {row.who} end at {user.vder.name} by now: ask for it again")
    return Principal(row.who, lesser(Role(row.role), Role(user.role)), row.vder)


def _end(row: OperatorJob, response: Response) -> None:
    state = OperatorJob.DONE if response.status_code < 400 else OperatorJob.FAILED
    OperatorJob.update(
        state=state, status=response.status_code, content_type=response.content_type or "",
        answer=response.get_data(as_text=True), ended_at=clock.now(), arguments={},
    ).where((OperatorJob.id == row.id) & (OperatorJob.claim == row.claim)).execute()
