"""The database of the benchmark: a device that is a copy is as one that has reported."""
from __future__ import annotations

import pytest

from server.config import settings
from server.models import DerState, Device, Membership, Meter
from server.protocol.app import DeviceInterface
from server.resources import sql, store
from tests import peers
from tests.load.scale import population, requests
from tests.wsgi import Client


@pytest.fixture
def few(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine devices, of which three are the template."""
    settings.default_vder = "everyone"
    monkeypatch.setattr(population, "TEMPLATE", 3)
    population.build(9)


@pytest.mark.usefixtures("few")
def test_every_row_follows_from_the_documents() -> None:
    assert store.reindex() == 0
    assert [table.select().count() for table in (Device, DerState, Meter, Membership)] == [9, 9, 9, 27]
    assert len({device.sfdi for device in Device.select()}) == 9


@pytest.mark.usefixtures("few")
def test_every_device_is_answered(application: DeviceInterface) -> None:
    callers = requests.callers(30)
    assert {caller.number for caller in callers} <= set(range(1, 10))
    for caller in callers:
        peer = peers.Peer(Client(application), caller.lfdi)
        for name, ask in requests.CASES.items():
            assert ask(peer, caller, 1).status < 300, (name, caller)


@pytest.mark.usefixtures("few")
def test_the_next_device_gets_the_next_number() -> None:
    population._enrol(population.lfdi(77), 77)
    assert sql.row("SELECT max(id) FROM device")[0] == 10
