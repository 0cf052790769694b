"""What is followed, in a line. How it is followed is tested in test_device.py, over the device interface."""
from __future__ import annotations

from typing import Any

import pytest

from clients.events.control import ActiveMode
from clients.events.eventclient import describe_modes


@pytest.mark.parametrize(
    "modes, line",
    [
        ({}, "nothing"),
        ({"opModMaxLimW": 5000, "opModConnect": True}, "opModConnect True, opModMaxLimW 5000"),
        ({"csipaus:opModImpLimW": {"value": -15, "multiplier": 2}}, "opModImpLimW -1500"),
        (
            {"opModFixedPFInjectW": {"displacement": 95, "excitation": True, "multiplier": -2}},
            "opModFixedPFInjectW 0.95",
        ),
        ({"opModFixedVar": {"refType": 2, "value": -5000}}, "opModFixedVar -5000"),
        ({"opModVoltVar": {"href": "/derp/1/dc/2"}}, "opModVoltVar /derp/1/dc/2"),
    ],
)
def test_a_line_for_what_is_followed(modes: dict[str, Any], line: str) -> None:
    assert describe_modes({mode: ActiveMode(value, "/derp/1") for mode, value in modes.items()}) == line
