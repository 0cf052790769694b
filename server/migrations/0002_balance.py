"""The balance: device numbers, signals, forecasts, measurements, plans, the audit log."""
from peewee import (AutoField, BigIntegerField, BooleanField, CompositeKey, DoubleField, ForeignKeyField,
                    Model, SmallIntegerField, TextField)


def up(migrator, db):
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Device(Table):
        id = BigIntegerField(primary_key=True)

    class VirtualDER(Table):
        id = AutoField()

    class Nature(Table):
        device = ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
        what = TextField()
        category = BigIntegerField(default=0)
        demand = DoubleField(null=True)

    class Unit(Table):
        href = TextField(primary_key=True)
        device = ForeignKeyField(Device, on_delete="CASCADE")
        type = SmallIntegerField(null=True)
        inject = DoubleField()
        absorb = DoubleField()
        capacity = DoubleField(null=True)
        ramp = DoubleField(null=True)
        charge = DoubleField(null=True)
        charge_at = BigIntegerField(null=True)
        up = DoubleField(null=True)
        down = DoubleField(null=True)
        offered = DoubleField(null=True)
        connected = BooleanField(default=True)
        modes = TextField(default="")
        was = DoubleField(null=True)
        was_at = BigIntegerField(null=True)
        inferred = DoubleField(null=True)

    class Meter(Table):
        href = TextField(primary_key=True)
        device = ForeignKeyField(Device, on_delete="CASCADE")
        what = TextField()
        factor = DoubleField()
        watts = DoubleField(null=True)
        at = BigIntegerField(null=True)
        peak = DoubleField(default=0.0)

    class Visit(Table):
        href = TextField(primary_key=True)
        device = ForeignKeyField(Device, on_delete="CASCADE")
        arrive = BigIntegerField(index=True)
        depart = BigIntegerField()
        energy = DoubleField()
        power = DoubleField()
        cancelled = BooleanField(default=False)
        said = DoubleField(null=True)
        said_at = BigIntegerField(null=True)

    class Conduct(Table):
        device = ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
        response = DoubleField(default=1.0)
        silent_since = BigIntegerField(null=True)
        out_until = BigIntegerField(null=True)
        out_reason = TextField(default="")
        events = SmallIntegerField(null=True)
        hours = DoubleField(null=True)
        tier = SmallIntegerField(default=0)

    class Series(Table):
        id = AutoField()
        vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
        what = TextField()
        issued = BigIntegerField()
        start = BigIntegerField()
        step = BigIntegerField()
        until = BigIntegerField()
        values = TextField()
        quantiles = TextField()
        source = TextField(default="")
        tolerance = DoubleField(default=0.0)
        priority = SmallIntegerField(default=0)
        every = BigIntegerField(null=True)

        class Meta:
            indexes = ((("vder", "what", "issued"), False), (("vder", "what", "until"), False))

    class Interval(Table):
        vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
        what = TextField()
        start = BigIntegerField()
        value = DoubleField(null=True)
        read = BigIntegerField(default=0)

        class Meta:
            primary_key = CompositeKey("vder", "what", "start")

    class Plan(Table):
        id = AutoField()
        vder = ForeignKeyField(VirtualDER, on_delete="CASCADE")
        state = TextField(default="draft")
        start = BigIntegerField()
        step = BigIntegerField()
        steps = BigIntegerField()
        created = BigIntegerField()
        solver = TextField(default="")
        seconds = DoubleField(default=0.0)
        requested_by = TextField(default="")
        approved_by = TextField(default="")
        reason = TextField(default="")
        warnings = TextField()
        body = TextField()
        supersedes = BigIntegerField(null=True)

    class Balance(Table):
        vder = ForeignKeyField(VirtualDER, primary_key=True, on_delete="CASCADE")
        automatic = BooleanField(default=False)
        approval = BooleanField(default=False)
        step = BigIntegerField(default=900)
        horizon = BigIntegerField(default=96)
        every = BigIntegerField(default=4)
        reserve = DoubleField(default=0.1)
        addressing = TextField(default="hybrid")
        done = BigIntegerField(null=True)
        plan = BigIntegerField(null=True)
        trouble = TextField(default="")

    class Audit(Table):
        id = BigIntegerField(primary_key=True)
        at = BigIntegerField()
        who = TextField()
        what = TextField()
        subject = TextField(default="")
        before = TextField(null=True)
        after = TextField(null=True)
        reason = TextField(default="")
        previous = TextField(unique=True)
        hash = TextField(unique=True)

    class Warmth(Table):
        device = ForeignKeyField(Device, primary_key=True, on_delete="CASCADE")
        at = BigIntegerField()
        part = DoubleField()
        meant = DoubleField()

    db.create_tables([Nature, Unit, Meter, Visit, Conduct, Warmth, Series, Interval, Plan, Balance, Audit])
    migrator.migrate(
        migrator.add_column("order", "requested_by", TextField(default="")),
        migrator.add_column("order", "plan", BigIntegerField(null=True, index=True)),
        migrator.add_column("share", "reason", TextField(default="")),
        migrator.add_index("share", ("lfdi",)))
    # Rows of devices' numbers follow from documents that are there already.
    db.execute_sql("INSERT INTO note (name, text) SELECT 'reindex', '' WHERE EXISTS (SELECT 1 FROM document)")
