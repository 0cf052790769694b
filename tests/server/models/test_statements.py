"""A statement that is wrong is no absent database."""
from __future__ import annotations

import peewee
import pytest

from server.devices import enrolment
from server.models import DATABASE_ERRORS, Device, among, db, statements
from server.resources import sql
from tests import peers

MANY = range(1, 70_000)  # more than any database takes


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("statement", ["SELEC 1", "SELECT nothing FROM device", "SELECT 1 FROM nowhere"])
def test_what_the_database_does_not_understand(statement: str) -> None:
    with pytest.raises(peewee.ProgrammingError) as wrong:
        db.execute_sql(statement)
    assert not isinstance(wrong.value, DATABASE_ERRORS)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("count", [statements.MOST_PARAMETERS + 1, len(MANY)])
def test_too_many_parameters_are_refused_before_they_are_sent(count: int) -> None:
    with pytest.raises(peewee.ProgrammingError, match=f"a statement with {count} parameters"):
        list(Device.select().where(Device.id.in_(MANY[:count])))
    sql.row(f"SELECT count(*) FROM device WHERE id IN ({sql.marks(statements.MOST_PARAMETERS)})",
            *MANY[:statements.MOST_PARAMETERS])


@pytest.mark.usefixtures("server")
def test_any_number_of_values_is_asked_for_by_several_statements() -> None:
    number = enrolment.enrol(peers.lfdi(1), name="one").id
    assert [device.name for device in among(Device.select(), Device.id, MANY)] == ["one"]
    assert list(sql.among("SELECT id FROM device WHERE id IN ({}) AND name = ?", MANY, "one")) == [(number,)]


@pytest.mark.usefixtures("server")
def test_a_failed_transaction_is_not_the_fault_of_its_statements() -> None:
    with pytest.raises(peewee.PeeweeException) as failed:
        db.execute_sql("ROLLBACK TO SAVEPOINT nowhere")
    assert not isinstance(failed.value, peewee.ProgrammingError)
