"""The first tables: a frozen copy of the models as they were. Later changes have migrations of their own."""
from peewee import (AutoField, BigIntegerField, BlobField, BooleanField, CompositeKey, FloatField,
                    ForeignKeyField, IntegerField, Model, SmallIntegerField, TextField)


def up(migrator, db):
    class Table(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class Document(Table):
        href = TextField(primary_key=True)
        kind = TextField()
        parent = TextField()
        audience = TextField()
        stated = TextField(null=True)
        body = BlobField()
        body_2023 = BlobField(null=True)
        mrid = TextField(null=True)
        sort = BlobField()
        at = BigIntegerField(null=True)
        until = BigIntegerField(null=True)
        standing = SmallIntegerField(default=0)
        fresh_until = BigIntegerField(null=True)
        status = TextField(null=True)

    _LISTED = Document.standing < 2
    Document.add_index(Document.parent, Document.sort, Document.audience, Document.standing)
    for _columns, _where in (
            ((Document.parent, Document.audience, Document.sort, Document.standing), _LISTED),
            ((Document.parent, Document.standing), Document.standing == 1),
            ((Document.parent, Document.at, Document.until), _LISTED & Document.status.is_null(False)),
            ((Document.mrid,), Document.mrid.is_null(False)),
            ((Document.fresh_until,), Document.fresh_until.is_null(False))):
        Document.add_index(*_columns, where=_where)

    class Counter(Table):
        name = TextField(primary_key=True)
        value = BigIntegerField()

    class Device(Table):
        id = BigIntegerField(primary_key=True)
        lfdi = TextField(unique=True)
        sfdi = BigIntegerField(unique=True)
        name = TextField(default="")
        kind = TextField(default="")
        labels = TextField()
        state = TextField(default="enrolled")
        manager = TextField(default="", index=True)
        enrolled_at = BigIntegerField()
        seen_at = BigIntegerField(null=True)

    class Audience(Table):
        lfdi = TextField()
        audience = TextField(index=True)

        class Meta:
            primary_key = CompositeKey("lfdi", "audience")

    class ReadingSet(Table):
        id = AutoField()
        meter = TextField()
        number = BigIntegerField()
        mrid = TextField()
        start = BigIntegerField()
        duration = BigIntegerField()
        stated = TextField()

        class Meta:
            indexes = ((("meter", "number"), True), (("meter", "mrid"), False), (("meter", "start"), False))

    class Reading(Table):
        set = ForeignKeyField(ReadingSet, on_delete="CASCADE", index=False)
        number = BigIntegerField()
        start = BigIntegerField()
        duration = BigIntegerField()
        value = BigIntegerField(null=True)
        stated = TextField()
        sort = BigIntegerField(default=0)

        class Meta:
            indexes = ((("set", "number"), True), (("set", "start"), False))

    class Answer(Table):
        href = TextField(primary_key=True)
        subject = TextField()
        lfdi = TextField()
        status = SmallIntegerField(null=True)
        created = BigIntegerField(null=True)
        received = BigIntegerField()

        class Meta:
            indexes = ((("subject", "lfdi"), False),)

    class Rate(Table):
        what = TextField()
        kind = TextField(default="")
        lfdi = TextField(default="")
        seconds = IntegerField()

        class Meta:
            primary_key = CompositeKey("what", "kind", "lfdi")

    class Note(Table):
        name = TextField(primary_key=True)
        text = TextField()

    class VirtualDER(Table):
        id = AutoField()
        name = TextField(unique=True)
        purpose = TextField(default="")
        parent = ForeignKeyField("self", null=True, on_delete="RESTRICT", backref="children")
        primacy = SmallIntegerField()
        rule = TextField(default="")
        program = TextField(default="")
        import_limit = FloatField(null=True)
        export_limit = FloatField(null=True)
        device = ForeignKeyField(Device, null=True, on_delete="CASCADE", unique=True)
        created = BigIntegerField()

    class Membership(Table):
        vder = ForeignKeyField(VirtualDER, on_delete="CASCADE", index=False)
        device = ForeignKeyField(Device, on_delete="CASCADE")
        listed = BooleanField(default=False)

        class Meta:
            primary_key = CompositeKey("vder", "device")

    class Order(Table):
        id = AutoField()
        vder = ForeignKeyField(VirtualDER, on_delete="CASCADE")
        wish = TextField()
        value = FloatField()
        addressing = TextField()
        start = BigIntegerField()
        duration = BigIntegerField()
        target_w = FloatField(null=True)
        planned_w = FloatField(null=True)
        reason = TextField(default="")
        warnings = TextField()
        created = BigIntegerField()
        cancelled = BigIntegerField(null=True)

    class Share(Table):
        order = ForeignKeyField(Order, on_delete="CASCADE")
        lfdi = TextField()
        event = TextField()
        mrid = TextField(index=True)
        planned_w = FloatField(null=True)
        baseline_w = FloatField(null=True)

        class Meta:
            primary_key = CompositeKey("order", "lfdi")

    db.create_tables([Document, Counter, Device, Audience, ReadingSet, Reading, Answer, Rate, Note,
                      VirtualDER, Membership, Order, Share])
