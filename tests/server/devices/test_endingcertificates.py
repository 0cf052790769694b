"""Certificates of devices that end soon are told once a day."""
from __future__ import annotations

import pytest

from server import alarms, clock
from server.devices import endingcertificates
from server.devices.identity import Peer
from tests import peers
from tests.conftest import NOON, on_sqlite

DAY = 86400


@on_sqlite
def test_a_certificate_that_ends_soon(device: peers.Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    endingcertificates.forget()
    presented = Peer(device.lfdi, 1, NOON + 40 * DAY)
    endingcertificates.note(Peer(device.lfdi, 1))
    endingcertificates.note(presented)
    endingcertificates.note(Peer(peers.lfdi(9), 9, NOON + DAY))
    endingcertificates.flush()
    assert alarms.rows() == [], "it ends late, or is of nobody who is enrolled"
    for days in (11, 11.5, 12.5):
        clock.turn_to(int(NOON + days * DAY))
        endingcertificates.note(presented)
        endingcertificates.flush()
        assert alarms.rows()[0]["source"] == "device 1"
    assert alarms.rows()[0]["detail"] == "its certificate ends in 27 days" and alarms.rows()[0]["times"] == 2
    clock.turn_to(NOON + 15 * DAY)
    assert alarms.rows() == [], "it has another one, or is gone"
    endingcertificates.forget()
