"""Whatever several clients and an operator legally do, in any order: what always holds.

Every link resolves; `all` is the count; no event is in two states; a stranger, another device or another
aggregator sees nothing; an ETag changes exactly with the body (IEEE 2030.5-2018, 6.2, 8.5 to 8.8, 10.10).
"""
from __future__ import annotations

from flask import Flask
from hypothesis import Phase
from hypothesis import settings as examples
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import on_sqlite
from tests.standard.legaloperations import LegalOperations

EXAMPLES, STEPS = 6, 20


@on_sqlite
def test_legal_operations_in_any_order(server: None, application: Flask) -> None:
    """The same sequences each time, and none is shortened if it fails: that takes minutes."""
    class Operations(LegalOperations):
        app = application

    run_state_machine_as_test(Operations, settings=examples(
        max_examples=EXAMPLES, stateful_step_count=STEPS, derandomize=True, deadline=None, database=None,
        phases=[Phase.generate]))
