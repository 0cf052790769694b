"""A solver is made without a word on standard output, and without a word of others lost."""
from __future__ import annotations

import gc
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from server.grid.optimisation import highssolver

BANNER = b"Running HiGHS 9.9 (git hash: 0): Copyright (c) 2026\nIncludes third-party software components\n"


class Talker:
    """Stands for a solver that is made while another thread prints."""

    def __init__(self) -> None:
        os.write(1, b"one\n" + BANNER + b"two\n")

    def setOptionValue(self, *_: Any) -> None:
        """Nothing to set."""


class Piped:
    """Standard output is a pipe; `text` is what came through."""
    text = b""

    def __enter__(self) -> Piped:
        self._kept, (self._outlet, inlet) = os.dup(1), os.pipe()
        os.dup2(inlet, 1)
        os.close(inlet)
        return self

    def __exit__(self, *_: object) -> None:
        os.dup2(self._kept, 1)
        os.close(self._kept)
        os.set_blocking(self._outlet, False)
        with open(self._outlet, "rb") as file:
            self.text = file.read() or b""


def open_descriptors() -> int:
    gc.collect()  # what earlier tests left to the garbage collector is not closed while one counts
    return len(os.listdir("/proc/self/fd"))


def test_the_banner_of_the_installed_highs_is_not_printed() -> None:
    with Piped() as pipe:
        for _ in range(3):
            highssolver.create().run()
        os.write(1, b"end\n")
    assert pipe.text == b"end\n"


def test_what_others_print_meanwhile_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highssolver.highspy, "Highs", Talker)
    with Piped() as pipe:
        highssolver.create()
    assert pipe.text == b"one\ntwo\n"


def test_a_solver_that_cannot_be_made_leaves_standard_output_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise MemoryError
    monkeypatch.setattr(highssolver.highspy, "Highs", fail)
    before = open_descriptors()
    with Piped() as pipe:
        with pytest.raises(MemoryError):
            highssolver.create()
        os.write(1, b"end\n")
    assert (pipe.text, open_descriptors()) == (b"end\n", before)


def test_many_threads_at_once() -> None:
    before = open_descriptors()
    with Piped() as pipe, ThreadPoolExecutor(8) as pool:
        for turn, solver in enumerate([pool.submit(highssolver.create) for _ in range(100)]):
            solver.result()
            os.write(1, b"%d\n" % turn)
    assert open_descriptors() == before
    assert sorted(map(int, pipe.text.split())) == list(range(100))


def test_without_standard_output() -> None:
    stdout = os.dup(1)
    before = open_descriptors()
    os.close(1)
    try:
        assert highssolver.create() is not None
        with pytest.raises(OSError):
            os.fstat(1)
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
    assert open_descriptors() == before - 1, 'what was kept is closed, too'


def test_what_python_has_not_written_yet_is_not_lost() -> None:
    code = (
        "from server.grid.optimisation import highssolver; print('before'); solver = highssolver.create(); "
        "print('after')"
    )
    ran = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    assert ran.stdout == b"before\nafter\n"
