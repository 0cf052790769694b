"""Users, tokens and sessions of the operator interface, and attempts to sign in that have failed."""
from typing import Any

import peewee
from peewee import AutoField, BigIntegerField, BooleanField, IntegerField, TextField

COMPATIBLE_FROM = "0050_profiles"


def up(migrator: Any, db: peewee.Database) -> None:
    class VirtualDER(peewee.Model):
        id = AutoField()

        class Meta:
            database = db
            table_name = "virtual_der"

    class OperatorUser(peewee.Model):
        id = AutoField()
        name = TextField(unique=True)
        role = TextField()
        vder = peewee.ForeignKeyField(VirtualDER, null=True, on_delete="RESTRICT")
        password = TextField()
        disabled = BooleanField()
        created_at = BigIntegerField()
        password_at = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False

    class OperatorToken(peewee.Model):
        id = AutoField()
        user = peewee.ForeignKeyField(OperatorUser, on_delete="CASCADE", index=False)
        name = TextField()
        hash = TextField(unique=True)
        role = TextField()
        vder = peewee.ForeignKeyField(VirtualDER, null=True, on_delete="RESTRICT")
        created_at = BigIntegerField()
        expires_at = BigIntegerField()
        last_used_at = BigIntegerField(null=True)

        class Meta:
            database = db
            legacy_table_names = False
            indexes = ((("user", "name"), True),)

    class OperatorSession(peewee.Model):
        hash = TextField(primary_key=True)
        user = peewee.ForeignKeyField(OperatorUser, on_delete="CASCADE")
        csrf = TextField()
        created_at = BigIntegerField()
        seen_at = BigIntegerField(index=True)

        class Meta:
            database = db
            legacy_table_names = False

    class SignInFailure(peewee.Model):
        key = TextField(primary_key=True)
        failures = IntegerField()
        failed_at = BigIntegerField(index=True)

        class Meta:
            database = db
            legacy_table_names = False

    db.create_tables([OperatorUser, OperatorToken, OperatorSession, SignInFailure])
