"""Events are answered in the ResponseSet of their program, which bodies made anew say.

FunctionSetAssignments lose the link to the list of sets, of which each device sees others: replyTo leads on.
There is no COMPATIBLE_FROM: an earlier program would refuse what is posted to these sets.
"""
from typing import Any

import peewee

_LINK = ',"ResponseSetListLink":{"href":"/rsps","all":1}'


def up(migrator: Any, db: peewee.Database) -> None:
    db.execute_sql(f"UPDATE document SET submitted = replace(submitted, '{_LINK}', '') "
                   "WHERE kind = 'FunctionSetAssignments'")
    db.execute_sql("INSERT INTO key_value (name, value) VALUES ('reindex', '0054') ON CONFLICT DO NOTHING")
