"""Long work is done later: asked for once, done in the name of who asked, looked at meanwhile."""
from __future__ import annotations

import json
import time
from typing import Any

import pytest

from server import audit, clock
from server.api import jobrunner, jobs
from server.devices import enrolment
from server.grid.groups import virtualders
from server.models import Device, OperatorJob, OperatorUser
from server.operators import authentication, users
from server.operators.principals import Principal
from server.operators.roles import Role
from server.resources import retention
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.server.api.conftest import WHO, Program
from tests.wsgi import Answer

LATER = {"Prefer": "respond-async"}
FILE = "lfdi,name\n" + "".join(f"{peers.lfdi(number)},d{number}\n" for number in range(1, 4))
CSV = {**LATER, "Content-Type": "text/csv"}


@pytest.fixture
def asking(program: Program) -> Program:
    users.create(WHO, Role.ADMINISTRATOR)
    return program


def enrol(program: Program, **headers: str) -> Answer:
    answer = program.send("POST", "/devices", FILE.encode(), headers={**CSV, **headers})
    assert answer.status_code == 202, answer.data
    return answer


def now(program: Program, number: int = 1) -> Any:
    return program.call("GET", f"/operations/{number}")


def test_a_file_is_enrolled_later(asking: Program) -> None:
    answer = enrol(asking, **{"Audit-Reason": "as agreed"})
    assert answer.headers["Location"] == "/api/v1/operations/1"
    assert answer.headers["Preference-Applied"] == "respond-async"
    assert json.loads(answer.data)["state"] == now(asking)["state"] == "waiting"
    assert asking.refused("GET", "/operations/1/result")["status"] == 409 and not Device.select().exists()
    clock.turn_to(NOON + 5)
    assert jobrunner.run_next() and not jobrunner.run_next()
    shown = now(asking)
    assert (shown["state"], shown["requested_by"], shown["operation"]) == ("done", WHO, "enrol")
    assert shown["progress"]["done"] <= 3 and shown["ended_at"] == "2025-06-15T12:00:05Z"
    assert [row["name"] for row in shown["result"]["items"]] == ["d1", "d2", "d3"]
    assert asking.call("GET", "/operations/1/result") == shown["result"]
    entry = audit.entries()[-1]
    assert (entry["who"], entry["operation"], entry["reason"]) == (WHO, "device enrol", "as agreed")
    assert OperatorJob.get().arguments == {}  # the file is not kept


@on_sqlite
def test_what_is_refused_then_is_a_problem(asking: Program) -> None:
    enrolment.enrol(peers.lfdi(2))
    enrol(asking)
    jobrunner.run_next()
    shown = now(asking)
    assert shown["state"] == "failed" and shown["result"] is None and shown["problem"]["status"] == 409
    answer = asking.send("GET", "/operations/1/result")
    assert answer.status_code == 409 and answer.headers["Content-Type"] == "application/problem+json"


@on_sqlite
def test_with_a_key_it_is_asked_for_once(asking: Program) -> None:
    first, second = enrol(asking, **{"Idempotency-Key": "a"}), enrol(asking, **{"Idempotency-Key": "a"})
    assert first.data == second.data and OperatorJob.select().count() == 1


@on_sqlite
def test_a_trial_may_be_later_too(asking: Program) -> None:
    asking.send("POST", "/devices?dry_run=true", FILE.encode(), headers=CSV)
    jobrunner.run_next()
    assert now(asking)["state"] == "done" and not Device.select().exists()


@on_sqlite
def test_a_report_has_its_page(asking: Program) -> None:
    asking.call("POST", "/virtual-ders", {"name": "street"})
    for kind in ("application/json", "text/html"):
        answer = asking.send("GET", "/reports/days/street", headers={**LATER, "Accept": kind})
        assert answer.status_code == 202
        assert jobrunner.run_next()
    assert now(asking)["result"]["html"] == "/api/v1/operations/1/result"
    page = asking.send("GET", "/operations/2/result")
    assert page.headers["Content-Type"].startswith("text/html") and b"<html" in page.data
    assert now(asking, 2)["result"] is None and now(asking, 2)["result_href"]


@on_sqlite
def test_what_is_short_is_done_at_once(asking: Program) -> None:
    body = {"lfdi": peers.lfdi(9), "name": "nine"}
    assert asking.send("POST", "/devices", body, headers={"Prefer": "handling=strict"}).status_code == 200
    answer = asking.send("POST", "/devices/nine/suspend", headers=LATER)
    assert answer.status_code == 200 and not OperatorJob.select().exists()


