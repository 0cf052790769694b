"""What a device follows now and next, by the events that are known."""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.devices import enrolment
from server.grid.controls import defaultcontrols, dercontrols, followed
from server.grid.groups import virtualders
from tests import peers
from tests.conftest import NOON, on_sqlite

pytestmark = on_sqlite
HOUR = 3600


@pytest.fixture
def roof(device: peers.Peer) -> Any:
    virtualders.create("town", members=["one"], primacy=50)
    virtualders.create("street", members=["one"], primacy=10)
    return enrolment.find("one")


def spans(device: Any, horizon_s: int = 24 * HOUR) -> list[tuple[int, int, str, list[str]]]:
    return [((row["start"] - NOON) // 60, (row["end"] - NOON) // 60, row["vder"], row["in_words"])
            for row in followed.ahead(device, horizon_s)["modes"]]


def test_nothing_is_followed_where_nothing_is_asked(roof: Any) -> None:
    assert followed.ahead(roof, HOUR) == {"device": "one", "lfdi": roof.lfdi, "start": NOON,
                                          "end": NOON + HOUR, "modes": []}


def test_a_stronger_event_cuts_another_and_the_default_holds_beside_them(roof: Any) -> None:
    defaultcontrols.set_default("town", {"opModMaxLimW": 9000})
    dercontrols.post("town", {"opModMaxLimW": 5000}, 2 * HOUR, NOON + HOUR)
    dercontrols.post("street", {"opModMaxLimW": 2000}, HOUR // 2, NOON + HOUR + HOUR // 2)
    ninety, fifty, twenty = (row["in_words"] for row in followed.ahead(roof, 4 * HOUR)["modes"][:3])
    assert spans(roof, 4 * HOUR) == [
        (0, 60, "town", ninety), (60, 90, "town", fifty), (90, 120, "street", twenty),
        (120, 180, "town", fifty), (180, 240, "town", ninety)]
    assert len({str(words) for words in (ninety, fifty, twenty)}) == 3
    rows = followed.ahead(roof, 4 * HOUR)["modes"]
    assert "the default" in rows[0]["reason"] and "also set by town (50)" in rows[2]["reason"]
    clock.turn_to(NOON + 100 * 60)
    assert spans(roof, HOUR)[0][:3] == (100, 120, "street")


def test_what_does_not_change_is_one_row(roof: Any) -> None:
    defaultcontrols.set_default("town", {"opModMaxLimW": 9000})
    dercontrols.post("street", {"opModConnect": True}, HOUR, NOON + HOUR)
    assert sorted(span[:3] for span in spans(roof, 3 * HOUR)) == [(0, 180, "town"), (60, 120, "street")]


def test_many_changes_are_bounded(roof: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "MOST_CHANGES", 3)
    for hour in range(1, 6):
        dercontrols.post("town", {"opModMaxLimW": 1000 * hour}, 60, NOON + hour * HOUR)
    assert followed.ahead(roof, 24 * HOUR)["end"] == NOON + HOUR + 60
