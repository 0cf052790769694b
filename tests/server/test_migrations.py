"""Migrations: from nothing to the present, and no further."""
from __future__ import annotations

import threading

import pytest
from playhouse.schema_diff import diff_models

from server import models
from server.models import db

pytestmark = pytest.mark.usefixtures("house")


def test_an_empty_database_gets_every_table_once() -> None:
    assert {table._meta.table_name for table in models.tables()} <= set(db.get_tables())  # type: ignore[attr-defined]
    assert models.migrate() == []


def test_what_the_migrations_made_is_what_the_models_say() -> None:
    assert not diff_models(db.obj, models.tables())


def test_two_at_once_do_not_disturb_each_other() -> None:
    faults: list[Exception] = []

    def migrate() -> None:
        try:
            models.migrate()
        except Exception as error:
            faults.append(error)
        finally:
            db.close()
    threads = [threading.Thread(target=migrate) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
