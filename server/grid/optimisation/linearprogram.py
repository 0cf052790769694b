"""A sparse linear program, written block by block, and HiGHS that solves it. Knows nothing of power.

Some of its variables may be whole numbers: then it is a mixed-integer program.
"""
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from server.grid.optimisation import highssolver
from server.grid.optimisation.arrays import Floats, Whole, np

if TYPE_CHECKING:
    import highspy
else:
    from server.grid.optimisation.highssolver import highspy

OPTIMAL, TIME_LIMIT, FAILED = "optimal", "time limit", "failed"
NumberOrArray = Any  # a number, or an array that broadcasts to the block's shape


class Solution(NamedTuple):
    """`values` by column, None where there is no solution at all; `status` is OPTIMAL, TIME_LIMIT or FAILED.

    A program with whole numbers may have values at its time limit: `gap` is how far their cost may at most
    be above the least, as a fraction of it.
    """
    values: Floats | None
    cost: float
    status: str
    gap: float = 0.0


class Model:
    """Blocks of columns and rows. Columns and rows are known by their numbers, arrays of the block's
    shape."""

    def __init__(self) -> None:
        self._columns: list[tuple[Floats, Floats, Floats]] = []
        self._whole: list[Whole] = []
        self._rows: list[tuple[Floats, Floats]] = []
        self._terms: list[tuple[Whole, Whole, Floats]] = []
        self.width = self.height = 0
        self._solver: highspy.Highs | None = None

    def columns(
        self,
        shape: tuple[int, ...],
        low: NumberOrArray = 0.0,
        high: NumberOrArray = math.inf,
        cost: NumberOrArray = 0.0,
        whole: bool = False,
    ) -> Whole:
        """New variables between bounds, with a cost each; `whole` numbers only, if so asked."""
        numbers = self.width + np.arange(int(np.prod(shape))).reshape(shape)
        self._columns.append(
            (_broadcast_flat(low, shape), _broadcast_flat(high, shape), _broadcast_flat(cost, shape))
        )
        self.width += numbers.size
        if whole:
            self._whole.append(numbers.ravel())
        return numbers

    def rows(self, shape: tuple[int, ...], low: NumberOrArray, high: NumberOrArray) -> Whole:
        """New constraints: low ≤ the sum of their terms ≤ high."""
        numbers = self.height + np.arange(int(np.prod(shape))).reshape(shape)
        self._rows.append((_broadcast_flat(low, shape), _broadcast_flat(high, shape)))
        self.height += numbers.size
        return numbers

    def term(self, rows: Whole, columns: Whole, factor: NumberOrArray = 1.0) -> None:
        """factor · column in a row, for arrays of both that broadcast to one shape."""
        rows, columns = np.broadcast_arrays(rows, columns)
        self._terms.append((rows.ravel(), columns.ravel(), _broadcast_flat(factor, rows.shape)))

    def solve(self, seconds: float = math.inf, threads: int = 1, method: str = "simplex") -> Solution:
        """The least cost, within so many seconds."""
        self._load(seconds, threads, method)
        return self._run()

    def _load(self, seconds: float, threads: int, method: str) -> highspy.Highs:
        """A solver with the program in it, which is kept."""
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = self.width, self.height
        program.col_lower_, program.col_upper_, program.col_cost_ = _concatenated(self._columns)
        program.row_lower_, program.row_upper_ = _concatenated(self._rows)
        row, column, factor = _concatenated(self._terms)
        order = np.argsort(row, kind="stable")
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = np.concatenate(((0,), np.cumsum(np.bincount(row, minlength=self.height))))
        program.a_matrix_.index_, program.a_matrix_.value_ = column[order], factor[order]
        if self._whole:
            integer = np.isin(np.arange(self.width), np.concatenate(self._whole))
            kinds = highspy.HighsVarType
            program.integrality_ = [kinds.kInteger if flag else kinds.kContinuous for flag in integer]
        solver = highssolver.create()
        for option, value in (("threads", threads), ("solver", method),
                              ("run_crossover", "off"), ("time_limit", float(seconds))):
            solver.setOptionValue(option, value)
        solver.passModel(program)
        self._solver = solver
        return solver

    def solve_without(self, columns: Whole, seconds: float = math.inf) -> Solution:
        """The least cost with these columns at 0, within so many seconds more. It starts where `solve`, which
        has to come first, ended."""
        assert self._solver is not None
        zero = np.zeros(len(columns))
        self._solver.changeColsBounds(len(columns), columns.astype(np.int32), zero, zero)
        self._solver.setOptionValue("time_limit", self._solver.getRunTime() + float(seconds))
        return self._run()

    def solve_with(self, rows: Whole, sums: Floats, seconds: float = math.inf) -> Solution:
        """The least cost with other sums of these rows, within so many seconds more. It starts where the last
        solution ended; `solve` has to come first."""
        assert self._solver is not None
        for row, value in zip(rows.tolist(), sums.tolist(), strict=True):
            self._solver.changeRowBounds(row, value, value)
        self._solver.setOptionValue("time_limit", self._solver.getRunTime() + float(seconds))
        return self._run()

    def _run(self) -> Solution:
        assert self._solver is not None
        self._solver.run()
        status, info = _status(self._solver.getModelStatus()), self._solver.getInfo()
        found = bool(self._whole) and info.primal_solution_status == highspy.kSolutionStatusFeasible
        if status != OPTIMAL and not (status == TIME_LIMIT and found):
            return Solution(None, float("nan"), status)
        return Solution(
            np.array(self._solver.getSolution().col_value),
            info.objective_function_value,
            status,
            float(info.mip_gap) if self._whole else 0.0,
        )


def _status(reached: Any) -> str:
    statuses = highspy.HighsModelStatus
    return {statuses.kOptimal: OPTIMAL, statuses.kTimeLimit: TIME_LIMIT}.get(reached, FAILED)


def _broadcast_flat(values: NumberOrArray, shape: tuple[int, ...]) -> Floats:
    return np.broadcast_to(np.asarray(values, dtype=float), shape).ravel()


def _concatenated(blocks: list[Any]) -> tuple[Any, ...]:
    return tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))
