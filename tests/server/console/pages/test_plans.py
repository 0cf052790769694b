"""Plans and signals: put, forecast, run, compare, approve, publish, automatic."""
from __future__ import annotations

from collections.abc import Callable

import pytest

from server.grid.balance import areasettings
from server.models import Balance, Plan
from server.operators import sessions
from server.operators.roles import Role
from tests.conftest import on_sqlite
from tests.load.scale import population
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite
BACK = "/console/plans"


@pytest.fixture
def operator(person: Callable[..., Person]) -> Person:
    """An operator of an area with three devices that have reported."""
    population.build(3)
    return person(Role.OPERATOR)


def test_the_way_from_a_signal_to_a_plan_in_force(operator: Person, person: Callable[..., Person]) -> None:
    areasettings.set_automatic("area", None, approval=True)
    operator.do("signal put", 303, area="area", kind="imbalance", flat="3kW", back=BACK)
    assert "area imbalance 3000" in text(operator.see(f"{BACK}?done=signal%20put&area=area"))
    assert "forecast" in text(operator.see(f"{BACK}/expected?area=area")).lower()
    for horizon in ("2h", "3h"):
        operator.do("plan run", 303, area="area", horizon_s=horizon, back=BACK)
    said = text(operator.see(f"{BACK}/1"))
    assert "It is draft" in said and "Approve" not in said  # an operator has not the role
    assert "Where plan 2 differs from plan 1" in text(operator.see(f"{BACK}/1/differences/2"))
    approver = person(Role.APPROVER)
    assert "Approve …" in text(approver.see(f"{BACK}/1"))
    approver.do("plan approve", 303, number="1", back=f"{BACK}/1")
    operator.do("plan publish", 303, number="1", back=f"{BACK}/1")
    assert Plan.get_by_id(1).state == Plan.PUBLISHED
    assert "Compare with plan 1, which is in force" in text(operator.see(f"{BACK}/2"))


def test_the_automatic_balance_has_its_health(operator: Person) -> None:
    Balance.create(vder=1, automatic=True, last_error="no plan was found")
    said = text(operator.see(BACK))
    assert "area on wrong no plan was found" in said and "Stop …" in said
    operator.do("plan auto", 303, area="area", state="off", back=BACK)
    assert "No area is kept in balance" in text(operator.see(BACK))


def test_a_file_is_uploaded(operator: Person) -> None:
    body = b"".join((
        b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % pair for pair in (
            (b"csrf_token", sessions.form_key(operator.cookie).encode()), (b"area", b"area"),
            (b"kind", b"imbalance"), (b"start", b"tomorrow 00:00"), (b"step_s", b"1h"))))
    body += (b'--x\r\nContent-Disposition: form-data; name="csv_file"; filename="a.csv"\r\n\r\n'
             b"1000\n2000\n\r\n--x--\r\n")
    answer = operator.open("/console/do/signal%20put", method="POST", data=body,
                           headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 200, text(answer.data.decode())
    assert "Values 2" in text(answer.data.decode())


def test_a_virtual_der_that_there_is_not(operator: Person) -> None:
    assert "nowhere" in text(operator.see(f"{BACK}/expected?area=nowhere"))
    assert "9" in text(operator.see(f"{BACK}/9", 404))
