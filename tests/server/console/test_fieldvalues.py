"""What people type into forms, as values of arguments."""
from __future__ import annotations

from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from server import clock
from server.api.routes import routes
from server.config import settings
from server.console import fieldvalues
from server.errors import BadArgument
from tests.conftest import NOON


@pytest.mark.parametrize("operation, name, typed, value", [
    ("dispatch order", "delta_w", "-2.5 kW", -2500.0), ("dispatch order", "duration_s", "1h30m", 5400),
    ("dispatch order", "start", "+15m", NOON + 900), ("dispatch order", "start", "18:00", NOON + 4 * 3600),
    ("dispatch order", "connect", "false", False), ("dispatch order", "per_device", "true", True),
    ("dispatch order", "randomize_s", "-5m", -300), ("dispatch order", "limit_percent", "50%", 50.0),
    ("approval limit", "orders_w", "inf", float("inf")), ("alarm ack", "numbers", "1\n 2 \n", [1, 2]),
    ("signal put", "flat", "4kW", "4kW"), ("dispatch order", "reason", " ", None)])
def test_what_is_typed_is_the_value(operation: str, name: str, typed: str, value: Any,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    clock.turn_to(NOON)
    monkeypatch.setattr(settings, "timezone", "Europe/Berlin")
    found = fieldvalues.read(routes()[operation].operation, MultiDict({name: typed}))
    assert found.get(name) == value


@pytest.mark.parametrize("typed, why", [("5kw", "write 5kW"), ("5 kWh", "active power"), ("a lot", "number"),
                                        ("1" * 101, "too long")])
def test_what_is_no_value_is_refused_in_words(typed: str, why: str) -> None:
    with pytest.raises(BadArgument, match=why):
        fieldvalues.read(routes()["dispatch order"].operation, MultiDict({"delta_w": typed}))
