"""The two set-ups, and a receiver of notifications."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certs import authority
from server.config import settings
from tests import prepared
from tests.peers import Peer
from tests.server.notifications.receiver import Receiver, receiving
from tests.standard.csip import topology
from tests.standard.csip.client import Subscriber


@pytest.fixture
def home(peer: Callable[[int], Peer]) -> Peer:
    """The direct client of `topology.direct`."""
    prepared.begin_with("csip_direct", topology.direct)
    return peer(1)


@pytest.fixture
def fleet(peer: Callable[[int], Peer]) -> Peer:
    """The aggregator of `topology.aggregated`."""
    prepared.begin_with("csip_aggregated", topology.aggregated)
    return peer(topology.AGGREGATOR)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the server's certificate and key, and the authority's certificate."""
    folder, root = tmp_path_factory.mktemp("certificates"), authority.root("root")
    server = authority.server(root, ["127.0.0.1"])
    for name, data in (("server.pem", server.pem()), ("server.key", server.key_pem()),
                       ("ca.pem", root.pem())):
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def notified(receiver: Receiver, certificates: Path, server: None) -> Receiver:
    """A receiver that the server may notify at once."""
    for name, file in (("certificate", "server.pem"), ("key", "server.key"), ("client_ca", "ca.pem")):
        setattr(settings, name, str(certificates / file))
    settings.notification_networks = "127.0.0.0/8"
    settings.notification_interval_s = 0
    return receiver


@pytest.fixture
def aggregator(fleet: Peer, notified: Receiver) -> Subscriber:
    """The aggregator as a subscriber."""
    return Subscriber(fleet, notified)


@pytest.fixture
def subscriber(home: Peer, notified: Receiver) -> Subscriber:
    """The direct client as a subscriber."""
    return Subscriber(home, notified)
