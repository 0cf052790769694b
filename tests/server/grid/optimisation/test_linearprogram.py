"""A linear program in blocks, solved by HiGHS."""
from __future__ import annotations

import numpy as np
import pytest

from server.grid.optimisation.linearprogram import FAILED, OPTIMAL, Model


def test_blocks_of_columns_and_rows_make_one_program() -> None:
    """Least 2x + y with x + y >= 3 in each of two steps, x <= 1 in the first, y <= 1 in the second."""
    model = Model()
    x = model.columns((2,), 0, [1, np.inf], 2.0)
    y = model.columns((2,), 0, [np.inf, 1], 1.0)
    rows = model.rows((2,), 3, np.inf)
    model.term(rows, x)
    model.term(rows, y)
    solution = model.solve()
    assert solution.status == OPTIMAL and solution.values is not None
    assert solution.values[x] == pytest.approx([0, 2]) and solution.values[y] == pytest.approx([3, 1])
    assert solution.cost == pytest.approx(2 * 2 + 3 + 1)


def test_a_factor_counts_for_each_term() -> None:
    model = Model()
    x = model.columns((1,), 0, np.inf, 1.0)
    model.term(model.rows((1,), 6, np.inf), x, 2.0)
    solution = model.solve()
    assert solution.values is not None and solution.values[x] == pytest.approx([3])


def test_a_program_without_solution_has_no_values() -> None:
    model = Model()
    x = model.columns((1,), 0, 1)
    model.term(model.rows((1,), 2, np.inf), x)
    solution = model.solve()
    assert solution.values is None and solution.status == FAILED


def test_it_is_solved_again_without_some_columns() -> None:
    model = Model()
    x = model.columns((2,), 0, 10, [1.0, 2.0])
    model.term(model.rows((1,), 6, np.inf), x[None, :])
    first, again = model.solve(), model.solve_without(x[:1])
    assert first.values is not None and again.values is not None
    assert first.values.tolist() == [6, 0] and again.values.tolist() == [0, 6] and again.status == OPTIMAL


def test_whole_numbers_are_whole() -> None:
    model = Model()
    x = model.columns((1,), 0, 10, -1.0, whole=True)
    y = model.columns((1,), 0, 0.4, -1.0)
    rows = model.rows((1,), -np.inf, 7)
    model.term(rows, x, 2.0)
    model.term(rows, y)
    solution = model.solve()
    assert solution.values is not None and solution.values.tolist() == pytest.approx([3, 0.4])
    assert solution.status == OPTIMAL and solution.gap <= 1e-4
