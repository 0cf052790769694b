"""Drivers of databases, loaded when a database needs one.

peewee loads every driver that is installed at its own import: psycopg takes longer than all else that a
command on a SQLite database needs. So peewee is imported here first, without drivers, and given psycopg when
a PostgreSQL database is opened.
"""
from __future__ import annotations

import sys

_DRIVERS = ("psycopg", "psycopg2", "psycopg2cffi", "pymysql", "MySQLdb")


def import_peewee() -> None:
    """Import peewee without drivers, unless somebody has imported it."""
    if "peewee" in sys.modules:
        return
    hidden = [name for name in _DRIVERS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: an import fails
    try:
        import peewee
        assert peewee
    finally:
        for name in hidden:
            del sys.modules[name]


def load_psycopg() -> None:
    """Give peewee psycopg, as its own import would have. ImportError where it is not installed."""
    import peewee
    if getattr(peewee, "psycopg") is not None:  # noqa: B009  (where it is none, its type is not known)
        return
    import psycopg
    from psycopg.pq import TransactionStatus
    from psycopg.types.json import Json, Jsonb
    names = {"psycopg": psycopg, "TransactionStatus": TransactionStatus, "Json_pg3": Json, "Jsonb_pg3": Jsonb}
    for name, value in names.items():
        setattr(peewee, name, value)
    adapter = peewee.Psycopg3Adapter
    adapter.txn_idle, adapter.txn_inerror = TransactionStatus.IDLE, TransactionStatus.INERROR
    adapter.txn_unknown = TransactionStatus.UNKNOWN
