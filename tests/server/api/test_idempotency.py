"""What is asked for again with the same key is not done again, whatever happens in between."""
from __future__ import annotations

import json
from typing import Any

import pytest

from server import actors, audit, clock, scopes
from server.api import changes, idempotency
from server.api.routes import routes
from server.grid.groups import virtualders
from server.models import Device, KeyedRequest, VirtualDER
from server.operators import tokens, users
from server.operators.roles import Role
from server.resources import retention
from tests import peers
from tests.conftest import NOON
from tests.server.api.conftest import Program
from tests.wsgi import Answer

KEY = {"Idempotency-Key": "order of 12:00"}


def create(program: Program, name: str = "solar", **headers: str) -> Answer:
    return program.send("POST", "/virtual-ders", {"name": name}, headers=headers or KEY)


def detail(answer: Answer, status: int) -> str:
    assert answer.status_code == status, answer.data
    return str(json.loads(answer.data)["detail"])


def test_the_second_request_gets_the_first_answer(program: Program) -> None:
    first, second = create(program), create(program)
    assert first.status_code == 200 and "Idempotent-Replayed" not in first.headers
    assert (second.status_code, second.data) == (200, first.data)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert second.headers["Content-Type"] == "application/json"
    assert len(audit.entries()) == 1


def test_another_request_with_the_key_is_refused(program: Program) -> None:
    create(program)
    assert "came with another request" in detail(create(program, "wind"), 422)
    headers = {"headers": KEY}
    assert "vder create" in detail(program.send("POST", "/devices", {"lfdi": peers.lfdi(1)}, **headers), 422)


@pytest.mark.parametrize("path, body", [
    ("/devices", {"lfdi": peers.lfdi(1), "name": "one"}),
    ("/virtual-ders/street/members", {"devices": ["two"]}),
    ("/controls", {"vder": "street", "modes": {"opModConnect": "yes"}, "duration_s": 600})])
def test_what_is_done_in_parts_is_done_once_too(program: Program, path: str, body: Any) -> None:
    program.call("POST", "/devices", {"lfdi": peers.lfdi(2), "name": "two"})
    program.call("POST", "/virtual-ders", {"name": "street"})
    before = len(audit.entries())
    answers = [program.send("POST", path, body, headers=KEY) for _ in range(3)]
    assert {(answer.status_code, answer.data) for answer in answers} == {(200, answers[0].data)}
    assert len(audit.entries()) == before + 1


def test_what_was_refused_can_be_asked_for_again(program: Program) -> None:
    body = {"parent": "street", "name": "solar"}
    assert detail(program.send("POST", "/virtual-ders", body, headers=KEY), 404)
    assert not KeyedRequest.select().exists()
    program.call("POST", "/virtual-ders", {"name": "street"})
    assert program.send("POST", "/virtual-ders", body, headers=KEY).status_code == 200


def claimed(state: str, ago_s: int) -> None:
    given = {"name": "solar"}
    claim = idempotency.claim("console", KEY["Idempotency-Key"], "vder create",
                              idempotency.digest(routes()["vder create"].operation, given))
    assert isinstance(claim, idempotency.Claim)
    row = KeyedRequest.get()
    KeyedRequest.update(state=state, claimed_at=row.claimed_at - ago_s).execute()


@pytest.mark.parametrize("state, ago_s, words", [
    ("running", 0, "is being done"), ("changed", 0, "is being done"), ("changed", 901, "was interrupted")])
def test_one_that_is_being_done_is_not_done_beside(
    program: Program, state: str, ago_s: int, words: str
) -> None:
    claimed(state, ago_s)
    answer = create(program)
    assert words in detail(answer, 409) and ("Retry-After" in answer.headers) is ("being" in words)
    assert not VirtualDER.select().exists()


def test_one_that_was_killed_before_it_changed_anything_is_done(program: Program) -> None:
    claimed("running", 901)
    assert create(program).status_code == 200


