"""When each device was last in contact: collected in memory and written every few seconds (see
protocol/background)."""
from __future__ import annotations

from server import clock
from server.models import db
from server.resources import sql
from server.units import Instant, Lfdi

_contacts: dict[Lfdi, Instant] = {}


def record(lfdi: Lfdi) -> None:
    """Record that a certificate is in contact now."""
    _contacts[lfdi] = clock.now()


def forget() -> None:
    """Drop what has been recorded and not been written."""
    _contacts.clear()


def flush() -> None:
    """Write what has been recorded to the database."""
    contacts = dict(_contacts)
    _contacts.clear()
    if contacts:
        try:
            with db.atomic():
                for lfdi, at in sorted(contacts.items()):
                    sql.execute("UPDATE device SET last_contact_at = ? WHERE lfdi = ?", at, lfdi)
        except Exception:
            for lfdi, at in contacts.items():
                _contacts.setdefault(lfdi, at)
            raise