def killed(changed: bool, attempts: int = 1) -> None:
    OperatorJob.update(state="running", claim="x", claimed_at=int(time.time()) - jobrunner.GONE_S - 1,
                       changed=changed, attempts=attempts).execute()


@on_sqlite
def test_what_was_interrupted_is_taken_up_unless_it_has_changed_something(asking: Program) -> None:
    enrol(asking)
    OperatorJob.update(state="running", claim="x", claimed_at=int(time.time())).execute()
    assert not jobrunner.run_next()  # somebody does it
    killed(changed=True)
    jobrunner.run_next()
    assert "interrupted after it had changed" in now(asking)["problem"]["detail"]
    killed(changed=False, attempts=jobrunner.ATTEMPTS)
    jobrunner.run_next()
    assert "3 times" in now(asking)["problem"]["detail"]
    enrol(asking)
    OperatorJob.update(state="done").where(OperatorJob.id == 1).execute()
    OperatorJob.update(state="running", claim="x", claimed_at=0).where(OperatorJob.id == 2).execute()
    assert jobrunner.run_next() and now(asking, 2)["state"] == "done" and Device.select().count() == 3


@on_sqlite
def test_that_something_was_changed_is_noted_with_it(
    asking: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(asking)
    monkeypatch.setattr(jobrunner, "_end", lambda *_: None)
    jobrunner.run_next()
    assert OperatorJob.get().changed and OperatorJob.get().state == "running"


@on_sqlite
def test_it_is_done_with_the_rights_of_who_asked(asking: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    enrol(asking)
    OperatorUser.update(disabled=True).execute()
    jobrunner.run_next()
    assert "may sign in no more" in now(asking)["problem"]["detail"] and not Device.select().exists()
    enrol(asking)
    OperatorUser.update(disabled=False).execute()
    OperatorJob.update(role="viewer").where(OperatorJob.id == 2).execute()
    jobrunner.run_next()
    assert "needs the role administrator" in now(asking, 2)["problem"]["detail"]


@on_sqlite
def test_rights_that_have_ended_meanwhile_are_none(asking: Program) -> None:
    enrol(asking)
    users.update(WHO, role=Role.VIEWER)
    jobrunner.run_next()
    assert "needs the role administrator" in now(asking)["problem"]["detail"]
    enrol(asking)
    virtualders.create("north")
    users.update(WHO, role=Role.ADMINISTRATOR, vder="north")
    jobrunner.run_next()
    assert "end at north by now" in now(asking, 2)["problem"]["detail"] and not Device.select().exists()


@on_sqlite
def test_a_narrower_token_sees_none_that_had_more_rights(
    asking: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    virtualders.create("north")
    virtualders.create("feeder", parent="north")
    north, feeder = virtualders.find("north"), virtualders.find("feeder")
    enrol(asking)
    OperatorJob.update(role="operator", vder=feeder).execute()
    for role, vder, status in ((Role.OPERATOR, feeder, 200), (Role.OPERATOR, north, 200),
                               (Role.OPERATOR, None, 200), (Role.VIEWER, north, 404)):
        found = Principal(WHO, role, vder)
        monkeypatch.setattr(authentication, "by_token", lambda _, found=found: found)
        assert asking.send("GET", "/operations/1").status_code == status
    OperatorJob.update(vder=None).execute()
    found = Principal(WHO, Role.OPERATOR, north)
    assert asking.refused("GET", "/operations/1/result")["status"] == 404


@on_sqlite
def test_another_user_of_the_name_gets_none(asking: Program) -> None:
    enrol(asking)
    users.remove(WHO)
    assert not OperatorJob.select().exists()


@on_sqlite
def test_nobody_sees_those_of_others(asking: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    enrol(asking)
    for who, role, status in (("kate", Role.OPERATOR, 404), ("anna", Role.ADMINISTRATOR, 200)):
        found = Principal(who, role, None)
        monkeypatch.setattr(authentication, "by_token", lambda _, found=found: found)
        assert asking.send("GET", "/operations/1").status_code == status
    for number in ("2", "x", "-1", "1" * 30):
        assert asking.refused("GET", f"/operations/{number}")["status"] == 404


@on_sqlite
def test_too_much_is_not_queued(asking: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MOST_WAITING", 1)
    enrol(asking)
    assert asking.refused("POST", "/devices", FILE.encode(), headers=CSV)["status"] == 503


@on_sqlite
def test_they_go_after_a_week(asking: Program) -> None:
    enrol(asking)
    clock.turn_to(NOON + 7 * 86_400 + 1)
    retention.remove_old()
    assert not OperatorJob.select().exists()
