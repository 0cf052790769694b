"""The stream of changes: what it says, from where it goes on, and to whom."""
from __future__ import annotations

import json
from typing import Any

import pytest

from server import statechanges
from server.api import streamtexts
from server.grid.groups import virtualders
from server.models import StateChange, vder_audience
from server.models.changes import ALARM, ORDER, note
from server.operators import authentication
from server.operators.principals import Principal
from server.operators.roles import Role
from tests.server.api.conftest import Program

KEY = bytes(range(16))


def read(program: Program, query: str = "", after: str = "") -> list[dict[str, Any]]:
    """The messages of an answer that ends, each with its fields; data as what it says."""
    statechanges.arrange()
    headers = {"Last-Event-ID": after} if after else {}
    answer = program.send("GET", f"/stream{query}", headers=headers)
    assert answer.status_code == 200, answer.data
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    messages = [dict(line.split(": ", 1) for line in block.split("\n"))
                for block in answer.data.decode().split("\n\n") if block]
    return [{**message, "data": json.loads(message["data"])} for message in messages]


def test_it_begins_with_what_is_new(program: Program) -> None:
    note(ALARM, "raised", 1)
    ready, = read(program)
    assert ready["event"] == "ready" and ready["retry"] == "3000"
    note(ALARM, "cleared", 1, type="quota")
    ready, message = read(program, after=ready["id"])
    assert "event" not in message
    assert message["data"] == {"at": message["data"]["at"], "kind": "alarm", "subject": "1",
                               "change": "cleared", "type": "quota"}
    assert message["data"]["at"].endswith("Z")
    assert [one["event"] for one in read(program, after=message["id"])] == ["ready"]


def test_only_the_kinds_that_are_asked_for(program: Program) -> None:
    start = read(program)[0]["id"]
    note(ALARM, "raised", 1)
    note(ORDER, "created", 2)
    _, message = read(program, "?kind=order&kind=plan", after=start)
    assert message["data"]["kind"] == "order"
    assert program.refused("GET", "/stream?kind=weather")["argument"] == "kind"


def test_what_is_not_kept_is_said(program: Program) -> None:
    start = read(program)[0]["id"]
    for number in range(2):
        note(ALARM, "raised", number)
    statechanges.arrange()
    StateChange.delete().where(StateChange.position == 1).execute()
    reset, = read(program, after=start)
    assert reset["event"] == "reset"
    assert [one["event"] for one in read(program, after=reset["id"])] == ["ready"]


@pytest.mark.parametrize("text", ["7", "x" * 32, "ab" * 16])
def test_after_an_id_of_another_database_all_is_new(program: Program, text: str) -> None:
    """A browser that is refused does not come again."""
    assert [message["event"] for message in read(program, after=text)] == ["reset"]


def test_it_needs_a_token(program: Program) -> None:
    assert program.refused("GET", "/stream", token="")["status"] == 401


def test_a_part_of_the_tree_sees_its_own(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    virtualders.create("north")
    virtualders.create("south")
    north, south = virtualders.find("north"), virtualders.find("south")
    start = read(program)[0]["id"]
    note(ALARM, "raised", 1)
    note(ORDER, "created", 1, vder_audience(south.id))
    note(ORDER, "created", 2, vder_audience(north.id))
    monkeypatch.setattr(authentication, "by_token", lambda text: Principal("n", Role.VIEWER, north))
    _, message = read(program, after=start)
    assert message["data"]["subject"] == "2"


def test_ids_tell_no_distance() -> None:
    ids = [streamtexts.id_of(position, KEY) for position in (0, 1, 2, 1 << 40)]
    assert len({*ids, *(one[:8] for one in ids), *(one[-8:] for one in ids)}) == 12
    assert [streamtexts.position_of(one, KEY) for one in ids] == [0, 1, 2, 1 << 40]
    assert streamtexts.position_of(ids[1], bytes(16)) is None
