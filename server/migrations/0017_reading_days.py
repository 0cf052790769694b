"""Readings know when their set begins, by which PostgreSQL keeps each day of them in a partition of its own.

They are found by set and number: the column `id`, of 32 bits on PostgreSQL, would be full after 74 days of
100,000 homes. That of the sets gets 64 bits.
"""
from datetime import datetime, timezone
from typing import Any

import peewee

DROPPED = {"reading": {"id"}}
DAY = 86_400  # s
PARTITIONED_DAYS = 400  # as many as readings were kept
# By name: whether it may be NULL.
COLUMNS = {"set_id": "NOT NULL", "set_start": "NOT NULL", "number": "NOT NULL", "start": "NOT NULL",
           "duration_s": "NOT NULL", "value": "", "submitted": "NOT NULL", "sort": "NOT NULL"}
KEYS = ('PRIMARY KEY ("set_id", "number", "set_start")',
        'FOREIGN KEY ("set_id") REFERENCES "reading_set" ("id") ON DELETE CASCADE')
DAYS = f"""
    SELECT DISTINCT start - mod(start, {DAY}) FROM reading_set
    WHERE start > extract(epoch FROM now()) - {PARTITIONED_DAYS * DAY}
    AND start < extract(epoch FROM now()) + {DAY}"""
PARTITION = "CREATE TABLE reading_{:%Y%m%d} PARTITION OF reading FOR VALUES FROM ({}) TO ({})"
COPY = f"""
    INSERT INTO reading ({', '.join(COLUMNS)}) SELECT r.set_id, s.start, {', '.join(
        f'r.{name}' for name in COLUMNS if not name.startswith('set_'))}
    FROM reading_before r JOIN reading_set s ON s.id = r.set_id"""


def up(migrator: Any, db: peewee.Database) -> None:
    postgres = isinstance(db, peewee.PostgresqlDatabase)
    columns = ", ".join(
        f'"{name}" {"TEXT" if name == "submitted" else "BIGINT" if postgres else "INTEGER"} {null}'
        for name, null in COLUMNS.items())
    db.execute_sql("ALTER TABLE reading RENAME TO reading_before")
    if postgres:
        db.execute_sql(f"CREATE TABLE reading ({columns}) PARTITION BY RANGE (set_start)")
        db.execute_sql("CREATE TABLE reading_rest PARTITION OF reading DEFAULT")
        for day, in db.execute_sql(DAYS).fetchall():
            name = datetime.fromtimestamp(day, timezone.utc)
            db.execute_sql(PARTITION.format(name, day, day + DAY))
    else:
        db.execute_sql(f"CREATE TABLE reading ({columns}, {', '.join(KEYS)})")
    db.execute_sql(COPY)
    db.execute_sql("DROP TABLE reading_before")
    if postgres:
        db.execute_sql("ALTER TABLE reading_set ALTER COLUMN id TYPE BIGINT")
        db.execute_sql("ALTER SEQUENCE reading_set_id_seq AS BIGINT")
        db.execute_sql(f"ALTER TABLE reading {', '.join(f'ADD {key}' for key in KEYS)}")
    db.execute_sql('CREATE INDEX "reading_set_id_start" ON "reading" ("set_id", "start")')
