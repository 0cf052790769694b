"""What schemathesis makes of the OpenAPI document is answered as that says."""
from __future__ import annotations

from flask import Flask

from tests.conftest import on_sqlite
from tests.soak import documented

EXAMPLES, SEED = 20, 20305


@on_sqlite
def test_requests_made_of_the_document_are_answered_as_it_says(server: None, rest: Flask) -> None:
    """`python -m tests.soak documented` sends more."""
    sent, faults = documented.faults(rest, EXAMPLES, SEED)
    assert faults == []
    assert sent > 1000
