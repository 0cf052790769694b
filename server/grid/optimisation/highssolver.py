"""A HiGHS solver, made without its banner.

HiGHS 1.16 prints two lines to file descriptor 1 when a solver is made, before it can be told to be quiet.
They would stand in front of the JSON that a command prints, and in the middle of a live view.
"""
from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from server.grid.optimisation.arrays import LazyModule

if TYPE_CHECKING:
    import highspy
else:
    highspy = LazyModule("highspy")

__all__ = ["STDOUT", "create", "highspy"]

STDOUT = 1
_BANNER = re.compile(rb"^(Running HiGHS|Copyright|Includes third-party)\b[^\n]*\n", re.MULTILINE)
# File descriptor 1 belongs to the whole process, so one thread redirects it at a time.
_redirecting = threading.Lock()


def create() -> highspy.Highs:
    """A solver that prints nothing."""
    with _redirecting, _without_banner():
        solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    return solver


@contextmanager
def _without_banner() -> Iterator[None]:
    """Redirect file descriptor 1 into memory for as long as this lasts. What other threads write to it
    meanwhile is written where it belongs afterwards; only the banner is left out."""
    try:
        saved = os.dup(STDOUT)
    except OSError:  # there is no standard output
        yield
        return
    try:
        with _buffer() as buffer:
            os.dup2(buffer.fileno(), STDOUT)
            try:
                yield
            finally:
                os.dup2(saved, STDOUT)
            buffer.seek(0)
            _write(_BANNER.sub(b"", buffer.read()))
    finally:
        os.close(saved)


def _buffer() -> IO[bytes]:
    """A file in memory, or a temporary one where the system has no such thing."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("banner"), "w+b")
    import tempfile
    return tempfile.TemporaryFile()


def _write(text: bytes) -> None:
    with suppress(BrokenPipeError):
        while text:
            text = text[os.write(STDOUT, text):]
