"""Renames: keys, indexes, conditions and names follow; no row is touched."""
from __future__ import annotations

from typing import Any

import pytest
from peewee import (AutoField, BigIntegerField, CompositeKey, ForeignKeyField, IntegrityError, Model,
                    SmallIntegerField, TextField)

from server.migrations import renames
from server.models import db
from tests import tables
from tests.server.migrations.conftest import OpenAt, clear


class Before(Model):
    class Meta:
        database = db
        legacy_table_names = False


class Order(Before):
    id = AutoField()
    parent = ForeignKeyField("self", null=True, on_delete="RESTRICT")
    what = TextField(unique=True)
    kind = TextField(default="", index=True)
    state = SmallIntegerField(default=0)


Order.add_index(Order.kind, Order.state, where=(Order.state < 2) & Order.what.is_null(False))
Order.add_index(Order.state, name="of_its_own")


class Share(Before):
    order = ForeignKeyField(Order, on_delete="CASCADE")
    lfdi = TextField()
    at = BigIntegerField(null=True)

    class Meta:
        primary_key = CompositeKey("order", "lfdi")
        indexes = ((("order", "at"), False),)


class After(Model):
    class Meta:
        database = db
        legacy_table_names = False


class DispatchOrder(After):
    number = AutoField()
    parent = ForeignKeyField("self", null=True, on_delete="RESTRICT")
    kind = TextField(unique=True)
    program = TextField(default="", index=True)
    visibility = SmallIntegerField(default=0)


DispatchOrder.add_index(DispatchOrder.program, DispatchOrder.visibility,
                        where=(DispatchOrder.visibility < 2) & DispatchOrder.kind.is_null(False))
DispatchOrder.add_index(DispatchOrder.visibility, name="of_its_own")


class Part(After):
    dispatch_order = ForeignKeyField(DispatchOrder, on_delete="CASCADE")
    lfdi = TextField()
    at = BigIntegerField(null=True)

    class Meta:
        primary_key = CompositeKey("dispatch_order", "lfdi")
        table_name = "order"  # the name that the other table had
        indexes = ((("dispatch_order", "at"), False),)


TABLES = {"share": "order", "order": "dispatch_order"}
COLUMNS = {"order": {"what": "kind", "kind": "program", "id": "number", "state": "visibility"},
           "share": {"order_id": "dispatch_order_id"}}


def create_tables(open_at: OpenAt, url: str, *kinds: type[Model]) -> dict[str, Any]:
    """The description of these tables, made new in an empty database."""
    db.close()
    clear(url)
    open_at("")
    db.create_tables(kinds)
    return tables.describe()


def test_renamed_tables_are_as_if_they_had_been_made_with_the_new_names(open_at: OpenAt, blank: str) -> None:
    open_at("")
    expected = create_tables(open_at, blank, DispatchOrder, Part)
    create_tables(open_at, blank, Order, Share)
    Order.create(what="a", kind="b")
    Share.create(order=1, lfdi="c")
    with db.atomic():
        renames.rename(db.obj, TABLES, COLUMNS)
    assert tables.describe() == expected
    order = DispatchOrder.get()
    assert (order.number, order.kind, order.program) == (1, "a", "b") and Part.get().dispatch_order == order
    assert DispatchOrder.create(kind="d").number == 2, "numbers go on"
    with pytest.raises(IntegrityError):
        Part.create(dispatch_order=3, lfdi="c")
    DispatchOrder.delete().execute()
    assert not Part.select().count()


def test_an_index_with_a_name_of_its_own_keeps_it(open_at: OpenAt, blank: str) -> None:
    open_at("")
    create_tables(open_at, blank, Order)
    renames.rename(db.obj, {"order": "sequence"}, {})
    assert "of_its_own" in {index.name for index in db.get_indexes("sequence")}


def test_what_is_not_renamed_is_left_alone(open_at: OpenAt) -> None:
    open_at(None)
    before = tables.describe()
    renames.rename(db.obj, {}, {})
    assert tables.describe() == before


def test_names_cannot_be_exchanged_in_one_step(open_at: OpenAt, blank: str) -> None:
    open_at("")
    before = create_tables(open_at, blank, Order)
    with db.atomic(), pytest.raises(ValueError, match="third name"):
        renames.rename(db.obj, {}, {"order": {"what": "kind", "kind": "what"}})
    assert tables.describe() == before
