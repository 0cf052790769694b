"""Passwords are shown to nobody."""
from __future__ import annotations

import pytest

from server.config.checks import masked


@pytest.mark.parametrize("text, shown", [
    ("postgresql://me:secret@here:5432/x", "postgresql://me:***@here:5432/x"),
    ("postgresql://me:se/cr@et@here/x", "postgresql://me:***@here/x"),
    ("postgresql://:secret@here/x", "postgresql://:***@here/x"),
    ("postgresql://me@here/x?password=secret&sslmode=no", "postgresql://me@here/x?password=***&sslmode=no"),
    ("postgresql://me@here/x?sslpassword=secret", "postgresql://me@here/x?sslpassword=***"),
    ("postgresql://me@here/x", "postgresql://me@here/x"),
    ("sqlite:///var/a:b@c.db", "sqlite:///var/a:b@c.db")])
def test_a_password_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
