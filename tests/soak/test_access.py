"""The access matrix sees an answer that is not the right one, in this process and over TLS."""
from __future__ import annotations

from server.resources import table
from tests.soak import access
from tests.soak.outcome import Outcome
from tests.standard.accessmatrix import KINDS, Case, Kind, expected

ROW = table.rows["DERStatus"]


def case(who: str, method: str) -> Case:
    kind: Kind = KINDS[who]
    return Case(who, method, "/edev/1/der/1/ders", ROW, expected(ROW, method, kind, visible=False))


def test_a_wrong_answer_is_a_fault() -> None:
    answers = [(case("the owner", "PUT"), 204), (case("another device", "GET"), 404),
               (case("another device", "GET"), 200), (case("a suspended device", "PUT"), 204)]
    outcome = access.compare(Outcome("access", ""), answers)
    assert outcome.faults == [
        "another device: GET /edev/1/der/1/ders (DERStatus) is 200, not 404",
        "a suspended device: PUT /edev/1/der/1/ders (DERStatus) is 204, not 403"]
    assert outcome.figures == {"200": 1, "204": 2, "404": 1} and outcome.tried.startswith("4 requests")
