"""Logging, set up in one place for every process: level, format, and the fields of records.

    logs.configure("work")                      # once a process; level and format are those of the settings
    log = logging.getLogger(__name__)           # as anywhere
    with logs.context(area="F12", order=7):     # fields of every record that is written inside
        log.warning("…")

Records go to standard error, where systemd or a container's runtime collects them. Fields are evaluated only
when a record is written. Instants are UTC of the system's clock, whatever the setting `clock`.
"""
from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from server.config import settings

Fields = Mapping[str, Any]
LOGGERS = ("server", "clients", "certs", "gunicorn")  # to which the setting of the level applies
ACCESS = "server.access"
START = "server.start"  # where a process listens and what it works on: said whatever the level is
# Patterns are compiled when a record is written: those of whole Unicode take a few milliseconds.
_PLAIN = r"[!-~\u00a1-\uffff]+"
_REQUEST_ID = r"[A-Za-z0-9._:-]{1,64}"
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"

log = logging.getLogger(__name__)
_process: dict[str, Any] = {}


class HasFields(Protocol):
    """Something in whose course records are written, such as a request."""

    def log_fields(self) -> Fields:
        """Return the fields of every record that is written meanwhile."""


class _Nested(NamedTuple):
    """Fields of a context, and what is around it."""
    outer: HasFields | None
    fields: Fields

    def log_fields(self) -> Fields:
        """Return the fields of both."""
        return {**(self.outer.log_fields() if self.outer else {}), **self.fields}


# What is in progress in this thread. A request sets and resets it directly, which is faster than `context`.
scope: ContextVar[HasFields | None] = ContextVar("scope", default=None)


def configure(command: str, level: str = "") -> None:
    """Send the records of this process to standard error, in the level and format of the settings.

    `command` is a field of each record. `level` replaces the setting.
    """
    _process.update(command=command)
    number = logging.getLevelName((level or settings.log_level).upper())
    # the debugging output of libraries would show values in SQL statements, PINs among them
    logging.root.setLevel(max(number, logging.WARNING))
    for name in LOGGERS:
        logging.getLogger(name).setLevel(number)
    logging.getLogger(ACCESS).setLevel(logging.INFO if settings.access_log else logging.CRITICAL)
    logging.getLogger(START).setLevel(logging.INFO)
    handler = StandardError()
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    for earlier in [other for other in logging.root.handlers if isinstance(other, StandardError)]:
        logging.root.removeHandler(earlier)
    logging.root.addHandler(handler)


def request_id(given: str = "") -> str:
    """Return the name of a request in the log: the one that its client gave it, where that is fit for a line
    of the log, else a new one."""
    return given if re.fullmatch(_REQUEST_ID, given) else os.urandom(6).hex()


def watch_threads() -> None:
    """Log exceptions that end a thread, in processes that run until they are stopped."""
    def log_end(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_type is not SystemExit:
            error = arguments.exc_value or arguments.exc_type()
            log.error("thread %s ended", arguments.thread and arguments.thread.name, exc_info=error)
    threading.excepthook = log_end


@contextmanager
def context(**fields: Any) -> Iterator[None]:
    """Add these fields to every record that is written inside."""
    token = scope.set(_Nested(scope.get(), fields))
    try:
        yield
    finally:
        scope.reset(token)


def unexpected(logger: logging.Logger, action: str) -> str:
    """Log the unexpected exception that is being handled; return a sentence with the record's reference.

    `action` is the subject of the sentences ("the request").
    """
    reference = _reference()
    with context(reference=reference):
        logger.error("%s failed", action, exc_info=True)
    return f"{action} failed unexpectedly. The log has the details, reference {reference}."


def unexpected_to_file(logger: logging.Logger, action: str) -> str:
    """Do the same for a command that a person runs, whose log is not kept.

    The record goes to a file that only this user can read; the sentence names the file.
    """
    import tempfile  # which takes longer to load than all else here

    reference = _reference()
    kind, error, _ = exception = sys.exc_info()
    record = logger.makeRecord(logger.name, logging.ERROR, "", 0, "%s failed", (action,), exception)
    reason = _escaped(f"{kind and kind.__name__}: {error}")
    try:
        number, path = tempfile.mkstemp(f"-{reference}.log", "counterpoise-", text=True)
        with open(number, "w", errors="backslashreplace") as file, context(reference=reference):
            file.write(TextFormatter().format(record) + "\n")
    except OSError as fault:
        path = f"not kept ({fault.strerror})"
    return f"{action} failed unexpectedly ({reason}). Details, reference {reference}: {path}"


def _reference() -> str:
    """Return a new name for a record, which nobody can guess."""
    return os.urandom(4).hex()


class StandardError(logging.Handler):
    """Writes records to the current sys.stderr, which a live view may have replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


class TextFormatter(logging.Formatter):
    """A line for people: `2026-07-30T12:34:56.789Z WARNING server.worker[4711]: message key=value`.

    A traceback follows on lines of its own. Control characters are escaped, so that nobody forges a line.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = f"{_instant(record)} {record.levelname} {record.name}[{record.process}]: "
        line += _escaped(record.getMessage())
        line += "".join(f" {name}={_quoted(value)}" for name, value in _fields(record).items())
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """A JSON object in a line, for programs: time, level, logger, process, message, the fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
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
    return text if re.fullmatch(_PLAIN, text) and '"' not in text else json.dumps(text)


def _escaped(text: str) -> str:
    return re.sub(_CONTROL, lambda match: ascii(match[0])[1:-1], text)
