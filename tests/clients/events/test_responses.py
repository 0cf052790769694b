"""Which answers are asked for, and how they are said."""
from __future__ import annotations

import pytest

from clients.events.responses import response, response_due
from clients.events.schedule import Transition
from server.resources import codec
from tests.clients.controls import LFDI, control, events, mrid

STATUSES = {"00": [], "01": [1], "02": [2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 252, 253, 254],
            "04": [4, 5, 8, 9, 10], "07": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 252, 253, 254]}


@pytest.mark.parametrize("required", STATUSES)
def test_each_bit_of_response_required_asks_for_its_statuses(required: str) -> None:
    event, = events(control("a", 0, 9, required=required))
    assert [status for status in STATUSES["07"] if response_due(Transition(event, status, 5))] == STATUSES[
        required
    ]


def test_a_response_names_device_event_status_and_second() -> None:
    event, = events(control("a", 0, 9))
    body = response(Transition(event, 2, 5), LFDI)
    assert body == {"createdDateTime": 5, "endDeviceLFDI": LFDI, "status": 2, "subject": mrid("a")}
    assert codec.decode(codec.encode("DERControlResponse", body)) == ("DERControlResponse", body)
