"""LFDIs alone are unique; aggregators that were removed manage nothing; customer data has an owner.

Two devices may share an SFDI, which has 36 bits. Billing and prepayment that everybody could read, since
nobody had said whose they are, are nobody's now.
"""
from typing import Any

import peewee

PRIVATE = ("/bill", "/ppy")


def up(migrator: Any, db: peewee.Database) -> None:
    db.execute_sql("DROP INDEX device_sfdi")
    db.execute_sql("CREATE INDEX device_sfdi ON device (sfdi)")
    # managers that are not aggregators any more are left out when rows are rebuilt
    db.execute_sql("INSERT INTO key_value (name, value) VALUES ('reindex', '0010') ON CONFLICT DO NOTHING")
    for path in PRIVATE:
        db.execute_sql("UPDATE document SET audience = '-' WHERE audience = '*' "
                       f"AND substr(href, 1, {len(path) + 1}) = '{path}/'")
