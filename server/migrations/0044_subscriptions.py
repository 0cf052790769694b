"""Subscriptions as rows with what is due to their subscribers, and the changes that are to become due.

Documents show from now on whether they can be subscribed to.
"""
from typing import Any

import peewee
from peewee import BigAutoField, BigIntegerField, BooleanField, SmallIntegerField, TextField

COMPATIBLE_FROM = "0018_quarter_hours"


def up(migrator: Any, db: peewee.Database) -> None:
    class Subscription(peewee.Model):
        href = TextField(primary_key=True)
        lfdi = TextField()
        resource = TextField()
        kind = TextField()
        watched = TextField()
        viewer = TextField(index=True)
        only_audience = TextField(default="")
        active_only = BooleanField(default=False)
        lower = BigIntegerField(null=True)
        upper = BigIntegerField(null=True)
        uri = TextField()
        receiver = TextField()
        own_address = TextField(default="")
        base = TextField(default="")
        item_limit = BigIntegerField()
        edition = SmallIntegerField(default=2018)
        renewed_at = BigIntegerField()
        status = SmallIntegerField(default=0)
        moved_to = TextField(null=True)
        version = BigIntegerField(default=0)
        due_at = BigIntegerField(null=True)
        check_only = BooleanField(default=False)
        failing_since = BigIntegerField(null=True)
        sent_at = BigIntegerField(null=True)
        last_error = TextField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    class ResourceChange(peewee.Model):
        id = BigAutoField()
        watched = TextField()
        audience = TextField(default="")
        active = BooleanField(default=True)
        status = SmallIntegerField(default=0)
        least = BigIntegerField(null=True)
        greatest = BigIntegerField(null=True)
        after = TextField(default="")

        class Meta:
            database = db
            legacy_table_names = False

    live, due = peewee.SQL("status = 0"), Subscription.due_at.is_null(False)
    Subscription.add_index(Subscription.watched, Subscription.href)
    Subscription.add_index(Subscription.index(Subscription.lfdi, Subscription.resource, Subscription.uri,
                                              unique=True, where=live))
    Subscription.add_index(Subscription.due_at, where=due)
    Subscription.add_index(Subscription.receiver, Subscription.due_at, where=due)
    db.create_tables([Subscription, ResourceChange])
    if isinstance(db, peewee.PostgresqlDatabase):
        db.execute_sql("CREATE INDEX subscription_below ON subscription (resource text_pattern_ops)")
    else:
        db.execute_sql("CREATE INDEX subscription_below ON subscription (resource)")
    db.execute_sql("INSERT INTO key_value (name, value) VALUES ('reindex', '0044') ON CONFLICT DO NOTHING")
