"""Whatever several clients and an operator legally do, in any order: what always holds.

Every link resolves; `all` is the count; no event is in two states; a stranger, another device or another
aggregator sees nothing; an ETag changes exactly with the body (IEEE 2030.5-2018, 6.2, 8.5 to 8.8, 10.10).

The sequences are the same each time, and one that fails is not shortened, since that takes minutes. It is
printed as code with the values that were drawn, and with a word that repeats it alone:

    COUNTERPOISE_SEQUENCE=WORD pytest tests/standard/test_properties.py

With COUNTERPOISE_SEQUENCE=shorten, a sequence that fails is shortened before it is printed.
"""
from __future__ import annotations

import os

import hypothesis
import pytest
from flask import Flask
from hypothesis import Phase
from hypothesis import settings as examples
from hypothesis.stateful import get_state_machine_test, invariant

from tests.conftest import on_sqlite
from tests.standard.legaloperations import LegalOperations

EXAMPLES, STEPS = 6, 20
SHORTEN = "shorten"


def run(operations: type[LegalOperations], sequence: str) -> None:
    """Run all sequences, or the one that a word stands for."""
    phases = [Phase.generate, *([Phase.shrink] if sequence == SHORTEN else [])]
    test = get_state_machine_test(operations, settings=examples(
        max_examples=EXAMPLES, stateful_step_count=STEPS, derandomize=True, deadline=None, database=None,
        phases=phases, print_blob=True))
    if sequence not in ("", SHORTEN):
        test = hypothesis.reproduce_failure(hypothesis.__version__, sequence.encode())(test)
    test()


@on_sqlite
def test_legal_operations_in_any_order(server: None, application: Flask) -> None:
    class Operations(LegalOperations):
        app = application

    run(Operations, os.environ.get("COUNTERPOISE_SEQUENCE", ""))


@on_sqlite
def test_a_sequence_that_fails_is_printed_and_repeated(server: None, application: Flask) -> None:
    lengths = []

    class Failing(LegalOperations):
        app = application
        steps = 0

        @invariant()
        def fails(self) -> None:
            self.steps += 1
            lengths.append(self.steps)
            assert self.steps < 4

    with pytest.raises(AssertionError) as failure:
        run(Failing, "")
    notes = "\n".join(failure.value.__notes__)
    word = notes.partition("b'")[2].partition("'")[0]
    assert "state = Failing()" in notes and word
    lengths.clear()
    with pytest.raises(AssertionError):
        run(Failing, word)
    assert lengths == [1, 2, 3, 4]
