"""Logging, set up in one place for every process: level, format, and what a record says beside its message.

    logs.configure("work")                      # once a process; level and format are those of the settings
    log = logging.getLogger(__name__)           # as anywhere
    with logs.context(area="F12", order=7):     # fields of every record that is written inside
        log.warning("…")

Records go to standard error, where systemd or a container's runtime picks them up. A field costs nothing
until a record is written. Instants are UTC of the system's clock, whatever the setting `clock` says.
"""
from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from server.config import settings

Fields = Mapping[str, Any]
OURS = ("server", "clients", "certs", "gunicorn")
ACCESS = "server.access"
_PLAIN = re.compile(r"[!-~\u00a1-\uffff]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

log = logging.getLogger(__name__)
_process: dict[str, Any] = {}


class HasFields(Protocol):
    """What records are written in the course of, such as a request."""

    def log_fields(self) -> Fields:
        """The fields of every record that is written meanwhile; asked only when there is one."""


class _Nested(NamedTuple):
    outer: HasFields | None
    fields: Fields

    def log_fields(self) -> Fields:
        return {**(self.outer.log_fields() if self.outer else {}), **self.fields}


# What is under way in this thread. A request sets and resets it itself, since a function would cost more.
scope: ContextVar[HasFields | None] = ContextVar("scope", default=None)


def configure(command: str, level: str = "") -> None:
    """Send the records of this process to standard error, in the level and format of the settings.

    `command` is a field of each record. `level` replaces the setting.
    """
    _process.update(command=command)
    number = logging.getLevelName((level or settings.log_level).upper())
    # The libraries' debugging output would show values of SQL, PINs among them.
    logging.root.setLevel(max(number, logging.WARNING))
    for name in OURS:
        logging.getLogger(name).setLevel(number)
    logging.getLogger(ACCESS).setLevel(logging.INFO if settings.access_log else logging.CRITICAL)
    handler = StandardError()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    for earlier in [other for other in logging.root.handlers if isinstance(other, StandardError)]:
        logging.root.removeHandler(earlier)
    logging.root.addHandler(handler)


def watch_threads() -> None:
    """Log what ends a thread unexpectedly, for processes of ours that run until they are stopped."""
    def ended(what: threading.ExceptHookArgs) -> None:
        if what.exc_type is not SystemExit:
            error = what.exc_value or what.exc_type()
            log.error("thread %s ended", what.thread and what.thread.name, exc_info=error)
    threading.excepthook = ended


@contextmanager
def context(**fields: Any) -> Iterator[None]:
    """Give these fields to every record that is written inside."""
    token = scope.set(_Nested(scope.get(), fields))
    try:
        yield
    finally:
        scope.reset(token)


def unexpected(logger: logging.Logger, what: str) -> str:
    """Log the exception that is being handled, which nobody foresaw; a sentence for whoever asked, with the
    reference of the record. `what` says what failed."""
    reference = secrets.token_hex(4)
    with context(reference=reference):
        logger.error("%s failed", what, exc_info=True)
    return f"{what} failed unexpectedly. The log has the details, reference {reference}."


def unexpected_to_file(logger: logging.Logger, what: str) -> str:
    """The same for a command that a person runs, whose log nobody keeps: the record goes to a file that only
    this user can read, which the sentence names."""
    reference = secrets.token_hex(4)
    kind, error, _ = fault = sys.exc_info()
    record = logger.makeRecord(logger.name, logging.ERROR, "", 0, "%s failed", (what,), fault)
    reason = _escaped(f"{kind and kind.__name__}: {error}")
    try:
        number, path = tempfile.mkstemp(f"-{reference}.log", "counterpoise-", text=True)
        with open(number, "w", errors="backslashreplace") as file, context(reference=reference):
            file.write(TextFormatter().format(record) + "\n")
    except OSError as why:
        path = f"not kept ({why.strerror})"
    return f"{what} failed unexpectedly ({reason}). Details, reference {reference}: {path}"


class StandardError(logging.Handler):
    """Writes records to standard error as it is then: a live view may have put its own in place."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


class TextFormatter(logging.Formatter):
    """A line for people: `2026-07-30T12:34:56.789Z WARNING server.worker[4711]: message key=value`, then the
    traceback if there is one. What others sent cannot forge a line: control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_instant(record)} {record.levelname} {record.name}[{record.process}]: "
        line += _escaped(record.getMessage())
        line += "".join(f" {name}={_quoted(value)}" for name, value in _fields(record).items())
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """A JSON object in a line, for programs: time, level, logger, process, message, the fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {"time": _instant(record), "level": record.levelname.lower(), "logger": record.name,
                 "process": record.process, "message": record.getMessage(), **_fields(record),
                 **getattr(record, "fields", {})}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    current = scope.get()
    return {**_process, **(current.log_fields() if current else {})}


def _instant(record: logging.LogRecord) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z"


def _quoted(value: Any) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) and '"' not in text else json.dumps(text)


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)
