"""The settings of the server that is asked."""
from __future__ import annotations

import pytest

from server import operations
from server.config import SETTINGS, settings
from tests.conftest import on_sqlite

pytestmark = on_sqlite


def rows(**values: object) -> dict[str, dict[str, str]]:
    return {row["name"]: row for row in operations.load("setting").operations["list"].run(values)}


def test_every_setting_with_where_it_comes_from(server: None) -> None:
    assert rows().keys() == SETTINGS.keys()
    settings.poll_rate = 120
    row = rows(changed=True)["poll_rate"]
    assert (row["value"], row["default"], row["source"], row["place"]) == ("2m", "5m", "program", "poll_rate")
    assert rows()["post_rate"]["source"] == "default"
    assert {row["group"] for row in rows(group="Alarms").values()} == {"Alarms"}


@pytest.mark.parametrize("name, value", [
    ("database", "postgresql://me:hidden@h/x"), ("metrics_token", "0123456789abcdef" * 4),
    ("alarm_webhook", "https://me:hidden@example.org/")])
def test_what_is_secret_is_not_shown(server: None, name: str, value: str) -> None:
    setattr(settings, name, value)
    text = str(rows()[name])
    assert "hidden" not in text and "0123456789abcdef" not in text
