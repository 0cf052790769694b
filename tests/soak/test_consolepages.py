"""The proof of the console's pages opens all of them, and says which do not."""
from __future__ import annotations

import pytest

from server.console.pagetable import PAGES
from tests.conftest import on_sqlite
from tests.load.scale import population
from tests.soak import consolepages
from tests.soak.outcome import Outcome


@on_sqlite
def test_every_page_is_opened(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    population.build(3)
    outcome = Outcome("pages", "")
    took = dict(consolepages._open(outcome))
    assert set(took) == {*(page.href for page in PAGES), *consolepages.LATER} and outcome.faults == []
    monkeypatch.setattr(consolepages, "PAGES", [PAGES[0]._replace(path="/nothing")])
    monkeypatch.setattr(consolepages, "LATER", ())
    list(consolepages._open(outcome))
    assert outcome.faults == ["/console/nothing is 404"]
