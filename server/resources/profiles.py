"""Which profile each device has, and so which variant it is sent.

An operator gives the profile of the server (the setting `profile`), and that of single devices. Those that
have their own are kept in memory, since every request asks. Once a second it is looked up whether there has
been a change, so that every worker process follows it.
"""
from __future__ import annotations

import os
import time
from collections.abc import Iterable

from server.config import settings
from server.models import KeyValue
from server.resources import sql, variants
from server.resources.variants import Variant
from server.units import Lfdi

_CACHE_S = 1.0
_NAME = "profiles"  # of the KeyValue that every change gives another value
_own: dict[Lfdi, str] = {}
_version: str | None = ""  # of what is read; None of a database without any
_read_at = float("-inf")


def default() -> Variant:
    """Return the variant in which documents are rendered when they are written: what the profile of the
    server sends to who declares no level."""
    return variants.variant(settings.profile, variants.NO_LEVEL)


def variant(lfdi: Lfdi, level: str) -> Variant:
    """Return the variant that a device is sent when it declares a level."""
    return variants.variant(of(lfdi), level)


def of(lfdi: Lfdi) -> str:
    """Return the profile of a device."""
    if time.monotonic() - _read_at > _CACHE_S:
        _read()
    return _own.get(lfdi) or settings.profile


def last_known(lfdi: Lfdi) -> str:
    """Return the profile of a device as it was last read: also where the database does not answer."""
    return _own.get(lfdi) or settings.profile


def _read() -> None:
    """Read the devices with a profile of their own, if there has been a change."""
    global _own, _version, _read_at
    row = sql.row("SELECT value FROM key_value WHERE name = ?", _NAME)
    version = row[0] if row else None
    if version != _version:
        _own = {} if version is None else dict(sql.rows(
            "SELECT lfdi, profile FROM device WHERE profile <> ''"))
    _version, _read_at = version, time.monotonic()


def forget() -> None:
    """Read everything anew."""
    global _version, _read_at
    _version, _read_at = "", float("-inf")


def assign(profiles: Iterable[tuple[int, str]]) -> None:
    """Give devices, by their numbers, profiles of their own; "" for that of the server."""
    sql.many("UPDATE device SET profile = ? WHERE id = ?",
             ((profile, number) for number, profile in profiles))
    note_change()


def note_change() -> None:
    """Let every process read the profiles of devices anew, once this transaction is committed."""
    KeyValue.insert(name=_NAME, value=os.urandom(8).hex()).on_conflict(
        conflict_target=[KeyValue.name], update={KeyValue.value: os.urandom(8).hex()}).execute()
    forget()