def test_the_key_is_taken_with_the_change(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the process is killed between the change and its answer, nothing is done twice."""
    def die(*_: Any) -> None:
        raise KeyboardInterrupt
    monkeypatch.setattr(idempotency.Claim, "keep", die)
    monkeypatch.setattr(idempotency.Claim, "failed", lambda *_: None)
    program.call("POST", "/devices", {"lfdi": peers.lfdi(2), "name": "two"})
    with pytest.raises(KeyboardInterrupt):
        program.send("POST", "/devices/two/suspend", headers=KEY)
    assert KeyedRequest.get().state == "running" and Device.get().state == "enrolled"  # one transaction
    with pytest.raises(KeyboardInterrupt):
        create(program, **{"Idempotency-Key": "b"})  # in parts
    assert {row.key: row.state for row in KeyedRequest.select()}["b"] == "changed"
    assert VirtualDER.get().name == "solar"


def test_a_dry_run_takes_no_key(program: Program) -> None:
    for _ in range(2):
        program.call("POST", "/virtual-ders", {"name": "solar", "dry_run": True}, headers=KEY)
    assert create(program).status_code == 200


def test_keys_are_those_of_a_user(program: Program) -> None:
    create(program)
    users.create("kate", Role.OPERATOR)
    assert isinstance(idempotency.claim("kate", KEY["Idempotency-Key"], "stop order", "d"), idempotency.Claim)


def test_an_answer_is_for_the_rights_that_it_was_given_to(server: None) -> None:
    virtualders.create("north")
    operation, given = routes()["vder update"].operation, {"vder": "north"}
    with scopes.within(virtualders.find("north")):
        part = idempotency.digest(operation, given)
    assert part != idempotency.digest(operation, given)


def test_another_user_of_the_name_gets_no_answer(program: Program) -> None:
    users.create("console", Role.ADMINISTRATOR)
    create(program)
    users.remove("console")
    assert not KeyedRequest.select().exists()


def test_the_text_of_a_token_is_not_kept(program: Program) -> None:
    users.create("kate", Role.OPERATOR)
    path, body = "/users/kate/tokens", {"name": "desk"}
    token = json.loads(program.send("POST", path, body, headers=KEY).data)["token"]
    assert KeyedRequest.get().answer is None
    assert "is not kept" in detail(program.send("POST", path, body, headers=KEY), 409)
    assert tokens.principal(token).name == "kate"


def test_a_password_cannot_be_guessed_from_a_key(program: Program) -> None:
    digests = []
    for password in ("correct horse battery", "another staple, long"):
        operation = routes()["user create"].operation
        digests.append(idempotency.digest(operation, {"user": "kate", "password": password}))
    assert digests[0] == digests[1]


@pytest.mark.parametrize("name", ["token create", "certificate issue", "webhook add"])
def test_what_is_shown_once_is_declared(name: str) -> None:
    assert routes()[name].operation.shows_secret


@pytest.mark.parametrize("key", ["", "a" * 256, "ü"])
def test_a_key_that_is_none_is_refused(program: Program, key: str) -> None:
    assert "Idempotency-Key" in detail(create(program, **{"Idempotency-Key": key}), 400)


def test_keys_go_after_a_day(program: Program) -> None:
    create(program)
    clock.turn_to(NOON + 86_399)
    assert create(program).headers.get("Idempotent-Replayed")
    retention.remove_old()
    assert KeyedRequest.select().exists()
    clock.turn_to(NOON + 86_401)
    assert "already" in detail(create(program), 409)  # as without a key
    clock.turn_to(NOON + 2 * 86_400 + 2)
    retention.remove_old()
    assert not KeyedRequest.select().exists()


def test_changes_are_noticed_in_their_transaction(server: None) -> None:
    noticed: list[int] = []
    with actors.acting("kate"), actors.noticing(lambda: noticed.append(1)):
        virtualders.create("solar")
        assert noticed == [1]
    virtualders.create("wind")
    assert noticed == [1] and changes.done
