"""A street whose device subscribes, and a receiver for its notifications."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from certs import dev
from server.config import settings
from server.grid.groups import virtualders
from server.models import Subscription
from server.notifications import expansion
from tests.peers import Peer
from tests.server.notifications.receiver import Receiver, receiving


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certs") / "tree"
    dev.make_dev(path)
    return path


@pytest.fixture
def credentials(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, file in (("certificate", "server.pem"), ("key", "server.key"), ("client_ca", "ca.pem")):
        monkeypatch.setattr(settings, name, str(tree / file))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def street(device: Peer) -> Peer:
    """Device 1, in the virtual DER "street" with the program /derp/1."""
    settings.notification_networks = "127.0.0.0/8"
    settings.notification_interval_s = 0
    virtualders.create("street", members=["one"])
    return device


def subscribe(client: Peer, resource: str, uri: str = "http://127.0.0.1:9/n", limit: int = 10,
              device: int = 1, **more: object) -> str:
    reply = client.post(f"/edev/{device}/sub", "Subscription", {
        "subscribedResource": resource, "encoding": 0, "level": "+S1", "limit": limit,
        "notificationURI": uri, **more})
    assert reply.status == 201, reply.body
    return str(reply.location)


def due() -> dict[str, bool]:
    """Expand all changes; return whether each subscription that is due is to be checked only."""
    while expansion.run():
        pass
    rows = Subscription.select().where(Subscription.due_at.is_null(False))
    return {row.href: bool(row.check_only) for row in rows}
