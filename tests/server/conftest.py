"""The log as a process sets it up, for tests that read it."""
from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from server import logs
from server.config import settings

Configure = Callable[..., None]


@pytest.fixture
def configure() -> Iterator[Configure]:
    """Set up the log with these settings, and restore it after the test."""
    saved, handlers = dict(settings.__dict__), logging.root.handlers[:]
    levels = {name: logging.getLogger(name).level for name in ("", *logs.LOGGERS, logs.ACCESS)}
    process, hook = dict(logs._process), threading.excepthook

    def apply(command: str = "work", level: str = "", **options: Any) -> None:
        for name, value in options.items():
            setattr(settings, name, value)
        logs.configure(command, level)
    yield apply
    settings.__dict__.clear()
    settings.__dict__.update(saved)
    logging.root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logs._process.clear()
    logs._process.update(process)
    threading.excepthook = hook
