"""Pages of lists: bounded in bytes as well as in items."""
from __future__ import annotations

import pytest

from server.resources import retrieve
from tests.peers import Peer

LOG_EVENT = {"createdDateTime": 1, "functionSet": 11, "logEventCode": 0, "logEventID": 1, "logEventPEN": 1,
             "profileID": 2}


def test_a_page_has_as_many_items_as_fit(device: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        device.post("/edev/1/lel", "LogEvent", {**LOG_EVENT, "createdDateTime": number})
    size = len(retrieve.page(retrieve.Selection("/edev/1/lel"), None, 0, None, 1).items[0][1])
    monkeypatch.setattr(retrieve, "PAGE_BYTES", 2 * size + 1)
    hrefs, pages = [], []
    while len(hrefs) < 5:
        page = device.get(f"/edev/1/lel?l=255&s={len(hrefs)}").data
        hrefs += [item["createdDateTime"] for item in page["LogEvent"]]
        pages.append((page["all"], page["results"]))
    assert pages == [(5, 2), (5, 2), (5, 1)] and sorted(hrefs) == [0, 1, 2, 3, 4]


def test_an_item_that_is_too_long_for_a_page_has_one_of_its_own(
    device: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.post("/edev/1/lel", "LogEvent", LOG_EVENT)
    device.post("/edev/1/lel", "LogEvent", {**LOG_EVENT, "createdDateTime": 2})
    monkeypatch.setattr(retrieve, "PAGE_BYTES", 10)
    page = device.get("/edev/1/lel?l=255").data
    assert (page["all"], page["results"]) == (2, 1)
