"""One thread feeds all listeners: what each is written, and when it is closed."""
from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from server.api import listeners
from server.api.listeners import StreamListener, StreamListeners
from server.errors import Refused
from server.grid.groups import virtualders
from server.models import VirtualDER, vder_audience
from server.models.changes import ALARM, ORDER, note
from server.operators.principals import Principal
from server.operators.roles import Role
from tests.conftest import on_sqlite


class Fed:
    """StreamListeners whose thread is the test itself."""

    def __init__(self) -> None:
        self.all = StreamListeners(most=4, most_of_user=2)
        self.clients, self.is_valid = list[socket.socket](), True
        self.all._thread = object()  # type: ignore[assignment]

    def listen(self, name: str = "kate", subtree: VirtualDER | None = None, position: int = 0,
               kinds: frozenset[str] = frozenset(), chunked: bool = False) -> socket.socket:
        ours, client = socket.socketpair()
        client.setblocking(False)
        self.clients += [ours, client]
        principal = Principal(name, Role.VIEWER, subtree)

        def recheck() -> Principal:
            if not self.is_valid:
                raise Refused(401, "revoked")
            return principal
        self.all.add(ours, StreamListener(principal, recheck, position, kinds, chunked))
        self.turn()
        return client

    def turn(self) -> None:
        self.all._poll_at = 0.0
        self.all.turn()


@pytest.fixture
def fed() -> Iterator[Fed]:
    fed = Fed()
    yield fed
    for client in fed.clients:
        client.close()


def heard(client: socket.socket) -> list[str]:
    """The subjects of what has come."""
    text = client.recv(1 << 20).decode()
    return [json.loads(line.partition(": ")[2])["subject"] for line in text.split("\n")
            if line.startswith("data:")]


def test_each_gets_what_is_after_its_position_and_of_its_kinds(server: None, fed: Fed) -> None:
    for number in range(3):
        note(ALARM, "raised", number)
    note(ORDER, "created", 3)
    everything = fed.listen()
    assert heard(everything) == ["0", "1", "2", "3"]
    assert heard(fed.listen(position=2)) == ["2", "3"]
    orders = fed.listen("olivia", kinds=frozenset({ORDER}))
    assert heard(orders) == ["3"]
    note(ALARM, "raised", 4)
    fed.turn()
    assert heard(everything) == ["4"]
    with pytest.raises(BlockingIOError):
        orders.recv(1)


def test_a_part_of_the_tree_gets_its_own(server: None, fed: Fed) -> None:
    for name in ("north", "south"):
        virtualders.create(name)
    north, south = virtualders.find("north"), virtualders.find("south")
    client = fed.listen(subtree=north)
    note(ALARM, "raised", 1)
    note(ORDER, "created", 2, vder_audience(south.id))
    note(ORDER, "created", 3, vder_audience(north.id))
    fed.turn()
    assert heard(client) == ["3"]


@on_sqlite
def test_it_is_framed_as_http_has_it(server: None, fed: Fed) -> None:
    note(ALARM, "raised", 1)
    size, _, rest = fed.listen(chunked=True).recv(1 << 20).partition(b"\r\n")
    assert len(rest) == int(size, 16) + 2 and rest.endswith(b"\n\n\r\n")


@on_sqlite
def test_who_has_gone_is_forgotten(server: None, fed: Fed) -> None:
    fed.listen()
    fed.listen().close()
    fed.turn()
    fed.turn()
    assert len(fed.all) == 1


@on_sqlite
def test_who_takes_nothing_is_closed(server: None, fed: Fed, monkeypatch: pytest.MonkeyPatch) -> None:
    client = fed.listen()
    listener, = fed.all._of.values()
    listener.put(b"x" * (1 << 23))
    note(ALARM, "raised", 1)
    fed.turn()
    assert len(fed.all) == 1 and listener.position == 0  # it is given no more
    monkeypatch.setattr(listeners, "SLOW_S", -1.0)
    fed.turn()
    assert len(fed.all) == 0
    while client.recv(1 << 20):
        pass


@on_sqlite
def test_a_sign_of_life_and_its_end(server: None, fed: Fed, monkeypatch: pytest.MonkeyPatch) -> None:
    virtualders.create("north")
    whole, part = fed.listen(position=99), fed.listen(subtree=virtualders.find("north"), position=99)
    monkeypatch.setattr(listeners, "BEAT_S", -1.0)
    fed.turn()
    assert whole.recv(100).startswith(b"id: ") and part.recv(100) == b": \n\n"
    fed.is_valid = False
    fed.turn()
    assert len(fed.all) == 0 and whole.recv(100) == b""


@on_sqlite
def test_there_are_not_too_many(server: None, fed: Fed) -> None:
    for name in ("kate", "kate", "olivia"):
        fed.listen(name)
    with pytest.raises(Refused) as refused:
        fed.all.check("kate")
    assert refused.value.status == 429
    assert fed.listen("kate").recv(1) == b""  # two came at once
    fed.listen("olivia")
    with pytest.raises(Refused) as refused:
        fed.all.check("amir")
    assert refused.value.status == 503
