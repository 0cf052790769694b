import pytest

from server import clock
from server.errors import Refused
from server.grid.controls import dercontrols, responses
from server.grid.groups import virtualders
from server.resources.codes import ResponseStatus
from tests.server.grid.conftest import Home


def latest(home: Home, mrid: str) -> str | None:
    key = (home.lfdi, mrid)
    return responses.latest_responses({key}).get(key)


@pytest.mark.parametrize("status, words", [
    (ResponseStatus.RECEIVED, "received"),
    (ResponseStatus.STARTED, "started"),
    (ResponseStatus.OPTED_OUT, "opted out"),
    (ResponseStatus.OPTED_IN, "started"),  # opted in again: it runs
    (ResponseStatus.INVALID, "invalid"),
])
def test_the_latest_response_in_words(battery, status, words):
    home = battery(1)
    virtualders.create("north", "*")
    mrid = dercontrols.post("north", {"opModFixedW": 1}, 600)["mrid"]
    assert latest(home, mrid) is None
    home.answer(mrid, 1, clock.now())
    home.answer(mrid, status, clock.now() + 1)
    assert latest(home, mrid) == words


@pytest.mark.parametrize("status, words", [
    (ResponseStatus.RESUMED, "started"),
    (ResponseStatus.NOT_SUPPORTED, "not supported"),  # it does not run
])
def test_statuses_of_the_2023_edition(battery, status, words):
    home = battery(1)
    virtualders.create("north", "*")
    mrid = dercontrols.post("north", {"opModFixedW": 1}, 600)["mrid"]
    reply = home.client.post("/rsps/1/rsp", "DERControlResponse", {
        "@schemaVer": "2.2", "createdDateTime": clock.now(), "endDeviceLFDI": home.lfdi, "status": status,
        "subject": mrid})
    assert reply.status == 201 and latest(home, mrid) == words


def test_responses_by_event_and_device_newest_first(battery):
    homes = [battery(1), battery(2)]
    virtualders.create("north", "*")
    control = dercontrols.post("north", {"opModFixedW": 1}, 600)
    for home in homes:
        home.answer(control["mrid"], 1)
        clock.advance(1)
    for event in (control["href"], control["mrid"], control["mrid"].lower(), None):
        assert [row["device"] for row in responses.list_responses(event)] == ["d2", "d1"]
    row, = responses.list_responses(control["href"], homes[0].lfdi)
    assert row == {
        "device": "d1", "lfdi": homes[0].lfdi, "event": control["mrid"], "status": 1, "answer": "received",
        "created_at": clock.now() - 2, "received_at": clock.now() - 2,
    }
    assert len(responses.list_responses(limit=1)) == 1
    with pytest.raises(Refused, match="is not an event"):
        responses.list_responses(f"/edev/{homes[0].device.id}")
